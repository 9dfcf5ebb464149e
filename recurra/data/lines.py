"""Lines of a text file with their numbers, and what is said of those that cannot be read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recurra.data.example import Tagged
from recurra.errors import DataError, FileError


@dataclass(frozen=True)
class Problem:
    """Something in a file that does not fit: where it stands (from 1), what was expected there and what came."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True)
class Found:
    """An example, and the line of the file on which it begins."""

    line: int
    example: Tagged


@dataclass(frozen=True)
class Line:
    """A line without its end and without spaces there; with a problem its text is not to be used."""

    number: int
    text: str
    problem: Problem | None = None


def read_bytes(path: Path) -> bytes:
    """All bytes of a file, those inside of a `.gz`. FileError if it cannot be read, DataError if the gzip is damaged."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: must be a whole gzip file, but it is damaged ({error}). Fetch it again.") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}.") from error


def text_lines(path: Path) -> Iterator[Line]:
    """The lines of a file. A byte order mark and CRLF are no part of them; what is not UTF-8 text is a problem of its line."""
    raw = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    for number, content in enumerate(raw.split(b"\n"), 1):
        yield _line(path, number, content)


def blocks(path: Path) -> Iterator[list[Line] | Problem]:
    """The runs of lines between empty ones; the problem instead, where one of the lines has one."""
    block: list[Line] = []
    for line in (*text_lines(path), Line(0, "")):
        if line.text.strip(" \t") or line.problem:
            block.append(line)
        elif block:
            yield next((each.problem for each in block if each.problem), block)
            block = []


def _line(path: Path, number: int, content: bytes) -> Line:
    try:
        text = content.decode("utf-8")
        at = text.find("\0")
        column, byte = at + 1, 0
    except UnicodeDecodeError as error:
        text, at = "", error.start
        column, byte = len(content[:at].decode("utf-8", "replace")) + 1, content[at]
    if at >= 0:
        what = f"must be UTF-8 text, got the byte 0x{byte:02x}. Save the file as UTF-8."
        return Line(number, "", Problem(path, number, column, what))
    return Line(number, text.rstrip(" \t\r"))
