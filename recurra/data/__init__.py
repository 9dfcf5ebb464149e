"""Data: examples, vocabularies, readers, batches and generators. Without torch."""

from recurra.data.baseline import MostFrequentLabel
from recurra.data.batches import START, Buckets, Position, pad, restored, sorted_batches
from recurra.data.chance import Chance, Deck
from recurra.data.example import Corpus, Tagged
from recurra.data.flights import flights, flights_corpus
from recurra.data.slots import is_split, read_slots, read_split
from recurra.data.vocabulary import IGNORED, PADDING, UNKNOWN, Labels, Vocabulary
from recurra.data.words import split_words

__all__ = [
    "IGNORED",
    "PADDING",
    "START",
    "UNKNOWN",
    "Buckets",
    "Chance",
    "Corpus",
    "Deck",
    "Labels",
    "MostFrequentLabel",
    "Position",
    "Tagged",
    "Vocabulary",
    "flights",
    "flights_corpus",
    "is_split",
    "pad",
    "read_slots",
    "read_split",
    "restored",
    "sorted_batches",
    "split_words",
]
