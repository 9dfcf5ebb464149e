"""The answer of a tagging model to one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """A label for each word, and how probable every label was for it.

    `choices` are the labels that the model knows, `table` their probabilities, float32 [T, Y]; two predictions are equal when words and
    labels are.
    """

    words: tuple[str, ...]
    labels: tuple[str, ...]
    choices: tuple[str, ...] = field(compare=False, repr=False)
    table: NDArray[np.float32] = field(compare=False, repr=False)

    @cached_property
    def probabilities(self) -> tuple[dict[str, float], ...]:
        """For each word the probability of every label, the most probable first."""
        orders = np.argsort(-self.table, axis=1, kind="stable")
        return tuple({self.choices[j]: float(row[j]) for j in order} for row, order in zip(self.table, orders, strict=True))

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The words with their labels."""
        return zip(self.words, self.labels, strict=True)

    def __str__(self) -> str:
        return " ".join(word if label == "O" else f"{word}/{label}" for word, label in self)

    def to_data(self, most: int | None = None) -> dict[str, Any]:
        """Plain data for a JSON text, with the `most` probable labels of each word, or all."""
        shares = [dict(list(row.items())[:most]) for row in self.probabilities]
        return {"words": list(self.words), "labels": list(self.labels), "probabilities": shares}
