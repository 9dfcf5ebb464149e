"""A word a line and an empty line after each sentence: CoNLL columns, their CSV as a spreadsheet saves it, and CoNLL-U."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recurra.data.example import Tagged
from recurra.data.lines import Found, Line, Problem, blocks
from recurra.data.schemes import is_span_label
from recurra.errors import DataError

DOCUMENT = "-DOCSTART-"
SPACES = " "
CONLLU = 10
# What the first line of a table may be when it names the columns.
HEADINGS = ("word", "words", "token", "tokens", "text")

_CELL = re.compile(r"[^ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]*")
_OTHER = re.compile(r"[0-9]+[.-][0-9]+")


@dataclass(frozen=True)
class Cell:
    """What stands in one column of a line, and the letter (from 1) where it begins."""

    text: str
    column: int


@dataclass(frozen=True)
class Table:
    """How the lines of a file are cut: `separator` is a space for spaces and tabs; `spans` says that the labels are O, B-NAME, I-NAME.

    `word` and `label` count columns from 1, from the end when negative.
    """

    separator: str
    width: int
    word: int = 1
    label: int = -1
    spans: bool = True

    def place(self, column: int) -> int:
        """The index of a column, from 0."""
        return column - 1 if column > 0 else self.width + column


def look_at_columns(path: Path, separator: str, word: int = 1, label: int = -1) -> Table:
    """The table in a file: its width is that of most lines; the labels are spans if most of them look so."""
    rows = [cells for block in blocks(path) if isinstance(block, list) for line in block if (cells := _filled(line, separator))]
    widths = Counter(len(row) for row in rows)
    width = widths.most_common(1)[0][0] if widths else 0
    for name, column in (("word", word), ("label", label)):
        if not 1 <= abs(column) <= max(width, 1):
            raise DataError(f"{path}: the {name} column must be in 1..{width}, or -1 for the last, got {column}.")
    table = Table(separator, width, word, label)
    labels = [row[table.place(label)].text for row in rows if len(row) == width]
    return Table(separator, width, word, label, sum(map(is_span_label, labels)) * 2 >= len(labels))


def parse_columns(path: Path, table: Table) -> Iterator[Found | Problem]:
    """The sentences of a file, without -DOCSTART-, headings, and comments: lines of another width that begin with # before a sentence."""
    first = True
    for block in _sentences(path, table.separator):
        if isinstance(block, Problem):
            yield block
        else:
            rows = [(line, row) for line in block if (row := _filled(line, table.separator))]
            rows = _without_comments(rows, table)
            rows = rows[1:] if rows and first and rows[0][1][0].text.casefold() in HEADINGS else rows
            if rows:
                yield _sentence(path, rows, table)
        first = False


def parse_conllu(path: Path, label: int = 4) -> Iterator[Found | Problem]:
    """The sentences of a CoNLL-U file: forms, and the column `label` (4 UPOS, 5 XPOS); lines 3-4 and 3.1 number no word."""
    for block in blocks(path):
        if isinstance(block, Problem):
            yield block
        elif rows := [line for line in block if not line.text.startswith("#")]:
            yield _analysed(path, rows, label)


def cut(text: str, separator: str) -> list[Cell]:
    """The cells of a line. In CSV a cell in quotes may hold the separator, and a doubled quote is one."""
    if separator == SPACES:
        return [Cell(match.group(), match.start() + 1) for match in _CELL.finditer(text)]
    cells = next(csv.reader([text], delimiter=separator, strict=True), [])
    found, start = [], 0
    for cell in cells:
        found.append(Cell(cell.strip(), start + 1))
        start = _end(text, start, separator) + 1
    return found


def _end(text: str, start: int, separator: str) -> int:
    """Where the cell that begins at `start` ends."""
    quoted = False
    for at in range(start, len(text)):
        quoted ^= text[at] == '"'
        if text[at] == separator and not quoted:
            return at
    return len(text)


def _filled(line: Line, separator: str) -> list[Cell]:
    """The cells of a line, none when all are empty; a line of -DOCSTART- is empty, and one whose quotes do not close is one cell."""
    try:
        cells = cut(line.text, separator)
    except csv.Error:
        return [Cell(line.text, 1)]
    return [] if not any(cell.text for cell in cells) or cells[0].text == DOCUMENT else cells


def _sentences(path: Path, separator: str) -> Iterator[list[Line] | Problem]:
    """The blocks of a file, cut again where a line has empty cells only, as a spreadsheet writes an empty line."""
    for block in blocks(path):
        if isinstance(block, Problem):
            yield block
            continue
        part: list[Line] = []
        for line in block:
            if _filled(line, separator):
                part.append(line)
            elif part:
                yield part
                part = []
        if part:
            yield part


def _without_comments(rows: list[tuple[Line, list[Cell]]], table: Table) -> list[tuple[Line, list[Cell]]]:
    at = 0
    while at < len(rows) and rows[at][0].text.startswith("#") and len(rows[at][1]) != table.width:
        at += 1
    return rows[at:]


def _sentence(path: Path, rows: list[tuple[Line, list[Cell]]], table: Table) -> Found | Problem:
    words, labels = [], []
    for line, row in rows:
        if len(row) != table.width:
            at = row[table.width].column if len(row) > table.width else len(line.text) + 1
            return Problem(path, line.number, at, _width_wanted(table, len(row)))
        word, label = row[table.place(table.word)], row[table.place(table.label)]
        if not word.text:
            return Problem(path, line.number, word.column, "must have a word, such as `Taipei`, got nothing.")
        if not label.text or (table.spans and not is_span_label(label.text)):
            wanted = "O, B-NAME or I-NAME, such as `B-location`" if table.spans else "there, such as `NOUN`"
            return Problem(path, line.number, label.column, f"a label must be {wanted}, got {label.text or 'nothing'!r}.")
        words.append(word.text)
        labels.append(label.text)
    return Found(rows[0][0].number, Tagged(tuple(words), tuple(labels)))


def _width_wanted(table: Table, got: int) -> str:
    example = "Taipei B-location" if table.separator == SPACES else f"Taipei{table.separator}B-location"
    return f"must have {table.width} columns as most lines of the file, such as `{example}` where there are 2, got {got}."


def _analysed(path: Path, rows: list[Line], label: int) -> Found | Problem:
    words: list[str] = []
    labels: list[str] = []
    for line in rows:
        cells = line.text.split("\t")
        if len(cells) != CONLLU:
            what = f"must have {CONLLU} columns with a tab between each, such as `1<tab>leave<tab>leave<tab>VERB ...`, got {len(cells)}."
            return Problem(path, line.number, 1, what)
        if _OTHER.fullmatch(cells[0]):
            continue
        if not _NUMBER.fullmatch(cells[0]) or int(cells[0]) != len(words) + 1:
            what = f"must have the number {len(words) + 1} of the word in its sentence, such as `1`, got {cells[0]!r}."
            return Problem(path, line.number, 1, what)
        for column, name in ((2, "a word"), (label, "a label, such as `NOUN`")):
            if not cells[column - 1].strip():
                return Problem(path, line.number, 1 + sum(len(cell) + 1 for cell in cells[: column - 1]), f"must have {name}, got nothing.")
        words.append(cells[1])
        labels.append(cells[label - 1])
    if not words:
        return Problem(path, rows[0].number, 1, "must have a word, such as `1<tab>leave ...`, got none.")
    return Found(rows[0].number, Tagged(tuple(words), tuple(labels)))
