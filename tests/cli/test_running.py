"""What every command has in common: help, exit codes, one line about an error, signals, a reader that has left."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recurra import errors
from recurra.cli import main
from recurra.cli.complaints import Terminated, exit_code, sentence

VERBS = ("train", "resume", "predict", "evaluate", "compare", "cells", "recipes", "doctor", "verify", "bench")


def recurra(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, some variables of its environment changed."""
    command = [sys.executable, "-m", "recurra", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env={**environment(), **changed})


def environment() -> dict[str, str]:
    """This process's, with the package found from any folder."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}


def seconds_of_children() -> float:
    """Processor time, which does not grow when the machine is busy with something else."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("words", [["--help"], ["-h"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_is_quick_and_imports_no_torch(words: list[str]) -> None:
    code = f"import sys\nfrom recurra.cli import main\ncode = main({words!r})\nassert 'torch' not in sys.modules\nsys.exit(code)"
    took = []
    for _ in range(3):
        before = seconds_of_children()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60, env=environment())
        took.append(seconds_of_children() - before)
    assert min(took) < 0.5


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {verb} " in text for verb in VERBS)


def test_the_module_runs_as_the_command() -> None:
    done = recurra("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("recurra ")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (errors.ConfigurationError("train: no."), 2, "train: no."),
        (errors.BackendError("cpu: no."), 3, "cpu: no."),
        (MemoryError(), 3, "the memory does not suffice (MemoryError): make the batch or the model smaller."),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 3, "the memory does not suffice"),
        (errors.DivergedError("training: no."), 4, "training: no."),
        (errors.FileError("a.rnn: no."), 5, "a.rnn: no."),
        (PermissionError(13, "Permission denied", "a.rnn"), 5, "a.rnn: Permission denied."),
        (OSError("strange"), 5, "input or output: strange."),
        (errors.ModelFileError("a.rnn: no."), 6, "a.rnn: no."),
        (errors.DataError("a.txt: no."), 7, "a.txt: no."),
        (KeyboardInterrupt(), 130, "interrupted."),
        (Terminated(), 143, "terminated."),
        (ZeroDivisionError("oh"), 1, "this is a bug, please report it: ZeroDivisionError: oh (--debug shows where)."),
        (errors.DataError("two\n  lines"), 7, "two lines"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_has_its_code_and_one_line(error: BaseException, code: int, text: str) -> None:
    assert exit_code(error) == code
    assert sentence(error).startswith(text)
    assert "\n" not in sentence(error)


def test_debug_shows_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells", "no_such_cell", "--debug"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert "in find" in shown


def test_a_reader_that_leaves_is_no_error() -> None:
    command = ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m recurra cells | head -1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment())
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith("feedforward")


@pytest.mark.parametrize(("number", "code", "text"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")])
def test_a_signal_ends_with_one_line(tmp_path: Path, number: signal.Signals, code: int, text: str) -> None:
    words = ["train", "slots", "--set", "training.epochs=1000", "--set", "corpus.train=200", "--set", "corpus.test=10", "-o", "kept.rnn"]
    command = [sys.executable, "-m", "recurra", *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stderr is not None
        lines = iter(process.stderr)
        while not next(lines).startswith("epoch 1/"):
            pass
        process.send_signal(number)
        rest = [line for line in lines if not line.startswith("epoch ")]
        assert process.wait(timeout=60) == code
    assert rest[-1] == f"recurra: {text}.\n"
    assert not any("Traceback" in line for line in rest)
    # What stands in the run's folder is whole; what would have been written at the end is not there.
    assert not (tmp_path / "kept.rnn").exists()
    assert not list(tmp_path.rglob("*.tmp"))
    assert main(["evaluate", str(tmp_path / "runs/slots-1/last.rnn")]) == 0


def test_a_terminal_without_the_letters_is_no_error() -> None:
    done = recurra("cells", "台北", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert done.stderr.startswith("recurra: unknown cell '\\u53f0\\u5317'")


def test_json_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["cells"], ["cells", "lstm"], ["recipes"], ["recipes", "slots"]):
        assert main([*words, "--json"]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        json.loads(shown.out)
        assert shown.out.count("\n") == 1
