"""What to predict: sentences as arguments, in files, on the standard input. Read line by line, so an endless input needs no memory."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from recurra.errors import DataError, FileError

STDIN = "-"
# One word with a folder or an ending is meant as a file even where there is none: an error then, instead of an answer to its name.
LIKE_A_FILE = re.compile(r"\S*/\S*|\S+\.(txt|in|tsv|csv|jsonl?|conll|conllu)")


def texts(inputs: Sequence[str]) -> Iterator[str]:
    """The sentences of all inputs in order. FileError at once for a missing file, DataError for a line that is not UTF-8 when it comes."""
    for name in inputs:
        if LIKE_A_FILE.fullmatch(name) and not os.path.isfile(name):
            raise FileError(f"{name}: there is no such file. A sentence has more than one word, or no such ending.")
    return _each(inputs)


def _each(inputs: Iterable[str]) -> Iterator[str]:
    for name in inputs:
        if name == STDIN:
            yield from _lines("standard input", sys.stdin.buffer)
        elif os.path.isfile(name):
            with open(name, "rb") as file:
                yield from _lines(name, file)
        else:
            yield name


def _lines(name: str, file: BinaryIO) -> Iterator[str]:
    """Lines without their ends; a byte order mark at the top is none of the text."""
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: line {number}: must be UTF-8, but byte {error.start + 1} is not.") from None
        yield text.rstrip("\r\n")
