"""What a run leaves behind: in its directory, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from recurra.errors import FileError
from recurra.files import Log, lock_folder, new_run, read_log, write_config
from recurra.tasks import Model
from recurra.tasks.model import versions

ROOT = "runs"


@final
@dataclass(frozen=True)
class Record:
    """A run directory while it is written: config.toml, log.jsonl, last.rnn, best.rnn. Without a folder nothing is kept.

    `origin` says which data the run is about: `data`, the whole path (None for a built-in corpus), and `digest`, their content.
    """

    folder: Path | None = None
    log: Log | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def write(self, record: Mapping[str, Any]) -> None:
        """A line of log.jsonl."""
        if self.log is not None:
            self.log.write(record)

    def save(self, model: Model, name: str) -> None:
        """Save a model as `last` or `best`, whole or not at all."""
        if self.folder is not None:
            model.save(self.folder / f"{name}.rnn")

    def checkpoint(self, model: Model, tensors: Mapping[str, Tensor], progress: Mapping[str, Any]) -> None:
        """Save last.rnn so that the run can go on from it, once the log that belongs to it is on the disk."""
        if self.folder is not None and self.log is not None:
            self.log.sync()
            threads = torch.get_num_threads()
            known = {"progress": progress, "lines": self.log.lines, "threads": threads, "versions": versions(), **self.origin}
            model.save(self.folder / "last.rnn", tensors, known)

    @property
    def kept(self) -> str:
        """What can be taken up again, for the end of a sentence."""
        names = [name for name in ("last.rnn", "best.rnn") if self.folder is not None and (self.folder / name).exists()]
        return f"{' and '.join(names)} in {self.folder} {'are' if len(names) > 1 else 'is'} whole" if names else "no model was saved"


@contextmanager
def recorded(
    run: str | Path | bool | None, recipe: str, configuration: Mapping[str, Any], origin: Mapping[str, Any]
) -> Iterator[Record]:
    """Open the directory of a run: the next runs/RECIPE-N for None, that folder, or none for False.

    Raises FileError where a run already stands in the folder or another process holds it.
    """
    if run is False:
        yield Record()
        return
    folder = new_run(ROOT, recipe) if run is None or run is True else _made(Path(run))
    with lock_folder(folder):
        if (folder / "config.toml").exists():
            raise FileError(f"{folder}: a run stands there already. Take another folder, or remove that one.")
        write_config(folder, configuration)
        with Log(folder / "log.jsonl") as log:
            yield Record(folder, log, origin)


@contextmanager
def taken(folder: Path) -> Iterator[bool]:
    """Hold the directory of a run that is there; whether the run has ended. Raises FileError, also when another process holds it."""
    if not (folder / "config.toml").exists():
        raise FileError(f"{folder}: no run stands there. Give the folder that train named, such as runs/slots-1.")
    with lock_folder(folder):
        lines = read_log(folder / "log.jsonl") if (folder / "log.jsonl").exists() else []
        ended = bool(lines) and lines[-1].get("end") is True
        if not ended and not (folder / "last.rnn").exists():
            raise FileError(f"{folder}: was stopped before its first checkpoint. Train anew, with --config {folder}/config.toml.")
        yield ended


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be made a run directory: {error.strerror}.") from error
    return folder
