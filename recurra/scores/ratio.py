"""A share, kept as its two numbers so that parts add up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from recurra.errors import DataError


@dataclass(frozen=True)
class Ratio:
    """`right` of `total`. Ratios of parts of the data add up to the ratio of the whole, to the last bit."""

    right: int = 0
    total: int = 0

    @property
    def value(self) -> float:
        """The share in 0..1; NaN of nothing, which is neither good nor bad."""
        return self.right / self.total if self.total else math.nan

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.right + other.right, self.total + other.total)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text; the value of nothing is null."""
        return {"value": self.value if self.total else None, "right": self.right, "total": self.total}


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> Ratio:
    """How many answers are right: for one sentence its tokens, for intents one answer a sentence."""
    check_pairs("accuracy", gold, predicted)
    return Ratio(sum(map(str.__eq__, gold, predicted)), len(gold))


def accuracy_on(kept: Iterable[str], gold: Sequence[str], predicted: Sequence[str]) -> Ratio:
    """The accuracy on those places whose gold label is one of `kept`."""
    check_pairs("accuracy_on", gold, predicted)
    wanted = frozenset(kept)
    places = [given == true for true, given in zip(gold, predicted, strict=True) if true in wanted]
    return Ratio(sum(places), len(places))


def check_pairs(who: str, gold: Sequence[object], predicted: Sequence[object]) -> None:
    """Raise DataError unless there is a prediction for each gold answer."""
    if len(gold) != len(predicted):
        raise DataError(f"{who}: predicted must have as many answers as gold, {len(gold)}, got {len(predicted)}.")
