"""The laws of the flight sentences: one word decides, and nothing else tells."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import pytest

from recurra.data import Tagged, Vocabulary, flights, flights_corpus
from recurra.data.flight_words import CITIES, DECIDING, FILLERS, PARTS, TEMPLATES, UNSEEN_CITIES
from recurra.errors import ConfigurationError

SIDES = ("before", "after")
ROLE = {word: role for pairs in DECIDING.values() for pair in pairs for word, role in zip(pair, ("departure", "destination"), strict=True)}


def cities(sentence: Tagged) -> Iterator[tuple[int, int, str]]:
    """First word, the word after the last one, and role of each city."""
    for start, label in enumerate(sentence.labels):
        if label in ("B-departure", "B-destination"):
            end = start + 1
            while end < len(sentence) and sentence.labels[end] == "I-" + label[2:]:
                end += 1
            yield start, end, label[2:]


def gap_and_role(sentence: Tagged, start: int, end: int, side: str) -> tuple[int, str]:
    """How many words stand between the nearest deciding word on that side and the city, and what that word says."""
    at = start - 1 if side == "before" else end
    step = -1 if side == "before" else 1
    gap = 0
    while sentence.words[at] not in ROLE:
        at, gap = at + step, gap + 1
    return gap, ROLE[sentence.words[at]]


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, str], list[Tagged]]:
    sizes = {"train": 4000, "dev": 500, "test": 1000}
    return {(side, part): flights(sizes[part], 1, part, side) for side in (*SIDES, "removed") for part in PARTS}


def test_the_same_on_every_machine() -> None:
    text = json.dumps([[s.words, s.labels] for side in (*SIDES, "removed") for part in PARTS for s in flights(50, 7, part, side)])
    assert hashlib.sha256(text.encode()).hexdigest() == "4a2bb55c9446239b54335545b1d68977a572e6727b15a492fc3cbd662ddabdec"


def test_seed_part_and_size_are_all_that_matters() -> None:
    assert flights(60, 3) == flights(60, 3)
    assert flights(60, 3) != flights(60, 4)
    assert set(flights(60, 3, "dev")).isdisjoint(flights(60, 3, "test"))
    for size in (0, 1, 2, 3, 4, 5, 101):
        assert len(flights(size)) == size


def test_a_corpus_is_its_three_parts() -> None:
    corpus = flights_corpus(5, (12, 6, 8), "after")
    assert corpus.train == tuple(flights(12, 5, "train", "after"))
    assert corpus.dev == tuple(flights(6, 5, "dev", "after"))
    assert corpus.test == tuple(flights(8, 5, "test", "after"))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("side", SIDES)
def test_the_nearest_deciding_word_decides(made: dict[tuple[str, str], list[Tagged]], side: str, part: str) -> None:
    for sentence in made[side, part]:
        found = list(cities(sentence))
        assert len(found) == sum(word in ROLE for word in sentence.words) in (1, 2)
        assert all(gap_and_role(sentence, start, end, side)[1] == role for start, end, role in found)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("side", SIDES)
def test_every_gap_from_0_to_12_is_as_frequent(made: dict[tuple[str, str], list[Tagged]], side: str, part: str) -> None:
    gaps = Counter(gap_and_role(s, start, end, side)[0] for s in made[side, part] for start, end, _ in cities(s))
    assert sorted(gaps) == list(range(13))
    assert all(0.8 / 13 < count / gaps.total() < 1.25 / 13 for count in gaps.values())


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("side", [*SIDES, "removed"])
def test_every_city_has_both_roles_equally_often(made: dict[tuple[str, str], list[Tagged]], side: str, part: str) -> None:
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in made[side, part]:
        for start, end, role in cities(sentence):
            roles[" ".join(sentence.words[start:end])][role] += 1
    known = {city for city in roles if city in CITIES or city in UNSEEN_CITIES[part]}
    assert known == {*CITIES, *UNSEEN_CITIES[part]}
    assert all(roles[city]["departure"] == roles[city]["destination"] for city in known)
    new = [roles[city] for city in roles.keys() - known]
    assert all(counts.total() == 1 for counts in new)
    assert sum(counts["departure"] for counts in new) == sum(counts["destination"] for counts in new)
    alone = sum(len(list(cities(sentence))) == 1 for sentence in made[side, part])
    assert 0.09 < len(new) / alone < 0.11 if part == "train" else not new


@pytest.mark.parametrize("side", SIDES)
def test_two_cities_in_all_orders_equally_often(made: dict[tuple[str, str], list[Tagged]], side: str) -> None:
    both = Counter(tuple(role for _, _, role in cities(s)) for s in made[side, "train"])
    orders = [both[one, other] for one in ("departure", "destination") for other in ("departure", "destination")]
    assert len(set(orders)) == 1
    assert sum(orders) > 400


@pytest.mark.parametrize("side", SIDES)
def test_a_tenth_of_the_cities_of_the_test_is_new(made: dict[tuple[str, str], list[Tagged]], side: str) -> None:
    known, asked = ({" ".join(s.words[a:b]) for s in made[side, part] for a, b, _ in cities(s)} for part in ("train", "test"))
    assert len(asked - known) / len(asked) == 0.1
    vocabulary = Vocabulary.build(s.words for s in made[side, "train"])
    for city in asked - known:
        assert all(word not in vocabulary for word in city.split())


@pytest.mark.parametrize("part", ["dev", "test"])
@pytest.mark.parametrize("side", SIDES)
def test_patterns_are_new_and_their_words_are_not(made: dict[tuple[str, str], list[Tagged]], side: str, part: str) -> None:
    others = {"dev", "test", "train"} - {part}
    for other in others:
        for patterns in (TEMPLATES[side], FILLERS):
            assert all(set(patterns[part][count]).isdisjoint(patterns[other][count]) for count in patterns[part])
    vocabulary = Vocabulary.build(s.words for s in made[side, "train"])
    unseen = {word for city in UNSEEN_CITIES[part] for word in city.split()}
    assert {word for s in made[side, part] for word in vocabulary.unknown(s.words)} == unseen


def test_no_pattern_holds_a_deciding_word() -> None:
    patterns = [text for side in SIDES for part in PARTS for count in (1, 2) for text in TEMPLATES[side][part][count]]
    patterns += [text for part in PARTS for texts in FILLERS[part].values() for text in texts]
    assert not {word for text in patterns for word in text.split()} & ROLE.keys()


def test_new_names_never_repeat() -> None:
    words = [word for s in flights(12_000, 2) for start, end, _ in cities(s) for word in s.words[start:end]]
    names = Counter(word for word in words if word.endswith("ville"))
    assert len(names) > 500
    assert set(names.values()) == {1}


@pytest.mark.parametrize("part", PARTS)
def test_removed_is_before_without_the_deciding_words(made: dict[tuple[str, str], list[Tagged]], part: str) -> None:
    for whole, rest in zip(made["before", part], made["removed", part], strict=True):
        kept = [(word, label) for word, label in zip(whole.words, whole.labels, strict=True) if word not in ROLE]
        assert kept == list(zip(rest.words, rest.labels, strict=True))


def test_removed_says_nothing_at_all(made: dict[tuple[str, str], list[Tagged]]) -> None:
    answers: dict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for sentence in made["removed", "test"]:
        answers[sentence.words][tuple(role for _, _, role in cities(sentence))] += 1
    for counts in answers.values():
        for place in range(len(next(iter(counts)))):
            departures = sum(count for roles, count in counts.items() if roles[place] == "departure")
            assert 2 * departures == counts.total()


Features = Callable[[Tagged, int, int], Iterable[str]]


def only_the_word(s: Tagged, start: int, end: int) -> Iterable[str]:
    return [s.words[start]]


def whole_sentence(s: Tagged, start: int, end: int) -> Iterable[str]:
    around = [f"{at - start}:{s.words[at]}" for at in range(max(0, start - 4), min(len(s), end + 4))]
    return [*s.words, *around, *map(" ".join, zip(s.words, s.words[1:], strict=False)), f"length {len(s)}", f"at {start}"]


def up_to_the_city(s: Tagged, start: int, end: int) -> Iterable[str]:
    return whole_sentence(Tagged(s.words[:end], s.labels[:end]), start, end)


def count_model(train: list[Tagged], test: list[Tagged], features: Features) -> float:
    """The share of the test's cities whose role counts of features (naive Bayes) find."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for s in train:
        for start, end, role in cities(s):
            for feature in features(s, start, end):
                seen[feature][role] += 1
    right = total = 0
    for s in test:
        for start, end, role in cities(s):
            odds = 1.0
            for feature in features(s, start, end):
                odds *= (seen[feature]["departure"] + 0.5) / (seen[feature]["destination"] + 0.5)
            right += role == ("departure" if odds > 1 else "destination")
            total += 1
    return right / total


@pytest.mark.parametrize(
    ("side", "features", "low", "high"),
    [
        ("removed", whole_sentence, 0.5, 0.5),
        ("before", only_the_word, 0.45, 0.55),
        ("before", whole_sentence, 0.75, 1.0),
        ("after", only_the_word, 0.45, 0.55),
        ("after", up_to_the_city, 0.4, 0.6),
        ("after", whole_sentence, 0.75, 1.0),
    ],
)
def test_what_counting_finds(made: dict[tuple[str, str], list[Tagged]], side: str, features: Features, low: float, high: float) -> None:
    assert low <= count_model(made[side, "train"], made[side, "test"], features) <= high


@pytest.mark.parametrize("text", ["arrive taipei on november 2nd", "leave taipei on november 2nd"])
def test_the_words_of_the_notes_are_known(made: dict[tuple[str, str], list[Tagged]], text: str) -> None:
    assert Vocabulary.build(s.words for s in made["before", "train"]).unknown(text.split()) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"part": "tset"}, "flights: unknown part 'tset'; did you mean 'test'?"),
        ({"deciding": "behind"}, "flights: unknown deciding 'behind'; expected one of before after removed"),
        ({"size": -1}, "flights: size must be 0 or more, got -1."),
    ],
)
def test_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        flights(**{"size": 4, **arguments})  # type: ignore[arg-type]
    assert str(caught.value) == message
