"""The corpora that need no file; the keyword arguments of their generators are the keys of `[corpus]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from recurra.data import Corpus, flights_corpus
from recurra.errors import check_choice
from recurra.models.amounts import Count


def flights(
    *,
    train: Count = 4000,
    dev: Count = 500,
    test: Count = 1000,
    deciding: Literal["before", "after", "removed"] = "before",
    seed: int = 1,
) -> Corpus:
    """Flight queries in which one word decides the role of a city.

    train: sentences to train on.
    dev: sentences to choose by.
    test: sentences to report on.
    deciding: where the deciding word stands: 0 to 12 words before the city, after it, or nowhere (then every model is at chance).
    seed: of the corpus; the seed of the training is another one.
    """
    return flights_corpus(seed, (train, dev, test), deciding)


CORPORA: dict[str, Callable[..., Corpus]] = {"flights": flights}


def built_in(name: str, settings: Mapping[str, Any]) -> Corpus:
    """A corpus by name. Raises ConfigurationError."""
    check_choice("corpus", "built-in corpus", name, CORPORA)
    return CORPORA[name](**settings)
