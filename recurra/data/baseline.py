"""What counting alone reaches: each word gets the label that it most often had."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recurra.data.example import Tagged


@dataclass(frozen=True)
class MostFrequentLabel:
    """The most frequent label of each word in training, and for a word that did not occur there the most frequent of all."""

    labels: dict[str, str]
    otherwise: str

    @classmethod
    def fit(cls, sentences: Iterable[Tagged]) -> MostFrequentLabel:
        """Count, words in lower case; of equally frequent labels the first in the alphabet."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for word, label in zip(sentence.words, sentence.labels, strict=True):
                counts[word.lower()][label] += 1
        return cls({word: _first(labels) for word, labels in counts.items()}, _first(sum(counts.values(), Counter({"O": 0}))))

    def predict(self, words: Sequence[str]) -> tuple[str, ...]:
        """A label for each word."""
        return tuple(self.labels.get(word.lower(), self.otherwise) for word in words)


def _first(counts: Counter[str]) -> str:
    return min(counts, key=lambda label: (-counts[label], label))
