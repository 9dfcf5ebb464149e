"""`recurra data check`: what there is to say about data before training on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra.data import PartReport, check
from recurra.errors import DataError


def all_parts(path: Path) -> dict[str, PartReport]:
    """A report for each part. Raises FileError for what is not there, DataError for what is no data."""
    return check(path)


def to_data(parts: Mapping[str, PartReport]) -> dict[str, Any]:
    """The reports as plain data, by part."""
    return {name: part.to_data() for name, part in parts.items()}


def part_lines(parts: Mapping[str, PartReport]) -> list[str]:
    """The reports as lines, each part under its name."""
    return [line for name, part in parts.items() for line in (f"{name}:", *(f"  {line}" for line in part.lines()))]


def complain(parts: Mapping[str, PartReport]) -> None:
    """Raise DataError if there is a problem, after all are shown."""
    problems = [problem for part in parts.values() for problem in part.problems]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DataError(f"data check: {count}; the first: {problems[0]}")
