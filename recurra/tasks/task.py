"""What every task is: one shape of problem, with its data, network, loss and scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from recurra.compiler import Program
from recurra.data import Corpus, restored, sorted_batches


class Score(Protocol):
    """Counts that add up over parts of the data."""

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""


@dataclass(frozen=True)
class Losses:
    """What a batch costs, sample by sample: `sums` [B], each over `counts` [B] answers."""

    sums: Tensor
    counts: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean over all answers of the batch."""
        return self.sums.sum() / self.counts.sum().clamp(min=1)


class Task(ABC):
    """A task as fitted to its training data: vocabularies and labels, no weights. A value, written to a model file as plain data.

    `constructors` are the functions whose keyword arguments are the keys of `[model]`; `watched` is the score that a model is chosen by
    unless the configuration names another.
    """

    name: ClassVar[str]
    constructors: ClassVar[tuple[Callable[..., Any], ...]]
    watched: ClassVar[str]

    @classmethod
    @abstractmethod
    def build(cls, examples: Sequence[Any], **settings: Any) -> Self:
        """Fit to training examples."""

    @staticmethod
    @abstractmethod
    def read_corpus(path: Path) -> Corpus:
        """The three parts of a corpus on disk; a test part is not required. Raises DataError."""

    @staticmethod
    @abstractmethod
    def read_examples(path: Path) -> Sequence[Any]:
        """The examples of one part, or of the test part of a corpus. Raises DataError."""

    @abstractmethod
    def network(self, program: Program, **settings: Any) -> nn.Module:
        """A network with random weights for this task. Raises ConfigurationError."""

    @staticmethod
    @abstractmethod
    def rehearse(program: Program, **settings: Any) -> None:
        """Build a network of nothing, so that settings that do not fit the cell are found before any data is read."""

    @abstractmethod
    def encode(self, example: Any) -> Any:
        """An example as numbers, once for all epochs; its `len` is its number of steps."""

    @abstractmethod
    def losses(self, network: nn.Module, batch: Sequence[Any]) -> Losses:
        """What encoded examples cost."""

    @abstractmethod
    def input_of(self, value: Any) -> Any:
        """What a user gives (a text, an example) as the input of the network. Raises ArgumentTypeError."""

    @abstractmethod
    def answers(self, network: nn.Module, inputs: Sequence[Any]) -> list[Any]:
        """The answers of one batch of inputs."""

    @abstractmethod
    def score(self, examples: Sequence[Any], answers: Sequence[Any]) -> Score:
        """How good answers are, as counts."""

    @abstractmethod
    def values(self, score: Score) -> dict[str, float]:
        """The numbers of a score by name, each in 0..1 and better when larger; without those that the data says nothing about."""

    @abstractmethod
    def ceiling(self, examples: Sequence[Any]) -> Score:
        """The score of the true answers: its values name what can be measured on these examples."""

    @classmethod
    @abstractmethod
    def baseline(cls, corpus: Corpus) -> tuple[str, dict[str, float]]:
        """What counting alone reaches on the test part (the dev part where there is none), and what that is called."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""

    @classmethod
    @abstractmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The task that `to_data` wrote. Raises ModelFileError."""

    def answer_all(self, network: nn.Module, inputs: Sequence[Any], batch_size: int) -> list[Any]:
        """Answers to any number of inputs, in their order; long inputs are batched with long ones."""
        batches = sorted_batches([len(value) for value in inputs], batch_size)
        with torch.no_grad():
            return restored(batches, [self.answers(network, [inputs[number] for number in batch]) for batch in batches])

    def evaluate(self, network: nn.Module, examples: Sequence[Any], batch_size: int) -> Score:
        """The score of a network on examples."""
        return self.score(examples, self.answer_all(network, [self.input_of(example) for example in examples], batch_size))
