"""Sentences from arguments, files and the standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from recurra.cli.sources import texts
from recurra.errors import DataError, FileError


def test_arguments_files_and_standard_input_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sentences.txt"
    file.write_bytes(b"\xef\xbb\xbffirst\r\n\nlast without an end")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("出發 台北\n".encode())))
    found = list(texts(["leave Taipei", str(file), "-", "word"]))
    assert found == ["leave Taipei", "first", "", "last without an end", "出發 台北", "word"]


def test_an_endless_input_is_answered_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> object:
        while True:
            yield b"again\n"

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=endless()))
    lines = texts(["-"])
    assert [next(lines) for _ in range(3)] == ["again"] * 3


@pytest.mark.parametrize("name", ["missing.txt", "folder/missing", "a.conll"])
def test_a_file_that_is_not_there_is_no_sentence(name: str) -> None:
    with pytest.raises(FileError) as caught:
        texts([name])
    assert str(caught.value) == f"{name}: there is no such file. A sentence has more than one word, or no such ending."


@pytest.mark.parametrize("sentence", ["Taipei", "from 5/6 on", "St. Paul", "U.S.", "what?", "x" * 5000])
def test_a_sentence_is_no_file(sentence: str) -> None:
    assert list(texts([sentence])) == [sentence]


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("gut\nMünchen\n".encode("latin-1"))
    lines = texts([str(file)])
    assert next(lines) == "gut"
    with pytest.raises(DataError) as caught:
        next(lines)
    assert str(caught.value) == f"{file}: line 2: must be UTF-8, but byte 2 is not."
