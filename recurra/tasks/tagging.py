"""Tagging: a label for each word of a sentence, chosen by softmax."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recurra.compiler import Program
from recurra.data import (
    IGNORED,
    Corpus,
    Labels,
    MostFrequentLabel,
    Tagged,
    Vocabulary,
    find_parts,
    is_split,
    pad,
    read,
    read_parts,
    read_slots,
    read_split,
    split_words,
)
from recurra.errors import ArgumentTypeError, ModelFileError
from recurra.models import Tagger
from recurra.models.amounts import Count
from recurra.scores import TaggingScore, score_tagging
from recurra.tasks.prediction import Prediction
from recurra.tasks.task import Losses, Score, Task

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """A sentence and its labels as numbers, each [T]."""

    words: Numbers
    labels: Numbers

    def __len__(self) -> int:
        return len(self.words)


@final
@dataclass(frozen=True)
class Tagging(Task):
    """Sentences in, one label a word out; trained by cross-entropy, the mean over the words."""

    words: Vocabulary
    labels: Labels

    name: ClassVar[str] = "tagging"
    watched: ClassVar[str] = "f1"

    @classmethod
    def build(  # type: ignore[override]  # the keyword arguments are the keys of this task
        cls, examples: Sequence[Tagged], *, minimum: Count = 2, lower: bool = True, fold_digits: bool = False
    ) -> Tagging:
        """Count words and labels.

        minimum: a word that occurs less often in training counts as unknown.
        lower: read words in lower case.
        fold_digits: read every digit as 0.
        """
        words = Vocabulary.build((e.words for e in examples), minimum=minimum, lower=lower, fold_digits=fold_digits)
        return cls(words, Labels.build(e.labels for e in examples))

    @staticmethod
    def read_corpus(path: Path) -> Corpus:
        """A folder with train, dev and perhaps test, in any format that `recurra.data.look` knows; labels in BIO."""
        if not any(is_split(path / part) for part in ("train", "dev", "valid")) and path.is_dir() and find_parts(path):
            return read_parts(path)
        parts = ("train", "dev", "test") if is_split(path / "test") else ("train", "dev")
        return read_slots(path, parts)

    @staticmethod
    def read_examples(path: Path) -> Sequence[Tagged]:
        """A file in any format, a folder with seq.in and seq.out, or one with a part called test; labels in BIO."""
        if path.is_file():
            return read(path).examples_in_bio
        if path.is_dir() and not is_split(path) and not is_split(path / "test") and "test" in find_parts(path):
            return read_parts(path, ("test",)).test
        return read_split(path) if is_split(path) else read_slots(path, ("test",)).test

    def network(self, program: Program, **settings: Any) -> Tagger:
        """A Tagger for the words and labels of the training data."""
        return Tagger(program, len(self.words), len(self.labels), **settings)

    @staticmethod
    def rehearse(program: Program, **settings: Any) -> None:
        """A Tagger for no words and one label, without memory."""
        with torch.device("meta"):
            Tagger(program, 1, 1, **settings)

    def encode(self, example: Tagged) -> Encoded:
        """Numbers of words and labels; a label that training did not have costs nothing."""
        return Encoded(self.words.encode(example.words), self.labels.encode(example.labels, strict=False))

    def losses(self, network: nn.Module, batch: Sequence[Encoded]) -> Losses:
        """Cross-entropy of the words of each sentence."""
        words, lengths = _padded([e.words for e in batch], 0)
        gold, _ = _padded([e.labels for e in batch], IGNORED)
        scores = network(words, lengths, gold)
        each = functional.cross_entropy(scores.flatten(0, 1), gold.flatten(), ignore_index=IGNORED, reduction="none")
        return Losses(each.view_as(gold).sum(0), (gold != IGNORED).sum(0))

    def input_of(self, value: Any) -> tuple[str, ...]:
        """The words of a text, of a list of words, or of an example."""
        if isinstance(value, str):
            return split_words(value)
        words = value.words if isinstance(value, Tagged) else value
        if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
            raise ArgumentTypeError(f"predict: input must be a text or a list of words, got {type(value).__name__}.")
        return tuple(words)

    def answers(self, network: nn.Module, inputs: Sequence[tuple[str, ...]]) -> list[Prediction]:
        """The most probable label of each word."""
        words, lengths = _padded([self.words.encode(sentence) for sentence in inputs], 0)
        if not len(words):
            return [self.prediction(sentence, torch.zeros(0, len(self.labels))) for sentence in inputs]
        scores = network(words, lengths)
        return [self.prediction(sentence, scores[: len(sentence), b]) for b, sentence in enumerate(inputs)]

    def prediction(self, words: tuple[str, ...], scores: Tensor) -> Prediction:
        """The answer that scores [T, Y] give."""
        best = scores.argmax(-1).tolist()
        return Prediction(words, self.labels.decode(best), self.labels.names, torch.softmax(scores, -1).numpy())

    def score(self, examples: Sequence[Tagged], answers: Sequence[Prediction]) -> TaggingScore:
        """Spans as conlleval counts them, words, sentences, and in the flight corpus the roles of cities."""
        return score_tagging([e.labels for e in examples], [a.labels for a in answers])

    def values(self, score: Score) -> dict[str, float]:
        """f1 over spans, and the shares of roles, tokens and sentences that are right."""
        return _values(score)

    def ceiling(self, examples: Sequence[Tagged]) -> TaggingScore:
        """Every label right."""
        return score_tagging([e.labels for e in examples], [e.labels for e in examples])

    @classmethod
    def baseline(cls, corpus: Corpus) -> tuple[str, dict[str, float]]:
        """The most frequent label of each word."""
        count, examples = MostFrequentLabel.fit(corpus.train), corpus.test or corpus.dev
        score = score_tagging([e.labels for e in examples], [count.predict(e.words) for e in examples])
        return "most frequent label", _values(score)

    def to_data(self) -> dict[str, Any]:
        """Words and labels."""
        return {"words": self.words.to_data(), "labels": self.labels.to_data()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """What `to_data` wrote. Raises ModelFileError."""
        if set(data) != {"words", "labels"}:
            raise ModelFileError("tagging: must be written with words and labels. Train the model again.")
        return cls(Vocabulary.from_data(data["words"]), Labels.from_data(data["labels"]))


Tagging.constructors = (Tagging.build, Tagger)


def _values(score: Score) -> dict[str, float]:
    assert isinstance(score, TaggingScore)
    values = {"f1": score.spans.f1, "roles": score.roles.value, "tokens": score.tokens.value, "sentences": score.sentences.value}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _padded(rows: Sequence[Numbers], fill: int) -> tuple[Tensor, Tensor]:
    """Numbers [T, B] and lengths [B] as tensors."""
    numbers, lengths = pad(rows, fill)
    return torch.from_numpy(numbers), torch.from_numpy(lengths)
