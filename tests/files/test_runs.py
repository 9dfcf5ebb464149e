"""Run directories and their logs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recurra.errors import ArgumentTypeError, ConfigurationError, FileError
from recurra.files import Log, new_run, read_log, write_config


def test_runs_are_numbered_after_the_highest(tmp_path: Path) -> None:
    assert new_run(tmp_path / "runs", "slots") == tmp_path / "runs" / "slots-1"
    assert new_run(tmp_path / "runs", "slots").name == "slots-2"
    assert new_run(tmp_path / "runs", "ner").name == "ner-1"
    for name in ("slots-9", "slots-x", "slots-10-old", "slots-crf-70"):
        (tmp_path / "runs" / name).mkdir()
    assert new_run(tmp_path / "runs", "slots").name == "slots-10"


def test_no_two_runs_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: new_run(tmp_path, "slots"), range(64)))
    assert sorted(run.name for run in runs) == sorted(f"slots-{number}" for number in range(1, 65))


@pytest.mark.parametrize("recipe", ["", "../x", "a/b", "-x", ".x", "a b"])
def test_a_recipe_cannot_leave_the_root(tmp_path: Path, recipe: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        new_run(tmp_path, recipe)
    assert str(caught.value) == f"new_run: a recipe's name must be letters, digits, '.', '_' and '-', got {recipe!r}."
    assert os.listdir(tmp_path) == []


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(FileError, match="runs: cannot be written: File exists"):
        new_run(tmp_path / "runs", "slots")


def test_the_configuration_is_toml(tmp_path: Path) -> None:
    write_config(tmp_path, {"seed": 1, "model": {"cell": "gru"}})
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"seed": 1, "model": {"cell": "gru"}}


def test_a_log_grows_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with Log(path) as log:
        log.write({"step": 1, "loss": 0.5})
        assert path.read_bytes() == b'{"step":1,"loss":0.5}\n'
        log.write({"step": 2, "note": "湖\n"})
        log.sync()
        assert log.lines == 2
    with Log(path) as log:
        assert log.lines == 2
        log.write({"step": 3})
    assert read_log(path) == [{"step": 1, "loss": 0.5}, {"step": 2, "note": "湖\n"}, {"step": 3}]


def test_half_a_line_is_no_record_and_goes_when_the_run_is_resumed(tmp_path: Path) -> None:
    whole = b'{"step":1}\n{"step":2}\n'
    for half in (b"{", b'{"step":3}', b'{"note":"\xe6\xb9'):
        (tmp_path / "log").write_bytes(whole + half)
        assert read_log(tmp_path / "log") == [{"step": 1}, {"step": 2}]
        assert (tmp_path / "log").read_bytes() == whole + half
        with Log(tmp_path / "log") as log:
            assert log.lines == 2
        assert (tmp_path / "log").read_bytes() == whole


def test_a_resumed_log_goes_on_where_the_checkpoint_does(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b'{"step":1}\n{"step":2}\n{"step":3}\n{"st')
    with Log(tmp_path / "log", keep=2) as log:
        log.write({"step": 4})
    assert read_log(tmp_path / "log") == [{"step": 1}, {"step": 2}, {"step": 4}]
    with pytest.raises(FileError) as caught:
        Log(tmp_path / "log", keep=5)
    assert str(caught.value) == f"{tmp_path / 'log'}: has 3 lines, but the checkpoint was saved after 5. The log was changed or lost."
    with Log(tmp_path / "log", keep=0) as log:
        assert log.lines == 0
    assert read_log(tmp_path / "log") == []


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    for line in (b"{", b"[1]", b"", b"\xff"):
        (tmp_path / "log").write_bytes(b'{"step":1}\n' + line + b'\n{"step":3}\n')
        with pytest.raises(FileError) as caught:
            read_log(tmp_path / "log")
        assert str(caught.value) == f"{tmp_path / 'log'}: line 2 is not a JSON object. The log was damaged or edited."


def test_a_number_that_is_not_finite_is_not_logged(tmp_path: Path) -> None:
    with Log(tmp_path / "log") as log, pytest.raises(ArgumentTypeError, match=r"log\.loss: must be finite, got nan"):
        log.write({"loss": float("nan")})
    assert (tmp_path / "log").read_bytes() == b""


def test_a_missing_log(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_log(tmp_path / "log")
    with pytest.raises(FileError, match="cannot be written: No such file"):
        Log(tmp_path / "none" / "log")


FULL = """
import resource, sys
from recurra.errors import FileError
from recurra.files import Log
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
log = Log(sys.argv[1])
try:
    while True:
        log.write({"step": log.lines, "loss": 0.125})
except FileError as error:
    print(error.errno, log.lines, error)
"""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    process = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60, check=True)
    sentence = "cannot be written: No space left on device; free some space and try again."
    assert process.stdout == f"{errno.ENOSPC} 4 {path}: {sentence}\n"
    assert path.read_bytes().endswith(b"\n")
    assert len(read_log(path)) == 4
