"""Wrong uses of the command line: one line that says what to do, the right exit code, no file left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurra.cli import main

MODEL = "{model}"
CELL = "from recurra import cell, tanh\n\n@cell\ndef good(x, h):\n    return tanh(x.h + h.h)\n\ndef plain(x, h):\n    return h\n"
BAD_CELL = "from recurra import cell, tanh\n\n@cell\ndef bad(x, h):\n    return tanh(x.h + h.h) if h else h\n"

# What is typed, the exit code, and how the line begins (after `recurra: `); {model} is a whole model.
USES: list[tuple[str, list[str], int, str]] = [
    ("no verb", [], 2, "Missing command. See recurra --help."),
    ("unknown verb", ["trian", "slots"], 2, "No such command 'trian'. Did you mean 'train'. See recurra --help."),
    ("unknown option", ["train", "slots", "--sed", "1"], 2, "No such option: --sed (Possible options: --seed"),
    ("unknown option above", ["--verbose", "cells"], 2, "No such option: --verbose"),
    ("no recipe", ["train"], 2, "Missing argument 'RECIPE'. See recurra train --help."),
    ("too many words", ["train", "slots", "a", "b"], 2, "Got unexpected extra argument(s) (b). See recurra train --help."),
    ("option without value", ["train", "slots", "--cell"], 2, "Option '--cell' requires an argument. See recurra --help."),
    ("no number", ["train", "slots", "--seed", "one"], 2, "Invalid value for '--seed': "),
    ("negative seed", ["train", "slots", "--seed", "-1"], 2, "seed: must be a whole number from 0 to 2^63 - 1, got -1."),
    ("unknown recipe", ["train", "slot"], 2, "train: unknown recipe 'slot'; did you mean 'slots'?"),
    ("unknown cell", ["train", "slots", "--cell", "lsmt"], 2, "unknown cell 'lsmt'; did you mean 'lstm'"),
    ("cell file missing", ["train", "slots", "--cell", "none.py:good"], 2, "cell none.py:good: there is no file none.py"),
    ("function missing", ["train", "slots", "--cell", "cell.py:goood"], 2, "cell.py: there is no cell 'goood'; did you mean 'good'?"),
    ("no function named", ["train", "slots", "--cell", "cell.py"], 2, "cell 'cell.py': say which function of the file"),
    ("not a cell", ["train", "slots", "--cell", "cell.py:plain"], 2, "cell.py:plain is not a cell: put @recurra.cell above it"),
    ("not traceable", ["train", "slots", "--cell", "bad.py:bad"], 2, "bad: a Python if, and, or, max or chained comparison"),
    ("setting without value", ["train", "slots", "--set", "training.epochs"], 2, "--set: must be KEY=VALUE, as in training.epochs=20"),
    ("unknown key", ["train", "slots", "--set", "training.epoch=3"], 2, "training: unknown key 'epoch'; did you mean 'epochs'?"),
    ("unknown section", ["train", "slots", "--set", "trainig.epochs=3"], 2, "train: unknown key 'trainig.epochs'; did you mean 'training'"),
    ("key of another cell", ["train", "slots", "--set", "model.context_size=3"], 2, "model: unknown key 'context_size'"),
    ("value of a wrong kind", ["train", "slots", "--set", "training.epochs=many"], 2, "training.epochs: must be a whole number"),
    ("value out of range", ["train", "slots", "--set", "model.dropout=1.5"], 2, "model.dropout: must be less than 1, got 1.5."),
    ("config missing", ["train", "slots", "--config", "none.toml"], 5, "none.toml: cannot be read: No such file or directory."),
    ("config no TOML", ["train", "slots", "--config", "cell.py"], 2, "cell.py: must be TOML: "),
    ("output in no folder", ["train", "slots", "-o", "none/best.rnn"], 5, "none/best.rnn: cannot be written: there is no folder "),
    ("run in a file", ["train", "slots", "--run", "cell.py"], 5, "cell.py: "),
    ("data missing", ["train", "slots", "none"], 7, "none"),
    ("data empty", ["train", "slots", "empty"], 7, "empty"),
    ("model missing", ["predict", "none.rnn", "leave Taipei"], 5, "none.rnn: cannot be read: No such file or directory"),
    ("model is a folder", ["evaluate", "empty"], 6, "empty: "),
    ("model is text", ["predict", "cell.py", "leave Taipei"], 6, "cell.py: "),
    ("model is cut", ["evaluate", "cut.rnn"], 6, "cut.rnn: "),
    ("model with a flipped bit", ["predict", "flipped.rnn", "leave Taipei"], 6, "flipped.rnn: "),
    ("nothing to predict", ["predict", MODEL], 2, "Missing argument 'TEXT...'. See recurra predict --help."),
    ("sentences missing", ["predict", MODEL, "none.txt"], 5, "none.txt: there is no such file."),
    ("sentences not UTF-8", ["predict", MODEL, "latin.txt"], 7, "latin.txt: line 1: must be UTF-8, but byte 2 is not."),
    ("test data missing", ["evaluate", MODEL, "none"], 7, "none"),
    ("no cells", ["compare", "slots", "--cells", ""], 2, "compare: cells must name at least one cell"),
    ("unknown cell among them", ["compare", "slots", "--cells", "gru,lsmt"], 2, "unknown cell 'lsmt'; did you mean 'lstm'"),
    ("seeds no number", ["compare", "slots", "--seeds", "many"], 2, "--seeds: must be how many seeds, or which"),
    ("cell of no such size", ["cells", "lstm", "--set", "context_size=3"], 2, "lstm: unknown size 'context_size'; did you mean "),
    ("size below one", ["cells", "lstm", "--hidden-size", "0"], 2, "Invalid value for '--hidden-size': "),
    ("unknown recipe to show", ["recipes", "slotz"], 2, "train: unknown recipe 'slotz'; did you mean 'slots'?"),
    ("doctor with a word", ["doctor", "me"], 2, "Got unexpected extra argument(s) (me). See recurra doctor --help."),
]


@pytest.fixture
def folder(tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the wrong uses find there."""
    monkeypatch.chdir(tmp_path)
    whole = model_file.read_bytes()
    Path("cell.py").write_text(CELL)
    Path("bad.py").write_text(BAD_CELL)
    Path("latin.txt").write_bytes("München\n".encode("latin-1"))
    Path("cut.rnn").write_bytes(whole[:-100])
    Path("flipped.rnn").write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    Path("empty").mkdir()
    return tmp_path


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything under a folder, with its content, but what Python caches."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    return {name: path.read_bytes() if path.is_file() else None for name, path in files.items()}


@pytest.mark.parametrize(("words", "code", "begins"), [use[1:] for use in USES], ids=[use[0] for use in USES])
def test_a_wrong_use(
    folder: Path, model_file: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, begins: str
) -> None:
    before = tree(folder)
    assert main([str(model_file) if word == MODEL else word for word in words]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"recurra: {begins}")
    assert shown.err.count("\n") == 1
    assert tree(folder) == before


def test_there_are_thirty_at_least() -> None:
    assert len({use[0] for use in USES}) == len(USES) >= 30
    assert {use[2] for use in USES} == {2, 5, 6, 7}


def test_runs_that_cannot_be_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "runs").touch()
    before = tree(folder)
    assert main(["train", "slots"]) == 5
    assert capsys.readouterr().err.count("\n") == 1
    assert tree(folder) == before
