"""Words and labels as numbers and back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import IGNORED, PADDING, UNKNOWN, Labels, Vocabulary, split_words
from recurra.errors import DataError, ModelFileError, RecurraError

SENTENCES = [["Leave", "Taipei", "at", "7"], ["leave", "taipei", "at", "9"], ["leave", "oslo"]]


def test_the_most_frequent_words_come_first_and_rare_ones_stay_unknown() -> None:
    vocabulary = Vocabulary.build(SENTENCES)
    assert vocabulary.words == ("leave", "at", "taipei")
    assert len(vocabulary) == 5
    assert vocabulary.encode(["LEAVE", "oslo", "taipei"]).tolist() == [2, UNKNOWN, 4]
    assert vocabulary.unknown(["LEAVE", "Oslo", "taipei"]) == ("Oslo",)
    assert vocabulary.decode([PADDING, UNKNOWN, 2]) == ("<padding>", "<unknown>", "leave")


def test_case_and_digits_are_folded_as_asked() -> None:
    assert Vocabulary.build(SENTENCES, minimum=1, lower=False).words == ("at", "leave", "7", "9", "Leave", "Taipei", "oslo", "taipei")
    folded = Vocabulary.build(SENTENCES, fold_digits=True)
    assert "0" in folded.words
    assert "7" in folded
    assert "12" not in folded
    assert folded.read("Gate12") == "gate00"


@given(st.lists(st.lists(st.text(max_size=4), max_size=5), max_size=5), st.integers(1, 3), st.booleans(), st.booleans())
def test_plain_data_brings_back_an_equal_vocabulary(sentences: list[list[str]], minimum: int, lower: bool, fold: bool) -> None:
    vocabulary = Vocabulary.build(sentences, minimum=minimum, lower=lower, fold_digits=fold)
    again = Vocabulary.from_data(json.loads(json.dumps(vocabulary.to_data())))
    assert again == vocabulary
    for sentence in sentences:
        assert again.encode(sentence).tolist() == vocabulary.encode(sentence).tolist()
        assert all(word in again for word in vocabulary.words)
    assert vocabulary.decode(range(2, len(vocabulary))) == vocabulary.words


@given(st.lists(st.lists(st.text(max_size=3), max_size=5), max_size=5))
def test_labels_come_back(sentences: list[list[str]]) -> None:
    labels = Labels.build(sentences)
    assert Labels.from_data(json.loads(json.dumps(labels.to_data()))) == labels
    for sentence in sentences:
        assert labels.decode(labels.encode(sentence)) == tuple(sentence)


def test_o_is_the_first_label_and_a_new_one_is_refused_or_ignored() -> None:
    labels = Labels.build([["B-date", "O"], ["B-city", "O"]])
    assert labels.names == ("O", "B-city", "B-date")
    assert labels.encode(["B-fare", "O"], strict=False).tolist() == [IGNORED, 0]
    with pytest.raises(DataError, match="Labels: 'B-cty' did not occur in training; did you mean 'B-city'"):
        labels.encode(["B-cty"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("leave Taipei on November 2nd", ("leave", "Taipei", "on", "November", "2nd")),
        ("Leave Taipei, please.", ("Leave", "Taipei", ",", "please", ".")),
        ("at 7:30, one o'clock (first-class)", ("at", "7:30", ",", "one", "o'clock", "(", "first-class", ")")),
        ("  \t\n ", ()),
        ("", ()),
        ("Zürich São—Paulo", ("Zürich", "São", "—", "Paulo")),
    ],
)
def test_a_line_is_split_into_words_and_signs(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


@given(st.text())
def test_splitting_loses_nothing_but_space(text: str) -> None:
    assert "".join(split_words(text)) == "".join(text.split())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Vocabulary.build([], minimum=0), "Vocabulary: minimum must be 1 or more, got 0."),
        (lambda: Vocabulary(("a",)).decode([3]), "Vocabulary: a number must be in 0..2, got 3."),
        (lambda: Labels(("O",)).decode([-1]), "Labels: a number must be in 0..0, got -1."),
        (lambda: Vocabulary.from_data([]), "Vocabulary: must be written as words, lower and fold_digits. Train the model again."),
        (
            lambda: Vocabulary.from_data({"words": [], "lower": 1, "fold_digits": False}),
            "Vocabulary: lower and fold_digits must be true or false. Train the model again.",
        ),
        (
            lambda: Vocabulary.from_data({"words": ["a", 1], "lower": True, "fold_digits": False}),
            "Vocabulary: must be written as a list of texts. Train the model again.",
        ),
        (lambda: Labels.from_data(["O", "O"]), "Labels: every entry must occur once, got 'O' twice. Train the model again."),
    ],
)
def test_errors(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(RecurraError) as caught:
        wrong()
    assert str(caught.value) == message
    assert isinstance(caught.value, ModelFileError if message.endswith("again.") else DataError)
