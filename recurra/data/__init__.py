"""Data: examples, vocabularies, readers, batches and generators. Without torch."""

from recurra.data.baseline import MostFrequentLabel
from recurra.data.batches import START, Buckets, Position, pad, restored, sorted_batches
from recurra.data.chance import Chance, Deck
from recurra.data.check import PartReport, check
from recurra.data.example import Corpus, Tagged
from recurra.data.flights import flights, flights_corpus
from recurra.data.formats import Format, Reading, find_parts, look, read, read_parts
from recurra.data.fruit import fruit, fruit_corpus
from recurra.data.lines import Found, Problem
from recurra.data.schemes import breaches, from_bio, recognise, to_bio
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
    "Format",
    "Found",
    "Labels",
    "MostFrequentLabel",
    "PartReport",
    "Position",
    "Problem",
    "Reading",
    "Tagged",
    "Vocabulary",
    "breaches",
    "check",
    "find_parts",
    "flights",
    "flights_corpus",
    "from_bio",
    "fruit",
    "fruit_corpus",
    "is_split",
    "look",
    "pad",
    "read",
    "read_parts",
    "read_slots",
    "read_split",
    "recognise",
    "restored",
    "sorted_batches",
    "split_words",
    "to_bio",
]
