"""Schemes of labels: recognised, converted to BIO and back, always with the spans that conlleval counts."""

from __future__ import annotations

from itertools import product

import pytest

from recurra.data import breaches, from_bio, recognise, to_bio
from recurra.errors import ConfigurationError
from recurra.scores import spans

LETTERS = ("O", "B-a", "I-a", "E-a", "S-a", "B-b", "I-b", "E-b")
WRITTEN = {
    "BIO": ("B-a", "I-a", "B-a", "O", "B-b", "B-a", "I-a", "I-a"),
    "IOB1": ("I-a", "I-a", "B-a", "O", "I-b", "I-a", "I-a", "I-a"),
    "BIOES": ("B-a", "E-a", "S-a", "O", "S-b", "B-a", "I-a", "E-a"),
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_a_scheme_is_recognised_and_converted_both_ways(scheme: str) -> None:
    assert recognise([WRITTEN[scheme]]) == scheme
    assert to_bio(WRITTEN[scheme]) == WRITTEN["BIO"]
    assert from_bio(WRITTEN["BIO"], scheme) == WRITTEN[scheme]
    assert list(breaches(WRITTEN[scheme], scheme)) == []


def test_every_short_row_of_labels_keeps_its_spans() -> None:
    for length in range(5):
        for labels in product(LETTERS, repeat=length):
            bio = to_bio(labels)
            assert spans(bio) == spans(labels), labels
            for scheme in WRITTEN:
                there = from_bio(bio, scheme)
                assert spans(there) == spans(labels), (labels, scheme)
                assert to_bio(there) == bio


def test_parts_of_speech_are_no_scheme() -> None:
    assert recognise([("NOUN", "VERB")]) == "tags"
    assert recognise([("E-a", "NOUN")]) == "tags"
    assert recognise([]) == "tags"
    assert recognise([("O", "O")]) == "BIO"
    assert list(breaches(("NOUN",), "tags")) == []


def test_a_breach_names_its_word_and_what_should_stand_there() -> None:
    assert list(breaches(("O", "I-a", "I-b"), "BIO")) == [(1, "B-a"), (2, "B-b")]
    assert list(breaches(("B-a", "B-a"), "BIOES")) == [(0, "S-a"), (1, "S-a")]


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"from_bio: unknown scheme 'BIOE'; did you mean 'BIOES'\?"):
        from_bio((), "BIOE")
