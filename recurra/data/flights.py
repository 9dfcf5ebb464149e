"""Flight queries in which one word decides what a city is: "leave taipei on november 2nd" against "arrive taipei on november 2nd".

A *frame* is a sentence before the roles of its cities are chosen. It is written out once for every choice: a frame with one city gives
two sentences, one with two cities four, alike but for the deciding words and the labels that follow from them. So whatever a model sees
except the deciding word occurs equally often with either answer: without that word no model is right on more than half of the cities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from recurra.data.chance import Chance, Deck
from recurra.data.example import Corpus, Tagged
from recurra.data.flight_words import CITIES, COMPANIES, DECIDING, FILLERS, HOURS, MONTHS, PARTS, TEMPLATES, UNSEEN_CITIES, WEEKDAYS
from recurra.errors import ConfigurationError, check_choice

LONGEST_GAP = 12
NEW_NAME = ""
SYLLABLES = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "al", "en", "or"))


@dataclass(frozen=True)
class _Word:
    """A word as it stands when its clause is about a departure [0] and about a destination [1]."""

    text: tuple[str, str]
    label: tuple[str, str]
    clause: int = 0
    decides: bool = False


@dataclass(frozen=True)
class _Phrase:
    """Words of one slot, after words without a slot: `_Phrase("at", "ten am", ("departure_time", "arrival_time"))`."""

    lead: str
    words: str
    slots: tuple[str, str]

    def __len__(self) -> int:
        return len(self.lead.split()) + len(self.words.split())


def flights(size: int, seed: int = 1, part: str = "train", deciding: str = "before") -> list[Tagged]:
    """`size` flight queries, always the same ones for the same arguments.

    The deciding word stands 0 to 12 words "before" or "after" the city, or is "removed": the sentences of "before" without it, whose
    roles nothing in them tells. The `part` is train, dev or test: each has its own sentence patterns and fillers, made of words that train
    has, and in dev and test one city of ten is not in train. In train every tenth sentence with one city has a made-up name that occurs
    once, so that a vocabulary with a minimum of 2 learns what an unknown city is. Every other city has both roles equally often, but for
    the last sentence of an odd `size`. No sentence has an intent.
    """
    check_choice("flights", "part", part, PARTS)
    check_choice("flights", "deciding", deciding, (*DECIDING, "removed"))
    if size < 0:
        raise ConfigurationError(f"flights: size must be 0 or more, got {size}.")
    side = "before" if deciding == "removed" else deciding
    chance = Chance("flights", seed, part, side)
    sentences: list[Tagged] = []
    frames = _Frames(chance, part, side)
    while len(sentences) < size:
        words = frames.frame(most=2 if size - len(sentences) >= 4 else 1)
        sentences.extend(_write_out(words, keep=deciding != "removed"))
    return chance.shuffled(sentences[:size])


def flights_corpus(seed: int = 1, sizes: tuple[int, int, int] = (4000, 500, 1000), deciding: str = "before") -> Corpus:
    """Three parts of `flights`, of the `sizes` given."""
    train, dev, test = (tuple(flights(size, seed, part, deciding)) for size, part in zip(sizes, PARTS, strict=True))
    return Corpus(train, dev, test)


def _write_out(frame: list[_Word], keep: bool) -> Iterator[Tagged]:
    """The sentences of a frame: every choice of roles once."""
    clauses = 1 + max(word.clause for word in frame)
    for roles in product((0, 1), repeat=clauses):
        words = [word for word in frame if keep or not word.decides]
        yield Tagged(tuple(word.text[roles[word.clause]] for word in words), tuple(word.label[roles[word.clause]] for word in words))


class _Frames:
    """Frames of one part; every share that a law speaks of is dealt from a deck, so it is exact."""

    def __init__(self, chance: Chance, part: str, side: str) -> None:
        self.chance, self.part, self.side = chance, part, side
        new = UNSEEN_CITIES[part] or (NEW_NAME,) * (len(CITIES) // 9)
        self.cities = Deck(chance, (*CITIES, *new))
        self.gaps = Deck(chance, range(LONGEST_GAP + 1))
        self.clauses = Deck(chance, (1,) * 9 + (2,))
        self.templates = {count: Deck(chance, TEMPLATES[side][part][count]) for count in (1, 2)}
        self.words_used = 0

    def frame(self, most: int) -> list[_Word]:
        """A frame with one city or, if `most` allows it, sometimes with two."""
        count = min(self.clauses.deal(), most)
        pieces = self.templates[count].deal().split("{}")
        cities = self._cities(count)
        words = _plain(pieces[0], 0)
        for clause, (city, piece) in enumerate(zip(cities, pieces[1:], strict=True)):
            words += self._clause(city, clause) + _plain(piece, clause)
        return words

    def _cities(self, count: int) -> list[str]:
        """Different cities; new names only stand alone in a sentence, so that each occurs once."""
        if count == 1:
            return [self.cities.deal()]
        return self.chance.shuffled((*CITIES, *UNSEEN_CITIES[self.part]))[:count]

    def _clause(self, city: str, clause: int) -> list[_Word]:
        """Deciding word, gap and city, or city, gap and deciding word; then perhaps a date or a company."""
        decides = _Word(self.chance.one(DECIDING[self.side]), ("O", "O"), clause, decides=True)
        gap, named = self._gap(clause), self._city(city, clause)
        core = [decides, *gap, *named] if self.side == "before" else [*named, *gap, decides]
        return self._aside(clause) + core + self._tail(clause)

    def _aside(self, clause: int) -> list[_Word]:
        """Perhaps a few words in front of the clause, so that the deciding word is not always next to the pattern."""
        return _plain(self.chance.one(FILLERS[self.part][1 + self.chance.number(3)]), clause) if self.chance.number(3) == 0 else []

    def _city(self, city: str, clause: int) -> list[_Word]:
        words = 1 if self.chance.number(4) else 2
        names = [city or " ".join(self._new_word() for _ in range(words)) for _ in range(2)]
        return _two_faced(_labelled(names[0], "departure"), _labelled(names[1], "destination"), clause)

    def _new_word(self) -> str:
        """A word that no other name has: its number, written in syllables."""
        number, word = self.words_used, ""
        self.words_used += 1
        while number or len(word) < 4:
            number, syllable = divmod(number, len(SYLLABLES))
            word += SYLLABLES[syllable]
        return word + "ville"

    def _gap(self, clause: int) -> list[_Word]:
        """0 to 12 words, all numbers equally often: fillers, and perhaps a slot that is no city."""
        room = self.gaps.deal()
        pieces: list[list[_Word]] = []
        phrase = self._phrase(timed=True)
        if len(phrase) <= room and self.chance.number(3) == 0:
            pieces.append(_phrased(phrase, clause))
            room -= len(phrase)
        while room:
            length = min(room, 1 + self.chance.number(3))
            pieces.append(_plain(self.chance.one(FILLERS[self.part][length]), clause))
            room -= length
        return [word for piece in self.chance.shuffled(pieces) for word in piece]

    def _tail(self, clause: int) -> list[_Word]:
        """What follows the clause. After a deciding word that came late, a time could belong to either clause, so there is none."""
        return _phrased(self._phrase(timed=self.side == "before"), clause) if self.chance.number(2) else []

    def _phrase(self, timed: bool) -> _Phrase:
        kind = self.chance.one(("date", "company", "time") if timed else ("date", "company"))
        if kind == "time":
            words = f"{self.chance.one(HOURS)} {self.chance.one(('am', 'pm'))}"
            return _Phrase(self.chance.one(("at", "around")), words, ("departure_time", "arrival_time"))
        if kind == "company":
            return _Phrase(self.chance.one(("with", "on", "flying")), self.chance.one(COMPANIES), ("company", "company"))
        day = f"{self.chance.one(MONTHS)} {_ordinal(1 + self.chance.number(28))}"
        return _Phrase("on", self.chance.one((day, day, self.chance.one(WEEKDAYS))), ("date", "date"))


def _labelled(words: str, slot: str) -> list[tuple[str, str]]:
    return [(word, f"{'I' if at else 'B'}-{slot}") for at, word in enumerate(words.split())]


def _two_faced(departure: list[tuple[str, str]], destination: list[tuple[str, str]], clause: int) -> list[_Word]:
    return [_Word((a[0], b[0]), (a[1], b[1]), clause) for a, b in zip(departure, destination, strict=True)]


def _plain(words: str, clause: int) -> list[_Word]:
    return [_Word((word, word), ("O", "O"), clause) for word in words.split()]


def _phrased(phrase: _Phrase, clause: int) -> list[_Word]:
    faces = [_labelled(phrase.words, slot) for slot in phrase.slots]
    return _plain(phrase.lead, clause) + _two_faced(faces[0], faces[1], clause)


def _ordinal(day: int) -> str:
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
