"""`recurra.train`: from a recipe and data to a model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recurra.cells import Cell
from recurra.data import Corpus
from recurra.errors import FileError
from recurra.files import copy_file
from recurra.tasks import Model
from recurra.tasks.configuration import network_settings, task_settings
from recurra.training.configuration import Configuration, resolve
from recurra.training.loop import Training
from recurra.training.progress import Display, display
from recurra.training.record import Record, recorded


def train(
    recipe: str,
    data: str | Path | None = None,
    *,
    cell: Cell | str | None = None,
    seed: int | None = None,
    run: str | Path | bool | None = None,
    output: str | Path | None = None,
    config: str | Path | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Model:
    """Train a model and give it back with the weights of its best epoch.

        recurra.train("slots", "atis/", cell="gru", seed=1, training={"epochs": 5}, model={"hidden_size": 100})

    data: a path in a format of the recipe's task; None for the built-in corpus. cell: a cell, its name, or "my.py:name"; None for the
    recipe's. run: the directory that the run is kept in; None for the next of runs/RECIPE-1, -2, ..., False for none. output: where the
    best model is written as well. config: a file of settings, such as the config.toml of an earlier run. settings: sections of keys, or
    keys such as "training.epochs"; over the file's, which go over the recipe's. One seed gives one model: the same weights on the same
    machine, torch and number of threads; torch's global generator is left as it was.

    Raises ConfigurationError, CellError, DataError, FileError, DivergedError.
    """
    configuration = resolve(recipe, data, cell, seed, config, settings)
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise FileError(f"{output}: cannot be written: there is no folder {Path(output).absolute().parent}.")
    corpus = configuration.read_corpus()
    with recorded(run, recipe, configuration.to_data()) as record, display(quiet) as shown:
        model = _trained(configuration, corpus, record, shown)
        model.run = record.folder
        if output is not None:
            _write_output(model, record, output)
    return model


def _trained(configuration: Configuration, corpus: Corpus, record: Record, shown: Display) -> Model:
    began = time.perf_counter()
    training = Training(**configuration.sections["training"])
    with seeded(configuration.seed):
        model = _untrained(configuration, corpus)
        kept = f", kept in {record.folder}" if record.folder else ""
        shown.say(f"{configuration.recipe}: {len(corpus.train)} sentences, {model.program.name}, {model.parameters:,} parameters{kept}")
        training.run(model, corpus, configuration.seed, record, shown)
    if corpus.test:
        model.scores["test"] = model.task.values(model.evaluate(corpus.test))
        shown.say("test  " + "  ".join(f"{name} {value:.2%}" for name, value in model.scores["test"].items()))
    record.save(model, "best")
    record.write({"end": True, "seconds": round(time.perf_counter() - began, 3), "scores": model.scores})
    return model


def _untrained(configuration: Configuration, corpus: Corpus) -> Model:
    """The task fitted to the training part, and a network with random weights."""
    settings = configuration.sections["model"]
    kind, program = configuration.task, configuration.program
    task = kind.build(corpus.train, **task_settings(kind, settings))
    return Model(task, program, task.network(program, **network_settings(kind, program, settings)), configuration.to_data())


def _write_output(model: Model, record: Record, output: str | Path) -> None:
    if record.folder is None:
        model.save(output)
    else:
        copy_file(record.folder / "best.rnn", output)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Chance from a seed inside the block; torch's global generator is put back after it. Nothing here draws from Python's or numpy's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
