"""The verbs, from the words on the command line to what is printed and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recurra.cells import names
from recurra.cli import main
from tests.cli.conftest import SMALL

SET = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The JSON that a command prints."""
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_train_keeps_a_run_and_prints_its_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "train", "slots", "--cell", "gru", "--seed", "3", "-o", "best.rnn", *SET)
    assert found["run"] == "runs/slots-1"
    assert found["cell"] == "gru"
    assert set(found["scores"]) == {"dev", "test"}
    assert {path.name for path in Path("runs/slots-1").iterdir()} >= {"config.toml", "log.jsonl", "last.rnn", "best.rnn"}
    assert Path("best.rnn").read_bytes() == Path("runs/slots-1/best.rnn").read_bytes()
    assert main(["train", "slots", "--config", "runs/slots-1/config.toml", "--run", "again"]) == 0
    shown = capsys.readouterr()
    assert "run   again\n" in shown.out
    assert "epoch 1/1" in shown.err
    assert Path("again/best.rnn").read_bytes() == Path("best.rnn").read_bytes()


def test_a_cell_of_ones_own_is_trained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.py").write_text(
        "from recurra import cell, sigmoid, tanh\n\n"
        "@cell\ndef mine(x, h):\n    g = sigmoid(x.g + h.g)\n    return g * h + (1 - g) * tanh(x.n + h.n)\n"
    )
    assert answer(capsys, "train", "slots", "--cell", "my.py:mine", *SET)["cell"] == "mine"
    Path("my.py").unlink()
    assert answer(capsys, "evaluate", "runs/slots-1/best.rnn")["tokens"]["total"] > 0
    assert main(["cells", "my.py:mine"]) == 2


def test_predict_prints_every_word_with_its_label(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(model_file), "leave Taipei on [/b] 3 November"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("leave", "Taipei", "November", "%"))


def test_predict_prints_a_line_of_json_a_sentence(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.txt"
    file.write_text("arrive Taipei\n\nleave Berlin tomorrow\n")
    assert main(["predict", str(model_file), str(file), "台北", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(row["words"]) for row in found] == [2, 0, 3, 1]
    assert all(sum(shares.values()) == pytest.approx(1, abs=1e-5) for row in found for shares in row["probabilities"])


def test_evaluate_measures(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(model_file)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["f1", "roles", "tokens", "sentences"]
    assert answer(capsys, "evaluate", str(model_file))["sentences"]["total"] == SMALL["corpus.test"]


def test_compare_prints_a_table_and_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", "slots", "--cells", "feedforward,gru", "--seeds", "1,4", "--predict", "leave Taipei", *SET]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("feedforward", "gru", "parameters", "seconds", "Taipei"))
    assert list(folder.iterdir()) == []
    found = answer(capsys, *words, "-o", "best.rnn")
    assert [row["cell"] for row in found["rows"]][1:] == ["feedforward", "gru"]
    assert found["seeds"] == [1, 4]
    assert found["predictions"][0]["words"] == ["leave", "Taipei"]
    assert [path.name for path in folder.iterdir()] == ["best.rnn"]


def test_cells_lists_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["name"] for row in answer(capsys, "cells")] == names()
    assert main(["cells"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names()


@pytest.mark.parametrize("name", names())
def test_every_cell_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells", name, "--input-size", "6", "--hidden-size", "16"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{name}: ")
    assert all(f"\n{title}" in shown for title in ("matrices", "sizes", "parameters", "source"))


def test_a_cell_is_shown_for_its_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "cells", "lstm", "--input-size", "4", "--hidden-size", "6")
    assert found["parameters"] == {"weight_ih": [24, 4], "weight_hh": [24, 6], "bias_ih": [24], "bias_hh": [24]}
    assert found["stacked"] == "[4H, I+H]"
    assert answer(capsys, "cells", "scrn", "--set", "context_size=5")["parameters"]["weight_is"] == [5, 64]


def test_recipes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "slots" in [row["name"] for row in answer(capsys, "recipes")]
    assert main(["recipes", "slots"]) == 0
    shown = capsys.readouterr().out
    assert "training.epochs" in shown
    assert "model.hidden_size" in shown
    found = answer(capsys, "recipes", "slots", "--cell", "scrn")
    assert {"context_size", "alpha"} <= {key["name"] for key in found["settings"]["model"]}


def test_training_that_diverges_ends_with_four(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["training.optimiser=sgd", "training.learning_rate=1e38", "training.batch_size=8"]
    assert main(["train", "slots", *SET, *(word for setting in wild for word in ("--set", setting))]) == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("recurra: training: ")


def test_data_check_tells_problems_and_gives_7(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.conll").write_text("leave O\ntaipei B-city\n")
    found = answer(capsys, "data", "check", "train.conll")["data"]
    assert (found["sentences"], found["scheme"], found["problems"]) == (1, "BIO", [])
    assert main(["data", "check", "."]) == 0
    assert capsys.readouterr().out.startswith("train:\n  train.conll: CoNLL columns")
    Path("train.conll").write_text("leave O\ntaipei B-city\n\nnew\n")
    assert main(["data", "check", "train.conll"]) == 7
    shown = capsys.readouterr()
    assert "problem: train.conll, line 4, column 4: must have 2 columns" in shown.out
    assert shown.err.startswith("recurra: data check: 1 problem; the first: train.conll, line 4, column 4: ")
    assert main(["data", "check", "nothing"]) == 5
