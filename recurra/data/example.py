"""One sentence with a label for each of its words, and the three parts that such sentences come in."""

from __future__ import annotations

from dataclasses import dataclass

from recurra.errors import DataError


@dataclass(frozen=True)
class Tagged:
    """A sentence and its answer: `Tagged(("leave", "taipei"), ("O", "B-departure"))`.

    As many labels as words, else DataError. `intent` is the label of the whole sentence where the data has one.
    """

    words: tuple[str, ...]
    labels: tuple[str, ...]
    intent: str | None = None

    def __post_init__(self) -> None:
        if len(self.words) != len(self.labels):
            raise DataError(f"Tagged: labels must be one for each of the {len(self.words)} words, got {len(self.labels)}.")

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Corpus:
    """What to train on, what to choose by, and what to report: nothing is chosen by looking at `test`."""

    train: tuple[Tagged, ...]
    dev: tuple[Tagged, ...]
    test: tuple[Tagged, ...]
