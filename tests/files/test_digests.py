"""SHA-256 against hashlib and the published value."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from recurra.errors import FileError
from recurra.files import sha256, sha256_file, sha256_stream


def test_the_published_value() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"a", memoryview(b"bc")) == sha256_stream(iter([b"ab", b"c"])) == sha256(b"abc")


def test_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read: No such file or directory"):
        sha256_file(tmp_path / "a")
