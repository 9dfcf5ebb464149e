"""The layout of every cell's parameters is fixed: reordering two lines of a cell changes no shape, but what a file's numbers mean.

After a wanted change: `python -m tests.cells.test_layout > tests/cells/layout.txt`, and say in the changelog that files break.
"""

from __future__ import annotations

from pathlib import Path

from tests.cells.cases import CELLS, program_of, sizes_of

LAYOUT = Path(__file__).with_name("layout.txt")


def layout() -> str:
    """One line a parameter: cell, name, shape, gates."""
    lines = []
    for name in CELLS:
        program = program_of(name)
        for parameter, shape in program.parameters(sizes_of(program)).items():
            lines.append(f"{name} {parameter} {'x'.join(map(str, shape))} {' '.join(program.stacked(parameter))}".rstrip())
    return "\n".join(lines)


def test_layout_is_the_golden_one() -> None:
    assert layout().split("\n") == LAYOUT.read_text().splitlines()


if __name__ == "__main__":
    print(layout())
