"""Several cells on the same data, side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.cells import Cell, find
from recurra.errors import ConfigurationError
from recurra.tasks import TASKS, Model
from recurra.tasks.configuration import model_section
from recurra.training import nested_settings, read_recipe, resolve, train


@dataclass(frozen=True)
class Measured:
    """A score over seeds: the mean, and the standard deviation (0 for one seed)."""

    mean: float
    spread: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """From the scores of each seed."""
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0)


@dataclass(frozen=True)
class Row:
    """What one cell reached: scores in 0..1, seconds a run; a baseline has no parameters and no seconds."""

    cell: str
    scores: dict[str, Measured]
    parameters: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Comparison:
    """The rows of a comparison, the model that was best on the dev part, and its answers."""

    recipe: str
    part: str
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    best: Model
    predictions: tuple[Any, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""
        rows = [{**vars(row), "scores": {name: vars(score) for name, score in row.scores.items()}} for row in self.rows]
        best = {"cell": self.best.configuration["cell"], "seed": self.best.configuration["seed"]}
        answers = [answer.to_data() for answer in self.predictions]
        return {"recipe": self.recipe, "part": self.part, "seeds": list(self.seeds), "rows": rows, "best": best, "predictions": answers}


def compare(
    recipe: str = "slots",
    data: str | Path | None = None,
    *,
    cells: Sequence[Cell | str],
    seeds: int | Sequence[int] = 1,
    predict: Iterable[str] = (),
    run: str | Path | None = None,
    output: str | Path | None = None,
    config: str | Path | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Comparison:
    """Train each cell on the same data with each seed (a number n: 1 to n) and measure it on the test part, or the dev part without one.

    The sentences of `predict` are answered by the model that is best on the dev part, which `output` saves. run: a folder for the run
    directories, CELL-SEED; None keeps none. settings: as for `train`; a key of [model] that only some of the cells have is for those.
    """
    if not cells:
        raise ConfigurationError("compare: cells must name at least one cell, as in elman,gru.")
    found = [cell if isinstance(cell, Cell) else find(cell) for cell in cells]
    numbers = tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(seeds)
    given = [_settings_for(recipe, cell, found, settings) for cell in found]
    # All is settled before the first model is trained, so that a mistake in the last one costs nothing.
    settled = [resolve(recipe, data, cell, numbers[0], config, own) for cell, own in zip(cells, given, strict=True)]
    corpus = settled[0].read_corpus()
    part = "test" if corpus.test else "dev"
    name, scores = settled[0].task.baseline(corpus)
    rows, models = [Row(name, {score: Measured(value) for score, value in scores.items()})], []
    for cell, wanted, own in zip(found, cells, given, strict=True):
        folders = [False if run is None else Path(run, f"{cell.name}-{seed}") for seed in numbers]
        began = time.perf_counter()
        own_models = [
            train(recipe, data, cell=wanted, seed=seed, run=folder, config=config, quiet=quiet, **own)
            for seed, folder in zip(numbers, folders, strict=True)
        ]
        rows.append(_row(cell.name, part, own_models, (time.perf_counter() - began) / len(numbers)))
        models += own_models
    best = max(models, key=lambda model: model.scores["dev"].get(model.task.watched, 0.0))
    if output is not None:
        best.save(output)
    return Comparison(recipe, part, numbers, tuple(rows), best, tuple(best.predict_all(list(predict))))


def _row(cell: str, part: str, models: Sequence[Model], seconds: float) -> Row:
    scores = {name: Measured.of([model.scores[part][name] for model in models]) for name in models[0].scores[part]}
    return Row(cell, scores, models[0].parameters, seconds)


def _settings_for(recipe: str, cell: Cell, cells: Sequence[Cell], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those keys of [model] that this cell does not have and another one does."""
    task = TASKS[read_recipe(recipe).task]
    own = model_section(task, cell).schema.model_fields
    others = {key for other in cells for key in model_section(task, other).schema.model_fields}
    nested = nested_settings(settings)
    nested["model"] = {key: value for key, value in nested.get("model", {}).items() if key in own or key not in others}
    return nested
