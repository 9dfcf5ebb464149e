"""Spans in a row of labels, and precision, recall and F1 over them as the CoNLL-2000 script `conlleval` counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from recurra.scores.ratio import check_pairs

TAGS = ("B", "I", "E", "S")


class Span(NamedTuple):
    """The words `start` .. `end` - 1 have the slot `name`."""

    start: int
    end: int
    name: str


def spans(labels: Sequence[str]) -> list[Span]:
    """The spans of one sentence, in any of the schemes BIO, IOB1 and BIOES, also where the labels break its rules.

    As conlleval: an I- or E- after nothing, or after another name, begins a span; a B- or S- always does; an E- or S- ends one. A tag
    alone, such as B, is a span without a name; any other label without a hyphen is outside.
    """
    found: list[Span] = []
    start, before, name = 0, "O", ""
    for at, label in enumerate([*labels, "O"]):
        tag, hyphen, named = label.partition("-")
        tag = tag if hyphen or tag in TAGS else "O"
        if before != "O" and _parted(before, tag, name == named):
            found.append(Span(start, at, name))
        if tag != "O" and (before == "O" or _parted(before, tag, name == named)):
            start = at
        before, name = tag, named
    return found


def _parted(before: str, tag: str, same: bool) -> bool:
    """Whether a span ends between a word with the tag `before`, which is not O, and one with `tag`."""
    return tag in ("O", "B", "S") or before in ("E", "S") or not same


@dataclass(frozen=True)
class Counts:
    """Spans of one name, or of all: `right` of those `predicted`, of those in the `gold` labels."""

    right: int = 0
    predicted: int = 0
    gold: int = 0

    @property
    def precision(self) -> float:
        """Right of those predicted; NaN if none was."""
        return self.right / self.predicted if self.predicted else math.nan

    @property
    def recall(self) -> float:
        """Right of those that there are; NaN if there are none."""
        return self.right / self.gold if self.gold else math.nan

    @property
    def f1(self) -> float:
        """The harmonic mean of the two; NaN only if there is nothing to find and nothing was found."""
        return 2 * self.right / (self.predicted + self.gold) if self.predicted + self.gold else math.nan

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.predicted + other.predicted, self.gold + other.gold)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text; what is not defined is null."""
        values = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        defined = {name: None if math.isnan(value) else value for name, value in values.items()}
        return {**defined, "right": self.right, "predicted": self.predicted, "gold": self.gold}


@dataclass(frozen=True)
class SpanScore:
    """Counts by name of the span; scores of parts add up to the score of the whole."""

    names: Mapping[str, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", MappingProxyType(dict(sorted(self.names.items()))))

    @property
    def all(self) -> Counts:
        """The sum over the names: its F1 is the micro-F1 that is reported."""
        return sum(self.names.values(), Counts())

    @property
    def f1(self) -> float:
        """The micro-F1 in 0..1."""
        return self.all.f1

    def __add__(self, other: SpanScore) -> SpanScore:
        names = {*self.names, *other.names}
        return SpanScore({name: self.names.get(name, Counts()) + other.names.get(name, Counts()) for name in names})

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text: the sum, then each name."""
        return {**self.all.to_data(), "names": {name: counts.to_data() for name, counts in self.names.items()}}


def span_score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> SpanScore:
    """The counts over sentences, each a row of labels: a span is right if its first word, its last word and its name are."""
    check_pairs("span_score", gold, predicted)
    right, found, wanted = Counter[str](), Counter[str](), Counter[str]()
    for true, given in zip(gold, predicted, strict=True):
        check_pairs("span_score", true, given)
        there, guessed = spans(true), spans(given)
        wanted.update(span.name for span in there)
        found.update(span.name for span in guessed)
        right.update(span.name for span in set(there) & set(guessed))
    return SpanScore({name: Counts(right[name], found[name], wanted[name]) for name in {*found, *wanted}})
