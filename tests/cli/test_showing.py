"""Columns, tables, and what a user wrote in them."""

from __future__ import annotations

import pytest
from rich.table import Table

from recurra.cli.showing import columns, show, table_lines


def test_columns_are_as_wide_as_their_widest_text() -> None:
    assert columns([("a", "bb"), ("ccc", "d", "e"), ("f",)]) == ["a    bb", "ccc  d   e", "f"]
    assert columns([("台北", "x"), ("abcd", "y")]) == ["台北  x", "abcd  y"]
    assert columns([]) == []


def test_a_table_is_never_cut_and_reads_no_markup() -> None:
    table = Table("word")
    for word in ("[/red]", ":smile:", "x" * 300):
        table.add_row(word)
    text = "\n".join(table_lines(table))
    assert all(word in text for word in ("[/red]", ":smile:", "x" * 300))
    assert "\x1b" not in text


def test_json_keeps_every_letter_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    show(True, {"word": "台北"}, [])
    assert capsys.readouterr().out == '{"word": "台北"}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        show(True, float("nan"), [])
