"""Scores: values that keep their numerators and denominators, so that the scores of parts add up. Without torch."""

from recurra.scores.ratio import Ratio, accuracy, accuracy_on
from recurra.scores.spans import Counts, Span, SpanScore, span_score, spans
from recurra.scores.tagging import ROLES, TaggingScore, score_tagging

__all__ = [
    "ROLES",
    "Counts",
    "Ratio",
    "Span",
    "SpanScore",
    "TaggingScore",
    "accuracy",
    "accuracy_on",
    "score_tagging",
    "span_score",
    "spans",
]
