"""A trained model: what it answers, how good it is, and the one file that it is."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from recurra import __version__
from recurra.compiler import Program
from recurra.data import Corpus
from recurra.errors import ConfigurationError, ModelFileError
from recurra.files import check_tensors, read_model, write_model
from recurra.layers import State
from recurra.tasks.configuration import network_settings
from recurra.tasks.corpora import built_in
from recurra.tasks.stream import Stream
from recurra.tasks.tagging import Tagging
from recurra.tasks.task import Score, Task

KIND = "recurra.model"
# What the names of the tensors begin with that a checkpoint has beside the weights.
ADDED = "training."
TASKS: dict[str, type[Task]] = {Tagging.name: Tagging}
BATCH = 64


@final
class Model:
    """A task and a network: `recurra.train` gives one, `recurra.load` reads one.

    `configuration` is what it was trained with, complete; `scores` maps the parts dev and test to scores by name, each in 0..1; `run` is
    the directory that training kept it in, None for a model that was loaded.
    """

    def __init__(
        self, task: Task, program: Program, network: nn.Module, configuration: Mapping[str, Any], scores: Mapping[str, Any] | None = None
    ) -> None:
        self.task, self.program, self.network = task, program, network.eval()
        self.configuration = dict(configuration)
        self.scores: dict[str, dict[str, float]] = dict(scores or {})
        self.run: Path | None = None

    def __repr__(self) -> str:
        return f"<Model {self.task.name}, {self.program.name}, {self.parameters:,} parameters>"

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(value.numel() for value in self.network.parameters())

    def predict(self, value: str | Sequence[str]) -> Any:
        """The answer to one input: `model.predict("leave taipei").labels`; a list of words is taken as it is."""
        return self.predict_all([value])[0]

    def predict_all(self, values: Sequence[Any], batch_size: int = BATCH) -> list[Any]:
        """The answers to many inputs, in their order."""
        return self.task.answer_all(self.network, [self.task.input_of(value) for value in values], batch_size)

    def evaluate(self, data: str | Path | Sequence[Any] | None = None, batch_size: int = BATCH) -> Score:
        """The score on examples, on those of a path, or for None on the test part of the built-in corpus that the model was trained on.

        Raises DataError for data that cannot be read.
        """
        return self.task.evaluate(self.network, self._examples(data), batch_size)

    def _examples(self, data: str | Path | Sequence[Any] | None) -> Sequence[Any]:
        if isinstance(data, str | Path):
            return self.task.read_examples(Path(data))
        if data is not None:
            return data
        if not self.configuration["built_in"]:
            raise ConfigurationError("evaluate: no built-in corpus was trained on, so say which data, as in evaluate('atis/test').")
        return self.corpus().test

    def corpus(self) -> Corpus:
        """The built-in corpus that the model was trained on."""
        return built_in(self.configuration["data"], self.configuration["corpus"])

    def step(self, word: str, state: Mapping[str, Any] | None = None) -> tuple[Any, State]:
        """The answer for one more word and the state after it. Raises ConfigurationError for a model that looks ahead."""
        assert isinstance(self.task, Tagging)
        numbers = torch.from_numpy(self.task.words.encode([word]))
        with torch.no_grad():
            scores, after = self.network.step(numbers, state)  # type: ignore[operator]
        return self.task.prediction((word,), scores), after

    def stream(self) -> Stream:
        """Answers word by word, in constant memory."""
        return Stream(self.step)

    # -- the file

    def save(
        self, path: str | os.PathLike[str], tensors: Mapping[str, Tensor] | None = None, training: Mapping[str, Any] | None = None
    ) -> None:
        """Write the `.rnn` file, whole or not at all. Raises FileError.

        tensors and training: what makes it a checkpoint; the names of these tensors begin with `training.`.
        """
        values = {**self.network.state_dict(), **(tensors or {})}
        metadata = self.metadata() if training is None else {**self.metadata(), "training": dict(training)}
        write_model(path, {name: np.array(value.detach().cpu().numpy()) for name, value in values.items()}, metadata)

    def metadata(self) -> dict[str, Any]:
        """Everything about the model but its weights, as plain data."""
        return {
            "kind": KIND,
            "task": self.task.name,
            "configuration": self.configuration,
            "cell": json.loads(self.program.to_json()),
            "fitted": self.task.to_data(),
            "scores": self.scores,
            "seed": self.configuration["seed"],
            "versions": versions(),
            "card": self.card(),
        }

    def card(self) -> str:
        """What a stranger should know, in a few lines."""
        known = self.configuration
        data = f"the {'built-in ' if known['built_in'] else ''}corpus {known['data']}"
        lines = [f"{self.task.name} with {self.program.name} ({self.parameters:,} parameters), trained on {data}, seed {known['seed']}."]
        lines += [f"{part}: {', '.join(f'{name} {value:.2%}' for name, value in row.items())}." for part, row in self.scores.items()]
        return "\n".join(lines)


def load(path: str | os.PathLike[str]) -> Model:
    """Read a `.rnn` file; no code is run, and the file of a user's cell is not needed.

    Raises ModelFileError for a file that is damaged, hostile or no model, FileError for one that cannot be opened.
    """
    return load_checkpoint(path)[0]


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[Model, dict[str, Tensor], dict[str, Any]]:
    """As `load`; beside the model what training added to it, tensors and plain data: nothing in a file that is no checkpoint."""
    file = read_model(path)
    training = file.metadata.get("training") or {}
    added = {name: torch.from_numpy(value) for name, value in file.tensors.items() if training and name.startswith(ADDED)}
    weights = {name: value for name, value in file.tensors.items() if name not in added}
    try:
        model = _rebuilt(file.metadata, len(weights))
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None
    # What hostile metadata do to code that expects its own: a wrong type, a missing key, a size that no network can have.
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError, ArithmeticError, AssertionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: not a model that this version can rebuild: {error}") from error
    check_tensors(path, weights, {name: tuple(value.shape) for name, value in model.network.state_dict().items()})
    model.network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    return model, added, training


def _rebuilt(metadata: Mapping[str, Any], tensors: int) -> Model:
    """The model of a file without its weights: nothing of its size is allocated before its tensors are checked."""
    if metadata.get("kind") != KIND:
        raise ModelFileError(f"this is no model but {metadata.get('kind', 'another safetensors file')!r}.")
    if metadata["task"] not in TASKS:
        raise ModelFileError(f"the task {metadata['task']!r} is not one of {' '.join(TASKS)}: a newer version may know it.")
    task = TASKS[metadata["task"]].from_data(metadata["fitted"])
    program = Program.from_json(json.dumps(metadata["cell"]))
    configuration = metadata["configuration"]
    layers = configuration["model"]["num_layers"]
    if isinstance(layers, int) and layers > tensors:
        raise ModelFileError(f"has {layers} layers, but only {tensors} tensors: the file was changed.")
    with torch.device("meta"):
        network = task.network(program, **network_settings(type(task), program, configuration["model"]))
    return Model(task, program, network, configuration, metadata["scores"])


def versions() -> dict[str, str]:
    """What the model was made with."""
    return {"recurra": __version__, "python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
