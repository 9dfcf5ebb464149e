"""Shares of right answers, alone and together."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError
from recurra.scores import ROLES, Ratio, TaggingScore, accuracy, accuracy_on, score_tagging

GOLD = [["O", "B-departure"], ["O", "B-destination", "I-destination", "O", "B-date"], []]
PREDICTED = [["O", "B-departure"], ["O", "B-departure", "I-destination", "O", "B-date"], []]

LABELS = st.sampled_from(["O", "B-departure", "B-destination", "I-destination", "B-date"])
ROWS = st.lists(st.lists(st.tuples(LABELS, LABELS), max_size=6), max_size=6)
Rows = list[list[tuple[str, str]]]


def score(rows: Rows) -> TaggingScore:
    return score_tagging([[gold for gold, _ in row] for row in rows], [[guess for _, guess in row] for row in rows])


def test_a_worked_example() -> None:
    found = score_tagging(GOLD, PREDICTED)
    assert (found.tokens, found.sentences, found.roles) == (Ratio(6, 7), Ratio(2, 3), Ratio(1, 2))
    assert (found.spans.all.right, found.spans.all.predicted, found.spans.all.gold) == (2, 4, 3)


def test_only_the_first_word_of_a_city_counts_and_no_city_is_wrong() -> None:
    gold = ["B-destination", "I-destination", "O", "B-departure"]
    assert accuracy_on(ROLES, gold, ["B-destination", "O", "B-departure", "O"]) == Ratio(1, 2)
    assert accuracy_on(ROLES, ["O"], ["B-departure"]) == Ratio(0, 0)


def test_a_label_that_training_never_had_is_wrong() -> None:
    found = score_tagging([["B-fare", "O"]], [["O", "O"]])
    assert found.tokens == Ratio(1, 2)
    assert found.spans.names["fare"].recall == 0.0


@given(ROWS, ROWS)
def test_scores_of_parts_add_up(first: Rows, second: Rows) -> None:
    assert score(first) + score(second) == score(first + second)
    assert score(first) + TaggingScore() == score(first)


def test_ratios() -> None:
    assert accuracy(["a", "b", "c", "d"], ["a", "b", "c", "x"]).value == 0.75
    assert math.isnan(Ratio().value)
    assert Ratio(1, 4).to_data() == {"value": 0.25, "right": 1, "total": 4}
    assert Ratio().to_data() == {"value": None, "right": 0, "total": 0}


def test_as_plain_data_roles_only_where_there_are_any() -> None:
    with_roles, without = score_tagging(GOLD, PREDICTED).to_data(), score_tagging([["O"]], [["O"]]).to_data()
    assert set(with_roles) == {"tokens", "sentences", "spans", "roles"}
    assert set(without) == {"tokens", "sentences", "spans"}
    json.dumps([with_roles, without], allow_nan=False)


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"]], [], "score_tagging: predicted must have as many answers as gold, 1, got 0."),
        ([["O"]], [["O", "O"]], "accuracy: predicted must have as many answers as gold, 1, got 2."),
    ],
)
def test_errors(gold: list[list[str]], predicted: list[list[str]], message: str) -> None:
    with pytest.raises(DataError) as caught:
        score_tagging(gold, predicted)
    assert str(caught.value) == message
