"""`recurra.train`: from a recipe and data to a model; `resume`: from a run that was stopped to the same model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from recurra.cells import Cell
from recurra.data import Corpus
from recurra.errors import DataError, FileError
from recurra.files import Log, copy_file
from recurra.tasks import Model, load
from recurra.tasks.configuration import network_settings, task_settings
from recurra.tasks.model import versions
from recurra.training.checkpoint import Checkpoint, digest_of
from recurra.training.configuration import Configuration, resolve
from recurra.training.loop import Training
from recurra.training.progress import Display, display
from recurra.training.record import Record, recorded, taken


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
    _check_output(output)
    corpus = configuration.read_corpus()
    origin = {"data": None if data is None else str(Path(data).absolute()), "digest": digest_of(corpus)}
    with recorded(run, recipe, configuration.to_data(), origin) as record, display(quiet) as shown, seeded(configuration.seed):
        model = _untrained(configuration, corpus)
        kept = f", kept in {record.folder}" if record.folder else ""
        shown.say(f"{configuration.recipe}: {len(corpus.train)} sentences, {model.program.name}, {model.parameters:,} parameters{kept}")
        _learn(model, corpus, record, shown)
        if output is not None:
            _write_output(model, record, output)
    return model


def resume(run: str | Path, data: str | Path | None = None, *, output: str | Path | None = None, quiet: bool = False) -> Model:
    """Go on with a run that was stopped, from its last checkpoint to the model that it would have become: the same bits, given the same
    machine, torch and number of threads.

    data: where the data are now, if they were moved. output: where the best model is written as well. A run that has ended is left as it
    is, and its best model given back. Raises FileError where no run stands or another process holds it, DataError when the data are not
    those that it began with, ModelFileError, DivergedError.
    """
    folder = Path(run)
    _check_output(output)
    with taken(folder) as ended, display(quiet) as shown:
        if ended:
            shown.say(f"{folder}: the run has ended, nothing is left to do")
            model = load(folder / "best.rnn")
            model.run = folder
            record = Record(folder)
        else:
            checkpoint = Checkpoint.read(folder / "last.rnn")
            model, corpus = checkpoint.model, _same_corpus(folder, checkpoint, data)
            origin = {"data": checkpoint.data if data is None else str(Path(data).absolute()), "digest": checkpoint.digest}
            with Log(folder / "log.jsonl", checkpoint.lines) as log, seeded(model.configuration["seed"]):
                record = Record(folder, log, origin)
                shown.say(f"{folder}: goes on after step {checkpoint.progress.step}{_elsewhere(checkpoint)}")
                _learn(model, corpus, record, shown, checkpoint)
        if output is not None:
            _write_output(model, record, output)
    return model


def _learn(model: Model, corpus: Corpus, record: Record, shown: Display, checkpoint: Checkpoint | None = None) -> None:
    """Train what is left, then measure the best weights on the test part."""
    began = time.perf_counter() - (checkpoint.progress.seconds if checkpoint else 0.0)
    training = Training(**model.configuration["training"])
    training.run(model, corpus, model.configuration["seed"], record, shown, checkpoint)
    if corpus.test:
        model.scores["test"] = model.task.values(model.evaluate(corpus.test))
        shown.say("test  " + "  ".join(f"{name} {value:.2%}" for name, value in model.scores["test"].items()))
    record.save(model, "best")
    record.write({"end": True, "seconds": round(time.perf_counter() - began, 3), "scores": model.scores})
    model.run = record.folder


def _same_corpus(folder: Path, checkpoint: Checkpoint, data: str | Path | None) -> Corpus:
    """The data that a run began with. Raises DataError for others."""
    model, path = checkpoint.model, data if data is not None else checkpoint.data
    corpus = model.corpus() if path is None else model.task.read_corpus(Path(path))
    if digest_of(corpus) != checkpoint.digest:
        raise DataError(f"{folder}: {path or 'the built-in corpus'} is not what the run began with: its content has changed. Train anew.")
    return corpus


def _elsewhere(checkpoint: Checkpoint) -> str:
    """What is not as it was when the checkpoint was saved, and so may lead to other bits."""
    now = {**versions(), "threads": torch.get_num_threads()}
    before = {**checkpoint.versions, "threads": checkpoint.threads}
    changes = [f"{name} {before.get(name)} then, {now[name]} now" for name in ("torch", "threads") if before.get(name) != now[name]]
    return f"; bits may differ from those of a whole run ({', '.join(changes)})" if changes else ""


def _check_output(output: str | Path | None) -> None:
    if output is not None and not Path(output).absolute().parent.is_dir():
        raise FileError(f"{output}: cannot be written: there is no folder {Path(output).absolute().parent}.")


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
