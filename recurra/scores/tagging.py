"""All scores of labelled sentences at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from recurra.scores.ratio import Ratio, accuracy, accuracy_on, check_pairs
from recurra.scores.spans import SpanScore, span_score

# The first word of a city: what memory decides in the flight corpus. Other data has no such labels, and then no role accuracy.
ROLES = ("B-departure", "B-destination")


@dataclass(frozen=True)
class TaggingScore:
    """Scores of labelled sentences: `score(a) + score(b) == score(a + b)`.

    tokens: labels that are right; sentences: sentences with all labels right; roles: cities whose role is right; spans: as conlleval.
    """

    tokens: Ratio = field(default_factory=Ratio)
    sentences: Ratio = field(default_factory=Ratio)
    roles: Ratio = field(default_factory=Ratio)
    spans: SpanScore = field(default_factory=SpanScore)

    def __add__(self, other: TaggingScore) -> TaggingScore:
        tokens, sentences = self.tokens + other.tokens, self.sentences + other.sentences
        return TaggingScore(tokens, sentences, self.roles + other.roles, self.spans + other.spans)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text; `roles` only where there are any."""
        data = {"tokens": self.tokens.to_data(), "sentences": self.sentences.to_data(), "spans": self.spans.to_data()}
        return {**data, "roles": self.roles.to_data()} if self.roles.total else data


def score_tagging(gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> TaggingScore:
    """The scores of sentences, each a row of labels; a gold label that no training data had is simply never right."""
    true, given = list(gold), list(predicted)
    check_pairs("score_tagging", true, given)
    pairs = list(zip(true, given, strict=True))
    tokens = sum((accuracy(*pair) for pair in pairs), Ratio())
    roles = sum((accuracy_on(ROLES, *pair) for pair in pairs), Ratio())
    whole = Ratio(sum(tuple(right) == tuple(answer) for right, answer in pairs), len(pairs))
    return TaggingScore(tokens, whole, roles, span_score(true, given))
