"""Sentences in batches of similar lengths: which belong together, and the arrays that a layer takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recurra.data.chance import Chance
from recurra.errors import ConfigurationError

T = TypeVar("T")

# Sentences are sorted by length only within this many batches at a time, so that batches differ from one epoch to the next.
POOL = 25


@dataclass(frozen=True)
class Position:
    """How far training has come in its data: `batch` batches of epoch `epoch` are done. Both count from 0."""

    epoch: int = 0
    batch: int = 0


START = Position()


@dataclass(frozen=True)
class Buckets:
    """Batches of sentences of similar `lengths`, shuffled anew each epoch: a pure function of the seed and the epoch.

    Every sentence occurs exactly once in an epoch. All batches have `batch_size` sentences but one, which has the rest.
    """

    lengths: tuple[int, ...]
    batch_size: int
    seed: int = 1

    def __post_init__(self) -> None:
        _check_size(self.batch_size)

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, epoch: int) -> tuple[tuple[int, ...], ...]:
        """The batches of that epoch, each as the numbers of its sentences."""
        chance = Chance("buckets", self.seed, epoch)
        order = chance.shuffled(range(len(self.lengths)))
        pools = [order[start : start + POOL * self.batch_size] for start in range(0, len(order), POOL * self.batch_size)]
        ordered = [number for pool in pools for number in sorted(pool, key=lambda number: self.lengths[number])]
        return tuple(chance.shuffled(_cut(ordered, self.batch_size)))

    def rest(self, position: Position = START) -> Iterator[tuple[tuple[int, ...], Position]]:
        """The batches from `position` to the end of its epoch, each with the position after it: after the last one the next epoch's start.

        `while True: for batch, position in buckets.rest(position): ...` trains for ever, and may be left and taken up again anywhere.
        """
        if not 0 <= position.batch <= self.batches:
            raise ConfigurationError(f"Buckets: position must be in an epoch of {self.batches} batches, got batch {position.batch}.")
        for done, batch in enumerate(self.epoch(position.epoch)[position.batch :], position.batch + 1):
            after = Position(position.epoch, done) if done < self.batches else Position(position.epoch + 1, 0)
            yield batch, after


def sorted_batches(lengths: Sequence[int], batch_size: int) -> tuple[tuple[int, ...], ...]:
    """Batches for prediction: the longest sentences first, no chance, every sentence once. `restored` puts the answers back in order."""
    _check_size(batch_size)
    return tuple(_cut(sorted(range(len(lengths)), key=lambda number: -lengths[number]), batch_size))


def restored(batches: Sequence[Sequence[int]], answers: Sequence[Sequence[T]]) -> list[T]:
    """The answers, given batch by batch, in the order of the sentences."""
    pairs = [pair for batch, given in zip(batches, answers, strict=True) for pair in zip(batch, given, strict=True)]
    return [answer for _, answer in sorted(pairs, key=lambda pair: pair[0])]


def pad(rows: Sequence[Sequence[int] | NDArray[np.int64]], fill: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers [T, B], filled up with `fill` (0 is padding for words, -1 for labels), and lengths [B]; both int64, T the longest row."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    padded = np.full((int(lengths.max(initial=0)), len(rows)), fill, dtype=np.int64)
    for column, row in enumerate(rows):
        padded[: len(row), column] = row
    return padded, lengths


def _cut(order: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(order[start : start + size]) for start in range(0, len(order), size)]


def _check_size(size: int) -> None:
    if size < 1:
        raise ConfigurationError(f"batch_size must be 1 or more, got {size}.")
