"""What a run needs to go on with the same bits: weights, the optimiser's memory, the state of chance, how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from recurra.data import Corpus
from recurra.errors import ModelFileError
from recurra.files import sha256_stream
from recurra.tasks import Model, load_checkpoint

OPTIMISER, RANDOM = "training.optimiser.", "training.random"
Memory = dict[int, dict[str, Tensor]]


@dataclass
class Progress:
    """How far a run has come: `epoch` epochs are done, and `batch` batches of the next one, whose losses add up to `loss`.

    best: the best watched score so far, after `best_epoch` epochs, -1 before the first. seconds: how long the run has taken, and at
    `began` of them this epoch began.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float = 0.0
    best: float = -1.0
    best_epoch: int = 0
    best_scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    began: float = 0.0

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Progress:
        """What `to_data` wrote. Raises TypeError."""
        made = cls(**data)
        for known in fields(cls):
            if not isinstance(getattr(made, known.name), type(getattr(cls(), known.name))):
                raise TypeError(f"{known.name} is {getattr(made, known.name)!r}")
        return made


@final
@dataclass(frozen=True)
class Checkpoint:
    """A last.rnn, read.

    `memory` is the optimiser's, by the number of a parameter; `lines` are those of the log; `data` is the path of the corpus, None for a
    built-in one, and `digest` its content; `threads` how many computed, with these `versions`.
    """

    model: Model
    memory: Memory
    random: Tensor
    progress: Progress
    lines: int
    data: str | None
    digest: str
    threads: int
    versions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Raises ModelFileError for a file that is damaged or no checkpoint, FileError for one that cannot be opened."""
        model, tensors, known = load_checkpoint(path)
        try:
            progress = Progress.from_data(known["progress"])
            return cls(model, _memory(model, tensors), tensors[RANDOM], progress, *(known[name] for name in KEPT))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: not a checkpoint that this version can take up: {error!r}. Train the model again.") from None


KEPT = ("lines", "data", "digest", "threads", "versions")


def tensors_of(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory and the state of torch's generator, under the names that they have in a file."""
    # A momentum that there is none of yet is None.
    memory: dict[int, dict[str, Tensor | None]] = optimiser.state_dict()["state"]
    named = {f"{OPTIMISER}{at}.{name}": value for at, own in memory.items() for name, value in own.items() if value is not None}
    return {**named, RANDOM: torch.get_rng_state()}


def remember(optimiser: torch.optim.Optimizer, memory: Memory) -> None:
    """Give an optimiser its memory back."""
    optimiser.load_state_dict({**optimiser.state_dict(), "state": memory})


def digest_of(corpus: Corpus) -> str:
    """The content of a corpus as one SHA-256: what a run is resumed on must be what it began on."""
    return sha256_stream(f"{example!r}\n".encode() for part in (corpus.train, corpus.dev, corpus.test) for example in (*part, ""))


def _memory(model: Model, tensors: dict[str, Tensor]) -> Memory:
    """By parameter and name; each value has its parameter's shape, or is a single number. Raises ValueError, IndexError."""
    parameters, memory = list(model.network.parameters()), Memory()
    for full, value in tensors.items():
        if full.startswith(OPTIMISER):
            number, name = full.removeprefix(OPTIMISER).split(".")
            if value.shape not in (parameters[int(number)].shape, ()):
                raise ValueError(f"{full} has shape {tuple(value.shape)}")
            memory.setdefault(int(number), {})[name] = value.clone()
    return memory
