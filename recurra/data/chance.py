"""Chance from a seed, the same on every platform and version: only `Random(text).random()` is drawn, which Python promises to keep."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Chance:
    """A source of chance: equal seeds (any values, compared by their text) give equal draws."""

    def __init__(self, *seed: object) -> None:
        self._random = random.Random("/".join(map(str, seed)))

    def number(self, below: int) -> int:
        """One of 0 .. below - 1."""
        return int(self._random.random() * below)

    def one(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[self.number(len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of `items`, in an order of which each is equally likely."""
        cards = list(items)
        for last in range(len(cards) - 1, 0, -1):
            other = self.number(last + 1)
            cards[last], cards[other] = cards[other], cards[last]
        return cards


class Deck(Generic[T]):
    """Cards dealt without end, every card once before any comes again: shares are exact where `Chance.one` only makes them likely."""

    def __init__(self, chance: Chance, cards: Sequence[T]) -> None:
        self._chance, self._cards = chance, cards
        self._left: list[T] = []

    def deal(self) -> T:
        """The next card."""
        if not self._left:
            self._left = self._chance.shuffled(self._cards)
        return self._left.pop()
