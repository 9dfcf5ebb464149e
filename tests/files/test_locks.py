"""One process at a time in a folder; a killed one leaves nothing locked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recurra.errors import FileError
from recurra.files import lock_folder, locks

HOLDER = """
import sys
from recurra.files import lock_folder
with lock_folder(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the folder until its input is closed."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_with_the_holders_pid(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(FileError) as caught, lock_folder(tmp_path):
            pass
        assert str(caught.value) == f"{tmp_path}: in use by process {process.pid}. Wait until it ends, or take another folder."
        assert caught.value.exit_code == 5
    finally:
        process.communicate("", timeout=60)
    with lock_folder(tmp_path):
        pass


def test_a_killed_holder_leaves_nothing_locked(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    (tmp_path / ".lock").write_text("12345678901234567890\n")
    with lock_folder(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with lock_folder(tmp_path), pytest.raises(FileError, match=f"in use by process {os.getpid()}"), lock_folder(tmp_path):
        pass


def test_an_error_inside_releases_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), lock_folder(tmp_path):
        raise ValueError("inside")
    with lock_folder(tmp_path):
        pass


def test_temporaries_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".recurra-0123456789abcdef.tmp", "keep.tmp", ".recurra-keep", "best.rnn"):
        (tmp_path / name).write_bytes(b"")
    with lock_folder(tmp_path):
        assert sorted(os.listdir(tmp_path)) == [".lock", ".recurra-keep", "best.rnn", "keep.tmp"]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none: cannot be written: No such file"), lock_folder(tmp_path / "none"):
        pass


def test_a_system_without_locks_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.warns(RuntimeWarning) as caught, lock_folder(tmp_path):
        pass
    assert str(caught[0].message) == f"{tmp_path}: this system cannot lock a folder; do not start a second run in it."
    assert caught[0].filename == __file__
