"""A new cell has its line in the changelog."""

from pathlib import Path

from recurra.cells import names

TEXT = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_cell_is_in_the_changelog() -> None:
    words = set(TEXT.replace(",", " ").replace(".", " ").split())
    assert set(names()) <= words
