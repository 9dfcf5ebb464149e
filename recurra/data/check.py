"""What there is to know about data before training on it: problems with their places, labels, unknown words, sentences in two parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.data.formats import Reading, find_parts, read
from recurra.data.lines import Problem
from recurra.data.schemes import breaches
from recurra.data.slots import is_split
from recurra.data.vocabulary import Vocabulary
from recurra.errors import DataError


@dataclass(frozen=True)
class PartReport:
    """One part of the data.

    `unknown` is the share of its words that train does not have, `overlap` the share of its sentences that train has; None for train
    itself and without one. `breaches` are labels against the rules of their scheme: they are read all the same.
    """

    path: Path
    format: str
    scheme: str
    sentences: int
    words: int
    labels: Mapping[str, int]
    problems: tuple[Problem, ...]
    breaches: tuple[str, ...]
    unknown: float | None
    overlap: float | None

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text."""
        problems = [{"file": str(p.file), "line": p.line, "column": p.column, "message": p.message} for p in self.problems]
        plain = {"path": str(self.path), "labels": dict(self.labels), "problems": problems, "breaches": list(self.breaches)}
        return {**vars(self), **plain}

    def lines(self) -> list[str]:
        """The same as lines for people."""
        rows = [f"{self.path}: {self.format}, labels {self.scheme}, {self.sentences:,} sentences, {self.words:,} words"]
        rows += [f"  labels: {', '.join(f'{name} {count:,}' for name, count in self.labels.items())}"]
        if self.unknown is not None and self.overlap is not None:
            rows.append(f"  {self.unknown:.1%} of the words do not occur in train, {self.overlap:.1%} of the sentences do")
        rows += [f"  problem: {problem}" for problem in self.problems]
        return rows + [f"  against the rules of {self.scheme}: {breach}" for breach in self.breaches]


def check(path: str | Path) -> dict[str, PartReport]:
    """A report for each part of a corpus, or for the one file or folder with seq.in, under the name data.

    Whatever stands in the data ends in the report; only what is no data at all raises DataError, and what is not there FileError.
    """
    path = Path(path)
    parts = find_parts(path) if path.is_dir() and not is_split(path) else {"data": path}
    if not parts:
        raise DataError(f"{path}: must hold files of the parts train, dev and test, such as train.conll, found none.")
    readings = {part: read(place, skip_bad=True) for part, place in parts.items()}
    return {part: _report(reading, readings.get("train")) for part, reading in readings.items()}


def _report(reading: Reading, train: Reading | None) -> PartReport:
    examples, scheme = reading.examples, reading.scheme
    counts = Counter(label for each in examples for label in each.labels)
    unknown = overlap = None
    if train is not None and train is not reading:
        known = Vocabulary.build((each.words for each in train.examples), minimum=1)
        missing, sentences = sum(len(known.unknown(each.words)) for each in examples), {each.words for each in train.examples}
        unknown = missing / max(1, sum(map(len, examples)))
        overlap = sum(each.words in sentences for each in examples) / max(1, len(examples))
    labels = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    words, broken = sum(map(len, examples)), tuple(_breaches(reading, scheme))
    return PartReport(
        reading.path, str(reading.format), scheme, len(examples), words, labels, reading.problems, broken, unknown, overlap
    )


def _breaches(reading: Reading, scheme: str) -> Iterator[str]:
    for found in reading.found:
        for at, right in breaches(found.example.labels, scheme):
            place = f"{reading.path}, sentence of line {found.line}, word {at + 1}"
            yield f"{place}: must be {right}, got {found.example.labels[at]}"
