"""SHA-256 of bytes and of files, as 64 lower-case hexadecimal characters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from recurra.files.atomic import file_error

Piece = bytes | bytearray | memoryview


def sha256(*pieces: Piece) -> str:
    """The digest of the pieces put end to end."""
    return sha256_stream(pieces)


def sha256_stream(pieces: Iterable[Piece]) -> str:
    """The digest of what an iterable gives, piece by piece; nothing is kept."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def sha256_file(path: str | os.PathLike[str]) -> str:
    """The digest of a file of any size, in constant memory. FileError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise file_error(path, "read", error) from error
