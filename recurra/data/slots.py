"""The three-file slot layout: a folder with `seq.in` (a sentence a line), `seq.out` (its labels) and perhaps `label` (its intent)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from recurra.data.example import Corpus, Tagged
from recurra.data.lines import Found, Problem
from recurra.data.schemes import is_span_label
from recurra.errors import DataError, FileError

SPLITS = {"train": ("train",), "dev": ("dev", "valid"), "test": ("test",)}
EXAMPLE = "such as `leave taipei` in seq.in and `O B-departure` in seq.out"

_PIECE = re.compile(r"[^ \t]+")


def read_slots(folder: str | Path, parts: tuple[str, ...] = ("train", "dev", "test")) -> Corpus:
    """The corpus in the folders train, dev (or valid) and test of `folder`.

    Parts that are not asked for are left empty. A part that is not there raises DataError, which says what was looked for.
    """
    found = {part: _find_split(Path(folder), part) for part in parts}
    return Corpus(**{part: read_split(found[part]) if part in found else () for part in SPLITS})


def read_split(folder: str | Path) -> tuple[Tagged, ...]:
    """The sentences of one folder with `seq.in`, `seq.out` and perhaps `label`; without that file they have no intent.

    Words are what spaces and tabs separate. A byte order mark, CRLF line ends, spaces at the end of a line and lines that are empty in
    all files are allowed. Whatever else does not fit raises DataError with file, line and column.
    """
    sentences = []
    for each in parse_split(folder):
        if isinstance(each, Problem):
            raise DataError(str(each))
        sentences.append(each.example)
    return tuple(sentences)


def parse_split(folder: str | Path) -> Iterator[Found | Problem]:
    """The same one by one, a problem where a sentence cannot be read. Files of different lengths raise DataError: nothing fits then."""
    folder = Path(folder)
    names = ["seq.in", "seq.out"] + (["label"] if (folder / "label").exists() else [])
    lines = {name: _lines(folder / name) for name in names}
    _check_counts(folder, lines)
    intents = lines.get("label", [None] * len(lines["seq.in"]))
    rows = enumerate(zip(lines["seq.in"], lines["seq.out"], intents, strict=True), 1)
    return (_sentence(folder, number, *row) for number, row in rows if any(text for text in row))


def is_split(folder: str | Path) -> bool:
    """Whether `folder` is one part of a corpus rather than a corpus."""
    return (Path(folder) / "seq.in").is_file()


def _find_split(folder: Path, part: str) -> Path:
    for name in SPLITS[part]:
        if is_split(folder / name):
            return folder / name
    looked = " or ".join(f"{name}/seq.in" for name in SPLITS[part])
    raise DataError(f"{folder}: must hold {looked} for the {part} part, found {_contents(folder)}. Give a folder with train, dev and test.")


def _contents(folder: Path) -> str:
    if not folder.exists():
        return "no such folder"
    if not folder.is_dir():
        return "a file"
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "nothing"


def _lines(path: Path) -> list[str]:
    """The lines of a file without their ends; empty lines at its end do not count."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; a split holds seq.in and seq.out, {EXAMPLE}.") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}.") from error
    lines = [line.rstrip(" \t\r") for line in _decoded(path, raw).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        what = f"must be UTF-8 text, got the byte 0x{raw[error.start]:02x}. Save the file as UTF-8."
        raise DataError(f"{path}, line {line}, column {column}: {what}") from error


def _check_counts(folder: Path, lines: dict[str, list[str]]) -> None:
    count = len(lines["seq.in"])
    for name, rows in lines.items():
        if len(rows) != count:
            shorter, longer = ("seq.in", name) if count < len(rows) else (name, "seq.in")
            line = min(count, len(rows)) + 1
            raise DataError(
                f"{folder / longer}, line {line}, column 1: must have its line in {shorter}, which has {line - 1}; "
                f"line 1 of each file is the first sentence, {EXAMPLE}."
            )


def _sentence(folder: Path, number: int, words: str, labels: str, intent: str | None) -> Found | Problem:
    tokens, tags = _PIECE.findall(words), list(_PIECE.finditer(labels))
    if len(tags) != len(tokens):
        column = tags[len(tokens)].start() + 1 if len(tags) > len(tokens) else len(labels) + 1
        what = f"must have a label for each of the {len(tokens)} words of seq.in, got {len(tags)}; {EXAMPLE}."
        return Problem(folder / "seq.out", number, column, what)
    for tag in tags:
        if not is_span_label(tag.group()):
            what = f"a label must be O, B-NAME or I-NAME, got {tag.group()!r}; {EXAMPLE}."
            return Problem(folder / "seq.out", number, tag.start() + 1, what)
    if intent == "":
        return Problem(folder / "label", number, 1, "must have the sentence's intent, such as `flight`, got nothing.")
    return Found(number, Tagged(tuple(tokens), tuple(tag.group() for tag in tags), intent))
