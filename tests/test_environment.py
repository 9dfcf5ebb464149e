"""Making `.venv`: what stands in the way is said in one sentence, and an interrupted installation is repaired by the next one."""

from __future__ import annotations

import ast
import importlib.util
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tools" / "environment.py"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, at work in a folder of its own, offline, and with commands that are only noted."""
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ran = []
    (tmp_path / "constraints.txt").write_text("numpy==2.0\ntorch==2.13.0\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "answers", lambda *_: False)
    monkeypatch.setattr(module.subprocess, "run", noting(module.ran, tmp_path / ".venv"))
    return module


def noting(ran: list[list[str]], folder: Path) -> Callable[..., None]:
    """Stands for subprocess.run: notes the command; making an environment makes its folder."""

    def run(command: list[str], **_: Any) -> None:
        ran.append(command)
        folder.mkdir(exist_ok=True)

    return run


def run_script(before: str) -> subprocess.CompletedProcess[str]:
    """Run the script after a line that changes what it finds."""
    code = f"import runpy, sys\n{before}\nrunpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def make(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Let make make the environment of a folder."""
    command = ["make", ".venv/complete", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_an_old_python_is_told_so_in_a_sentence() -> None:
    done = run_script("sys.version_info = (3, 10, 4)")
    assert done.returncode == 2
    assert done.stdout == ""
    sentence = f"Recurra needs Python 3.11 or newer, and {sys.executable} is 3.10: say make PYTHON=/path/to/a/newer/python3.\n"
    assert done.stderr == sentence


def test_its_syntax_is_that_of_an_old_python() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_so_in_a_sentence(missing: str) -> None:
    hidden = f"import importlib.util as u; find = u.find_spec; u.find_spec = lambda name: None if name == {missing!r} else find(name)"
    done = run_script(hidden)
    assert done.returncode == 2
    assert done.stderr.startswith("Recurra needs Python's venv, and ")
    assert done.stderr.count("\n") == 1


def test_no_python_is_told_so_in_a_sentence() -> None:
    done = make(ROOT, "--always-make", "PYTHON=no-such-python")
    assert done.returncode == 2
    sentence = "Recurra needs Python 3.11 or newer, and there is no no-such-python: say make PYTHON=/path/to/python3."
    assert done.stderr.splitlines()[0] == sentence


def test_the_stamp_is_written_last(environment: ModuleType, tmp_path: Path) -> None:
    assert environment.main() == 0
    assert (tmp_path / ".venv" / "complete").exists()
    assert environment.ran[0][1:3] == ["-m", "venv"]
    assert [command[-1] for command in environment.ran[1:]] == ["torch==2.13.0", ".[dev]"]


def test_pytorchs_index_is_used_for_torch_alone(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "answers", lambda *_: True)
    assert environment.main() == 0
    torch, rest = environment.ran[1:]
    assert torch[-4:] == ["--no-deps", "--index-url", "https://download.pytorch.org/whl/cpu", "torch==2.13.0"]
    assert "--index-url" not in rest


@pytest.mark.parametrize("error", [KeyboardInterrupt(), subprocess.CalledProcessError(1, "pip"), OSError("disk full")])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_what_is_interrupted_is_made_anew(
    environment: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: BaseException,
    at: int,
) -> None:
    whole = environment.subprocess.run

    def broken(command: list[str], **options: Any) -> None:
        whole(command, **options)
        if len(environment.ran) == at:
            raise error

    monkeypatch.setattr(environment.subprocess, "run", broken)
    assert environment.main() == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert capfd.readouterr().err.count("\n") == 1
    assert not (tmp_path / ".venv" / "complete").exists()
    (tmp_path / ".venv" / "half").touch()
    environment.ran.clear()
    monkeypatch.setattr(environment.subprocess, "run", whole)
    assert environment.main() == 0
    assert not (tmp_path / ".venv" / "half").exists()


def test_a_complete_one_is_brought_up_to_date(environment: ModuleType, tmp_path: Path) -> None:
    assert environment.main() == 0
    environment.ran.clear()
    assert environment.main() == 0
    assert all("venv" not in command for command in environment.ran)
    assert (tmp_path / ".venv" / "complete").exists()


def test_an_index_that_does_not_answer_costs_no_more_than_its_seconds() -> None:
    answers = runpy.run_path(str(SCRIPT))["answers"]
    # It takes the connection and then says nothing.
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        assert not answers(f"http://127.0.0.1:{mute.getsockname()[1]}/", 0.5)
        assert time.monotonic() - began < 5


def test_make_starts_at_once_when_all_is_there(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in ("tools", ".venv"):
        (tmp_path / name).mkdir()
    (tmp_path / "tools" / "environment.py").write_text("raise SystemExit('made again')")
    (tmp_path / ".venv" / "complete").touch()
    done = make(tmp_path)
    assert done.returncode == 0
    assert "made again" not in done.stderr
