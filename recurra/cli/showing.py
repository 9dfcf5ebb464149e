"""Results on the standard output: lines for people, JSON for programs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from rich.table import Table


def show(as_json: bool, data: Any, lines: Iterable[str]) -> None:
    """Print data as one line of JSON, or the lines that say the same; at once, so that a reader at the other end of a pipe has it."""
    print(json.dumps(data, ensure_ascii=False, allow_nan=False) if as_json else "\n".join(lines), flush=True)


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest text; a row may be short."""
    table = [list(row) for row in rows]
    count = max(map(len, table), default=0)
    widths = [max(_width(row[j]) for row in table if len(row) > j) for j in range(count)]
    return ["  ".join(_padded(text, width) for text, width in zip(row, widths, strict=False)).rstrip() for row in table]


def table_lines(table: Table) -> list[str]:
    """A table as lines, never cut to the width of a terminal; in it, what a user wrote is no markup."""
    from rich.console import Console

    paper = io.StringIO()
    console = Console(file=paper, width=10_000, force_terminal=sys.stdout.isatty(), markup=False, emoji=False, highlight=False)
    console.print(table)
    return paper.getvalue().splitlines()


def _width(text: str) -> int:
    """Places on a terminal: a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
