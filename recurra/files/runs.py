"""Run directories: `runs/RECIPE-N` with config.toml, log.jsonl, last.rnn and best.rnn."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from recurra.errors import ConfigurationError, FileError
from recurra.files import strict_json
from recurra.files.atomic import atomic_write, file_error
from recurra.files.toml import to_toml

RECIPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def new_run(root: str | os.PathLike[str], recipe: str) -> Path:
    """Make and return the next of root/RECIPE-1, RECIPE-2, ...; two processes at once get two folders."""
    if not RECIPE.fullmatch(recipe):
        raise ConfigurationError(f"new_run: a recipe's name must be letters, digits, '.', '_' and '-', got {recipe!r}.")
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        number = 1 + max((_number(entry.name, recipe) for entry in os.scandir(root)), default=0)
        while True:
            run = Path(root, f"{recipe}-{number}")
            try:
                run.mkdir()
                return run
            except FileExistsError:
                number += 1
    except OSError as error:
        raise file_error(root, "written", error) from error


def write_config(run: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
    """Write the resolved configuration of a run as config.toml."""
    atomic_write(Path(run, "config.toml"), to_toml(config))


class Log:
    """An append-only log of one JSON object a line; what is in a line survives the process.

        with Log("runs/ner-1/log.jsonl") as log:
            log.write({"step": 1, "loss": 0.7})

    Opening it for a resumed run removes half a line that a killed process left, and with `keep=n` all lines after the first n: a checkpoint
    stores `log.lines`, after `log.sync()`, so that the log goes on where the weights do. FileError when there are fewer than n.
    """

    def __init__(self, path: str | os.PathLike[str], keep: int | None = None) -> None:
        self.path = os.fspath(path)
        self.lines = 0
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            self._cut(keep)
        except OSError as error:
            raise error if isinstance(error, FileError) else file_error(path, "written", error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record; its numbers must be finite. ArgumentTypeError, else; FileError, with no half line left, from a full disk."""
        strict_json.check_json(dict(record), "log")
        line = (strict_json.dumps(dict(record)) + "\n").encode()
        end = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, line) < len(line):
                os.ftruncate(self._descriptor, end)
                raise OSError(errno.ENOSPC, "")
        except OSError as error:
            raise file_error(self.path, "written", error) from error
        self.lines += 1

    def sync(self) -> None:
        """Bring all lines to the disk itself: they then survive a power cut."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cut(self, keep: int | None) -> None:
        """Count the whole lines and cut the file after them, or after the first `keep`."""
        end = 0
        with open(self.path, "rb") as file:
            for line in file:
                if self.lines == keep or not line.endswith(b"\n"):
                    break
                self.lines, end = self.lines + 1, end + len(line)
        if keep is not None and self.lines < keep:
            self.close()
            raise FileError(f"{self.path}: has {self.lines} lines, but the checkpoint was saved after {keep}. The log was changed or lost.")
        os.ftruncate(self._descriptor, end)


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of a log; half a line at its end, left by a killed process, is none. FileError, naming the line, for a damaged one."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise file_error(path, "read", error) from error
    records = []
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise FileError(f"{os.fspath(path)}: line {number} is not a JSON object. The log was damaged or edited.")
        records.append(record)
    return records


def _number(name: str, recipe: str) -> int:
    found = re.fullmatch(rf"{re.escape(recipe)}-([0-9]{{1,9}})", name)
    return int(found[1]) if found else 0
