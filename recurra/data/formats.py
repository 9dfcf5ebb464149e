"""Examples from the files that people have. The format is found by looking, and every reader tells alike what does not fit, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from recurra.data.columns import CONLLU, SPACES, Table, look_at_columns, parse_columns, parse_conllu
from recurra.data.example import Corpus, Tagged
from recurra.data.json_lines import parse_json_lines
from recurra.data.lines import Found, Problem, text_lines
from recurra.data.schemes import TAGS, recognise, to_bio
from recurra.data.slots import is_split, parse_split
from recurra.errors import DataError, FileError

# What a file or its folder is called; of a name such as wnut17train or eng.testa only whole words count.
PARTS = {"train": "train|training", "dev": "dev|devel|valid|validation|val|testa", "test": "test|testb"}
NOT_DATA = (".md", ".rst", ".xml", ".cfg", ".py", ".toml", ".rnn", ".pdf", ".zip")
LOOKED_AT = 200


@dataclass(frozen=True)
class Format:
    """How a file or folder is written; `table` says how columns are cut."""

    name: str
    table: Table | None = None

    def __str__(self) -> str:
        if self.table is None:
            return self.name
        places = f"word in column {self.table.place(self.table.word) + 1}, label in column {self.table.place(self.table.label) + 1}"
        return f"{self.name}: {places} of {self.table.width}"


@dataclass(frozen=True)
class Reading:
    """What a file or folder holds: examples with the lines on which they begin, and the problems of what was left out."""

    path: Path
    format: Format
    found: tuple[Found, ...]
    problems: tuple[Problem, ...]

    @property
    def examples(self) -> tuple[Tagged, ...]:
        """The examples, with their labels as they were written."""
        return tuple(each.example for each in self.found)

    @property
    def scheme(self) -> str:
        """BIO, IOB1, BIOES, or "tags" for labels that are no spans."""
        return recognise([each.example.labels for each in self.found])

    @property
    def examples_in_bio(self) -> tuple[Tagged, ...]:
        """The examples as a model learns them: IOB1 and BIOES are converted, with the same spans."""
        if self.scheme in ("BIO", TAGS):
            return self.examples
        return tuple(Tagged(each.words, to_bio(each.labels), each.intent) for each in self.examples)


def look(path: str | Path, word: int = 1, label: int = -1) -> Format:
    """The format of a file, or of a folder with seq.in. FileError if it is not there, DataError if it is none that is known."""
    path = Path(path)
    if is_split(path):
        return Format("three-file slot layout")
    if not path.is_file():
        raise FileError(f"{path}: there is no such file, nor a folder with seq.in.")
    lines = [line.text for line in islice(text_lines(path), LOOKED_AT) if not line.problem and line.text.strip()]
    rows = [line for line in lines if not line.startswith("#")] or lines
    if not rows:
        raise DataError(f"{path}, line 1, column 1: must have a word and its label, such as `Taipei B-location`, got no text in UTF-8.")
    if {".json", ".jsonl"} & {*path.suffixes} or _most(row.lstrip().startswith("{") for row in rows):
        return Format("JSON lines")
    if ".conllu" in path.suffixes or _most(row.count("\t") == CONLLU - 1 and row[0].isdigit() for row in rows):
        return Format("CoNLL-U")
    separator = _separator(rows)
    return Format("CoNLL columns" if separator == SPACES else "CSV columns", look_at_columns(path, separator, word, label))


def parse(path: Path, form: Format, label: int = -1) -> Iterator[Found | Problem]:
    """What is in a file of a known format, in order."""
    if form.table is not None:
        return parse_columns(path, form.table)
    if form.name == "CoNLL-U":
        return parse_conllu(path, label if label > 0 else 4)
    return parse_json_lines(path) if form.name == "JSON lines" else parse_split(path)


def read(path: str | Path, *, word: int = 1, label: int = -1, skip_bad: bool = False) -> Reading:
    """Read one file, or a folder with seq.in.

    The first problem raises DataError with file, line and column; with `skip_bad` the sentence is left out and the problem is kept.
    `word` and `label` choose columns, from 1, or from the end when negative; in CoNLL-U the label is column 4 (UPOS) unless chosen.
    """
    path = Path(path)
    form = look(path, word, label)
    found: list[Found] = []
    problems: list[Problem] = []
    for each in parse(path, form, label):
        if isinstance(each, Found):
            found.append(each)
        elif skip_bad:
            problems.append(each)
        else:
            raise DataError(str(each))
    return Reading(path, form, tuple(found), tuple(problems))


def find_parts(folder: str | Path) -> dict[str, Path]:
    """The files (or folders with seq.in) of a corpus by part: train, dev, test, as far as they are there.

    A file's own name counts before that of its folder. Two files for one part raise DataError, which names them.
    """
    folder = Path(folder)
    candidates: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if is_split(path) or (path.is_file() and not is_split(path.parent) and path.suffix not in NOT_DATA):
            part = _part(path.relative_to(folder))
            if part:
                candidates.setdefault(part, []).append(path)
    for part, paths in candidates.items():
        if len(paths) > 1:
            names = ", ".join(str(path.relative_to(folder)) for path in paths[:4])
            raise DataError(f"{folder}: must hold one file for the {part} part, found {names}. Give a folder with one of them.")
    return {part: candidates[part][0] for part in PARTS if part in candidates}


def read_parts(folder: str | Path, wanted: tuple[str, ...] = ("train", "dev")) -> Corpus:
    """The corpus of a folder in any format, labels in BIO; a part that is not there is empty, one of those `wanted` raises DataError."""
    found = find_parts(folder)
    for part in wanted:
        if part not in found:
            names = ", ".join(sorted(entry.name for entry in Path(folder).iterdir())[:8]) or "nothing"
            raise DataError(f"{folder}: must hold a file for the {part} part, such as {part}.conll, found {names}.")
    return Corpus(**{part: read(found[part]).examples_in_bio if part in found else () for part in PARTS})


def _part(path: Path) -> str | None:
    """The part that a path within a corpus names, by its last word that names one."""
    for name in (path.name, *reversed(path.parts[:-1])):
        for part, words in PARTS.items():
            if re.search(rf"(?:^|[^a-z])(?:{words})(?:[^a-z]|$)", name.lower()):
                return part
    return None


def _most(answers: Iterable[bool]) -> bool:
    given = list(answers)
    return 2 * sum(given) > len(given)


def _separator(rows: list[str]) -> str:
    """A comma or semicolon if most rows have one next to no space, and no tab; else a space, which stands for tabs too."""
    for mark in ",;":
        if _most(mark in row and " " not in row.strip() and "\t" not in row for row in rows):
            return mark
    return SPACES
