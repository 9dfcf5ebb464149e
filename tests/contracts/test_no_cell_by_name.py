"""The compiler and the engine know operations, never a cell: none of their files contains a cell's name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import recurra
from recurra.cells import names

ROOT = Path(recurra.__file__).parent
FILES = [path for floor in ("compiler", "engine") for path in sorted((ROOT / floor).rglob("*.py"))]
# A whole word of any case; `gru` inside another word is none.
NAME = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(names())})(?![A-Za-z0-9])", re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_below_the_cells_names_one(path: Path) -> None:
    found = [f"{path.name}:{number}: {line}" for number, line in enumerate(path.read_text().splitlines(), 1) if NAME.search(line)]
    assert not found


def test_the_search_finds_names() -> None:
    assert NAME.search('if cell == "lstm":')
    assert NAME.search("class LSTM(Kernel):")
    assert not NAME.search("a congruent angru")
