"""Spans and their F1: worked examples, the published table, and the counting rules of conlleval written out a second time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError
from recurra.scores import Counts, Span, SpanScore, span_score, spans

# Each row: labels, and the spans that conlleval sees in them.
WORKED = [
    ("O B-a I-a O B-b", [(1, 3, "a"), (4, 5, "b")]),
    ("B-a B-a I-a", [(0, 1, "a"), (1, 3, "a")]),
    ("I-a I-a O I-b", [(0, 2, "a"), (3, 4, "b")]),
    ("B-a I-b I-b", [(0, 1, "a"), (1, 3, "b")]),
    ("I-a B-a I-a I-b", [(0, 1, "a"), (1, 3, "a"), (3, 4, "b")]),
    ("S-a S-a B-b I-b E-b O", [(0, 1, "a"), (1, 2, "a"), (2, 5, "b")]),
    ("B-a E-a I-a E-a", [(0, 2, "a"), (2, 4, "a")]),
    ("E-a E-a", [(0, 1, "a"), (1, 2, "a")]),
    ("B-a E-b", [(0, 1, "a"), (1, 2, "b")]),
    ("B-fromloc.city-name I-fromloc.city-name", [(0, 2, "fromloc.city-name")]),
    ("B I O nothing I", [(0, 2, ""), (4, 5, "")]),
    ("", []),
    ("O O", []),
]


@pytest.mark.parametrize(("labels", "expected"), WORKED)
def test_worked_examples(labels: str, expected: list[tuple[int, int, str]]) -> None:
    assert spans(labels.split()) == [Span(*span) for span in expected]


def chunk_ends(before: str, tag: str, kind_before: str, kind: str) -> bool:
    """When conlleval lets a chunk end before a word; the rules for S- and E- are those of the later versions that know BIOES."""
    pairs = {"BB", "BS", "BO", "IB", "IS", "IO"}
    return before + tag in pairs or before in ("E", "S") or (before != "O" and kind_before != kind)


def chunk_starts(before: str, tag: str, kind_before: str, kind: str) -> bool:
    """When conlleval lets a chunk start at a word."""
    pairs = {"EE", "EI", "SE", "SI", "OE", "OI"}
    return tag in ("B", "S") or before + tag in pairs or (tag != "O" and kind_before != kind)


def counted_word_by_word(gold: list[list[str]], predicted: list[list[str]]) -> Counts:
    """What the script does: it walks over both columns at once, and knows only whether the chunk it is in has been right so far."""
    right = found = there = 0
    inside = False
    last_gold = last_guess = ("O", "")
    rows = [pair for one, other in zip(gold, predicted, strict=True) for pair in [*zip(one, other, strict=True), ("O", "O")]]
    for row in rows:
        (tag, kind), (guess, guessed) = ((label.split("-", 1) if "-" in label else ["O", ""]) for label in row)
        gold_ends = chunk_ends(last_gold[0], tag, last_gold[1], kind)
        guess_ends = chunk_ends(last_guess[0], guess, last_guess[1], guessed)
        if inside and gold_ends and guess_ends and last_gold[1] == last_guess[1]:
            right, inside = right + 1, False
        elif inside and (gold_ends != guess_ends or kind != guessed):
            inside = False
        gold_starts = chunk_starts(last_gold[0], tag, last_gold[1], kind)
        guess_starts = chunk_starts(last_guess[0], guess, last_guess[1], guessed)
        inside = inside or (gold_starts and guess_starts and kind == guessed)
        there, found = there + gold_starts, found + guess_starts
        last_gold, last_guess = (tag, kind), (guess, guessed)
    return Counts(right, found, there)


LABELS = st.sampled_from(["O", *(f"{tag}-{name}" for tag in "BIES" for name in ("a", "b"))])
PAIRS = st.lists(st.lists(st.tuples(LABELS, LABELS), max_size=9), max_size=6)
Pairs = list[list[tuple[str, str]]]


def columns(pairs: Pairs) -> tuple[list[list[str]], list[list[str]]]:
    return [[gold for gold, _ in row] for row in pairs], [[guess for _, guess in row] for row in pairs]


@given(PAIRS)
def test_counts_are_those_of_the_walk_over_both_columns(pairs: Pairs) -> None:
    gold, predicted = columns(pairs)
    assert span_score(gold, predicted).all == counted_word_by_word(gold, predicted)
    assert span_score(gold, gold).all == counted_word_by_word(gold, gold)


@given(PAIRS, PAIRS)
def test_scores_of_parts_add_up(first: Pairs, second: Pairs) -> None:
    assert span_score(*columns(first)) + span_score(*columns(second)) == span_score(*columns(first + second))


def test_a_span_does_not_reach_over_the_end_of_a_sentence() -> None:
    assert span_score([["I-a"], ["I-a"]], [["I-a"], ["I-a"]]).all == Counts(2, 2, 2)


# The example output of the CoNLL-2000 shared task: name, right, predicted, gold, precision, recall, FB1.
PUBLISHED = [
    ("ADJP", 0, 1, 6, 0.00, 0.00, 0.00),
    ("ADVP", 5, 11, 8, 45.45, 62.50, 52.63),
    ("NP", 206, 317, 262, 64.98, 78.63, 71.16),
    ("PP", 89, 107, 90, 83.18, 98.89, 90.36),
    ("SBAR", 2, 3, 6, 66.67, 33.33, 44.44),
    ("VP", 69, 100, 87, 69.00, 79.31, 73.80),
]


def in_percent(counts: Counts) -> tuple[float, float, float]:
    return round(100 * counts.precision, 2), round(100 * counts.recall, 2), round(100 * counts.f1, 2)


def test_the_published_table() -> None:
    score = SpanScore({name: Counts(right, predicted, gold) for name, right, predicted, gold, *_ in PUBLISHED})
    assert [(name, *in_percent(counts)) for name, counts in score.names.items()] == [(row[0], *row[4:]) for row in PUBLISHED]
    assert score.all == Counts(371, 539, 459)
    assert in_percent(score.all) == (68.83, 80.83, 74.35)


def test_nothing_is_neither_good_nor_bad() -> None:
    assert all(map(math.isnan, (Counts().precision, Counts().recall, Counts().f1)))
    assert (Counts(0, 2, 0).f1, Counts(0, 0, 2).f1) == (0.0, 0.0)
    assert Counts(0, 0, 2).to_data() == {"precision": None, "recall": 0.0, "f1": 0.0, "right": 0, "predicted": 0, "gold": 2}


def test_as_plain_data() -> None:
    score = span_score([["B-b", "O", "B-a"]], [["B-b", "B-a", "O"]])
    assert score.f1 == 0.5
    half = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "right": 1, "predicted": 2, "gold": 2}
    none = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "right": 0, "predicted": 1, "gold": 1}
    one = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "right": 1, "predicted": 1, "gold": 1}
    assert score.to_data() == {**half, "names": {"a": none, "b": one}}


def test_columns_must_be_as_long() -> None:
    with pytest.raises(DataError) as caught:
        span_score([["O"], ["O", "O"]], [["O"], ["O"]])
    assert str(caught.value) == "span_score: predicted must have as many answers as gold, 2, got 1."
