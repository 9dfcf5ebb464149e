"""Cells side by side."""

import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import recurra
from recurra.commands.compare import Comparison, Measured, compare
from recurra.commands.tables import comparison_table, prediction_table
from recurra.data import flights
from recurra.errors import ConfigurationError
from recurra.tasks import load
from tests.tasks.samples import SMALL, write_folder


def compared(*cells: Any, **options: Any) -> Comparison:
    return compare("slots", cells=cells, quiet=True, **{**SMALL, **options})


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_row_for_each_cell_below_the_baseline() -> None:
    """Scores of the test part over the seeds, parameters, seconds; as data and as a table."""
    found = compared("feedforward", "gru", seeds=2, predict=["leave taipei", "arrive in rome"])
    assert [row.cell for row in found.rows] == ["most frequent label", "feedforward", "gru"]
    assert (found.part, found.seeds) == ("test", (1, 2))
    models = [recurra.train("slots", cell="gru", seed=seed, run=False, quiet=True, **SMALL) for seed in (1, 2)]
    values = [model.scores["test"]["tokens"] for model in models]
    assert found.rows[2].scores["tokens"] == Measured(statistics.fmean(values), statistics.stdev(values))
    assert found.rows[2].parameters == models[0].parameters
    assert found.rows[2].seconds is not None
    assert (found.rows[0].parameters, found.rows[0].seconds) == (None, None)
    assert [len(answer) for answer in found.predictions] == [2, 3]
    data = json.loads(json.dumps(found.to_data()))
    assert [row["cell"] for row in data["rows"]] == [row.cell for row in found.rows]
    assert data["best"]["cell"] == found.best.configuration["cell"]
    table = printed(comparison_table(found))
    assert "slots: test part, 2 seeds, mean ± standard deviation" in table
    for word in ("most frequent label", "feedforward", "gru", "roles", "parameters", "seconds", f"{models[0].parameters:,}"):
        assert word in table


def test_the_best_model_on_dev_answers_and_is_kept(tmp_path: Path) -> None:
    """Chosen without a look at the test part; saved where the user says, each run in its folder."""
    found = compared("elman", "gru", run=tmp_path / "runs", output=tmp_path / "best.rnn", predict=["leave taipei"])
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["elman-1", "gru-1"]
    runs = {name: load(tmp_path / "runs" / f"{name}-1" / "best.rnn") for name in ("elman", "gru")}
    scores = {name: model.scores["dev"]["f1"] for name, model in runs.items()}
    assert found.best.scores["dev"]["f1"] == max(scores.values())
    assert load(tmp_path / "best.rnn").predict("leave taipei") == found.predictions[0]


def test_the_answers_as_a_table() -> None:
    """Every word with its slot and the probabilities of the slots."""
    answer = compared("gru", predict=["leave taipei"]).predictions[0]
    table = printed(prediction_table(answer, most=2))
    for word, label, row in zip(answer.words, answer.labels, answer.probabilities, strict=True):
        line = next(line for line in table.splitlines() if f" {word} " in line)
        (first, share), (second, other), *_ = row.items()
        assert first == label
        assert f"{first} {share:.1%}  {second} {other:.1%}" in line


def test_a_constant_goes_to_the_cells_that_have_it() -> None:
    """A key of [model] that no cell has is a mistake."""
    found = compared("elman", "gru", model={**SMALL["model"], "nonlinearity": "relu"})
    assert [row.cell for row in found.rows[1:]] == ["elman", "gru"]
    with pytest.raises(ConfigurationError, match=r"^model: unknown key 'nonlinarity'"):
        compared("elman", "gru", **{"model.nonlinarity": "relu"})


def test_cells_of_a_user(tmp_path: Path) -> None:
    """A function, and a file beside a registered name."""

    @recurra.cell
    def leaky(x, h):
        return 0.5 * h + recurra.tanh(x.h + h.h)

    assert [row.cell for row in compared(leaky, "gru").rows[1:]] == ["leaky", "gru"]


def test_a_folder_without_a_test_part(tmp_path: Path) -> None:
    """It is measured on dev, and says so."""
    folder = write_folder(tmp_path / "data", train=flights(12), valid=flights(6, part="dev"))
    found = compare("slots", folder, cells=["elman"], quiet=True, model=SMALL["model"], training=SMALL["training"])
    assert found.part == "dev"
    assert "slots: dev part" in printed(comparison_table(found))


def test_mistakes_cost_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last cell's mistake comes out before the first is trained."""
    monkeypatch.setattr("recurra.commands.compare.train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(ConfigurationError, match=r"^unknown cell 'grru'; did you mean 'gru'\?"):
        compared("elman", "grru")
    with pytest.raises(ConfigurationError, match=r"^model\.forcing: gru does not feed back its answers"):
        compared("jordan", "gru", **{"model.forcing": True})
    with pytest.raises(ConfigurationError, match=r"^compare: cells must name at least one cell, as in elman,gru\.$"):
        compared()
