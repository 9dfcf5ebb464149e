"""Words and labels as numbers. Both tables are values: equal tables number alike, and they are written to a model file as plain data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError, ModelFileError, suggest

PADDING, UNKNOWN = 0, 1
IGNORED = -1
SPECIAL = ("<padding>", "<unknown>")

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The words a model knows: number 0 is padding, 1 any unknown word, 2 and on are `words` in their order.

    `lower` and `fold_digits` (every digit becomes 0) say how a word is read before it is looked up; they belong to the value, so a model
    reads its input as it read its training data.
    """

    words: tuple[str, ...]
    lower: bool = True
    fold_digits: bool = False

    @classmethod
    def build(
        cls, sentences: Iterable[Iterable[str]], *, minimum: int = 2, lower: bool = True, fold_digits: bool = False
    ) -> Vocabulary:
        """Count the words of `sentences`; the most frequent come first, equal ones in alphabetic order.

        Words that occur fewer than `minimum` times stay unknown. At the default of 2 the words seen once teach a model what an unknown
        word is; with 1 the number of the unknown word is never trained.
        """
        if minimum < 1:
            raise DataError(f"Vocabulary: minimum must be 1 or more, got {minimum}.")
        reading = cls((), lower, fold_digits)
        counts = Counter(reading.read(word) for sentence in sentences for word in sentence)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(word for word in ordered if counts[word] >= minimum), lower, fold_digits)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, len(SPECIAL))}

    def __len__(self) -> int:
        """How many numbers there are, padding and unknown included: the rows of an embedding."""
        return len(self.words) + len(SPECIAL)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.read(word) in self._numbers

    def read(self, word: str) -> str:
        """The word as it is looked up."""
        word = word.lower() if self.lower else word
        return re.sub(r"\d", "0", word) if self.fold_digits else word

    def encode(self, words: Iterable[str]) -> Numbers:
        """Numbers [T], int64; 1 for a word that is not known (`unknown` names those)."""
        return np.array([self._numbers.get(self.read(word), UNKNOWN) for word in words], dtype=np.int64)

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The words of `numbers`; <padding> and <unknown> for 0 and 1."""
        names = (*SPECIAL, *self.words)
        return tuple(names[_checked("Vocabulary", int(number), len(names))] for number in numbers)

    def unknown(self, words: Iterable[str]) -> tuple[str, ...]:
        """Those of `words` that have no number of their own, in their order."""
        return tuple(word for word in words if word not in self)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""
        return {"words": list(self.words), "lower": self.lower, "fold_digits": self.fold_digits}

    @classmethod
    def from_data(cls, data: object) -> Vocabulary:
        """The vocabulary that `to_data` wrote; anything else raises ModelFileError."""
        if not isinstance(data, dict) or set(data) != {"words", "lower", "fold_digits"}:
            raise ModelFileError("Vocabulary: must be written as words, lower and fold_digits. Train the model again.")
        if not isinstance(data["lower"], bool) or not isinstance(data["fold_digits"], bool):
            raise ModelFileError("Vocabulary: lower and fold_digits must be true or false. Train the model again.")
        return cls(_distinct("Vocabulary", data["words"]), data["lower"], data["fold_digits"])


@dataclass(frozen=True)
class Labels:
    """The answers a model can give, numbered from 0 in their order. There is no unknown one: what was never trained cannot be predicted."""

    names: tuple[str, ...]

    @classmethod
    def build(cls, sentences: Iterable[Iterable[str]]) -> Labels:
        """Every label of `sentences` once: O first where it occurs, then the others in alphabetic order."""
        found = {label for sentence in sentences for label in sentence}
        return cls(tuple(sorted(found, key=lambda label: (label != "O", label))))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, label: object) -> bool:
        return label in self._numbers

    def encode(self, labels: Sequence[str], *, strict: bool = True) -> Numbers:
        """Numbers [T], int64. A label that is not there raises DataError, or with `strict=False` becomes -1: no loss, and never right."""
        for label in labels if strict else ():
            if label not in self._numbers:
                raise DataError(f"Labels: {label!r} did not occur in training{suggest(label, self.names)}")
        return np.array([self._numbers.get(label, IGNORED) for label in labels], dtype=np.int64)

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """The labels of `numbers`."""
        return tuple(self.names[_checked("Labels", int(number), len(self.names))] for number in numbers)

    def to_data(self) -> list[str]:
        """Plain data for a JSON text."""
        return list(self.names)

    @classmethod
    def from_data(cls, data: object) -> Labels:
        """The labels that `to_data` wrote; anything else raises ModelFileError."""
        return cls(_distinct("Labels", data))


def _checked(who: str, number: int, size: int) -> int:
    if not 0 <= number < size:
        raise DataError(f"{who}: a number must be in 0..{size - 1}, got {number}.")
    return number


def _distinct(who: str, data: object) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(word, str) for word in data):
        raise ModelFileError(f"{who}: must be written as a list of texts. Train the model again.")
    if len(set(data)) != len(data):
        twice = next(word for word, count in Counter(data).items() if count > 1)
        raise ModelFileError(f"{who}: every entry must occur once, got {twice!r} twice. Train the model again.")
    return tuple(data)
