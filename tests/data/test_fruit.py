"""The fruit sentences: a word alone is at chance, the words around it decide, and the parts share words but no frames."""

from __future__ import annotations

from collections import Counter

import pytest

from recurra.data import MostFrequentLabel, fruit, fruit_corpus
from recurra.data.fruit import AFTER, BEFORE, LANGUAGES, NAMES, ROLES
from recurra.errors import ConfigurationError


def role(labels: tuple[str, ...]) -> str:
    return next(label[2:] for label in labels if label != "O")


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_word_at_a_time_is_at_chance(language: str) -> None:
    corpus = fruit_corpus(language=language)
    foil = MostFrequentLabel.fit(corpus.train)
    right = sum(role(foil.predict(each.words)) == role(each.labels) for each in corpus.test)
    assert right * 2 == len(corpus.test)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_around_decide(language: str) -> None:
    decides = {word: ROLES[at] for pairs in (BEFORE[language], AFTER[language]) for pair in pairs for at, word in enumerate(pair)}
    for each in fruit(400, part="test", language=language):
        assert [decides[word] for word in each.words if word in decides] == [role(each.labels)]
    rests = Counter(tuple(word for word in each.words if word not in decides) for each in fruit(401, language=language))
    assert sum(count % 2 for count in rests.values()) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_in_train_and_in_lower_case(language: str) -> None:
    corpus = fruit_corpus(language=language)
    known = {word for each in corpus.train for word in each.words}
    assert {word for part in (corpus.dev, corpus.test) for each in part for word in each.words} <= known
    assert all(word == word.lower() for word in known)
    assert {word for name in NAMES[language] for word in name.split()} <= known
    if language == "chinese":
        assert {len(word) for word in known} == {1}


def test_equal_arguments_give_equal_sentences() -> None:
    assert fruit(20, 3) == fruit(20, 3) != fruit(20, 4)
    assert len(fruit(7)) == 7
    assert fruit(0) == []


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fruit: unknown language 'chines'; did you mean 'chinese'"):
        fruit(2, language="chines")
    with pytest.raises(ConfigurationError, match="fruit: size must be 0 or more, got -1"):
        fruit(-1)
