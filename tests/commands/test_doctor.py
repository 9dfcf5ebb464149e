"""The doctor is content with a whole machine, and says what is wrong with a broken one."""

from __future__ import annotations

import errno
import importlib.metadata
import json
import sys
import tempfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recurra.cli import main
from recurra.commands import doctor
from recurra.commands.doctor import Check, examine
from recurra.compiler import Program
from recurra.errors import FileError

REQUIRED = ["torch>=2.11", "numpy>=2.0", "fastapi; extra == 'serve'", "pytest>=9; extra == 'dev'"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Which packages are installed, in which version."""
    versions = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "requires", lambda _: REQUIRED)
    monkeypatch.setattr(importlib.metadata, "version", version)
    return versions


def faults() -> dict[str, Check]:
    """What is not fine."""
    return {check.what: check for check in examine() if not check.fine}


def test_a_whole_machine_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert [line.split()[1] for line in lines] == ["python", "torch", "numpy", "fastapi", "cells", "engine", "disk"]


def test_a_missing_package_is_named(installed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    del installed["numpy"]
    assert main(["doctor", "--json"]) == 3
    shown = capsys.readouterr()
    found = {row["what"]: row for row in json.loads(shown.out)}
    assert (found["numpy"]["fine"], found["numpy"]["found"]) == (False, "not installed")
    assert (found["fastapi"]["fine"], found["fastapi"]["found"]) == (True, "not installed, for the extra serve")
    assert shown.err == "recurra: doctor: numpy: pip install 'numpy>=2.0'.\n"


def test_an_old_package_is_named(installed: dict[str, str]) -> None:
    installed["torch"] = "2.9.1+cpu"
    assert faults()["torch"].advice == "pip install 'torch>=2.11'"


def test_recurra_itself_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    assert list(faults()) == ["recurra"]


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert faults()["python"].advice == "install Python 3.11 or newer"


def broken_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.nn.LSTM.forward
    monkeypatch.setattr(torch.nn.LSTM, "forward", lambda self, x, state: whole(self, x * (1 + 1e-9), state))


def broken_json(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Program.to_json
    monkeypatch.setattr(Program, "to_json", lambda self: whole(self).replace("tanh", "sigmoid"))


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: Any) -> None:
        raise FileError("cannot be written: No space left on device.")

    monkeypatch.setattr("recurra.files.write_model", write)


def nearly_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    status = namedtuple("status", "f_bavail f_frsize")(10, 4096)
    monkeypatch.setattr(doctor.os, "statvfs", lambda _: status)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", make)


@pytest.mark.parametrize(
    ("what", "break_it", "found"),
    [
        ("engine", broken_lstm, "ValueError: the LSTM is "),
        ("cells", broken_json, "ValueError: "),
        ("disk", full_disk, "FileError: cannot be written"),
        ("disk", nearly_full_disk, "ValueError: 0.0 GB are free in "),
        ("disk", no_folder, "OSError: [Errno 30] Read-only file system"),
    ],
)
def test_what_is_broken_is_seen(
    monkeypatch: pytest.MonkeyPatch, what: str, break_it: Callable[[pytest.MonkeyPatch], None], found: str
) -> None:
    break_it(monkeypatch)
    assert list(faults()) == [what]
    assert faults()[what].found.startswith(found)


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert faults() == {}
    assert list(tmp_path.iterdir()) == []
