"""A small model's bytes, and files made by hand around a valid digest: what damage and malice look like to the reader."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.errors import ModelFileError
from recurra.files import read_model, write_model

Build = Callable[..., bytes]
Refusal = Callable[[bytes], str]


@pytest.fixture(scope="session")
def model_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A .rnn file with three tensors."""
    path = tmp_path_factory.mktemp("model") / "small.rnn"
    weights = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    tensors = {"weight": weights, "mask": np.array([True, False]), "step": np.array(7)}
    write_model(path, tensors, {"task": "tagging", "words": ["Taipei", "臺北"]})
    return path.read_bytes()


@pytest.fixture(scope="session")
def build() -> Build:
    """build(tensors, data, ...): a file with a right digest, whatever else is in it; `header` replaces the whole header's text."""

    def build(
        tensors: dict[str, Any] | None = None,
        data: bytes = b"",
        text: str = '{"format":1}',
        metadata: dict[str, Any] | None = None,
        header: str | None = None,
    ) -> bytes:
        zeros = "0" * 64
        sealed = {"recurra": text, "sha256": zeros} if metadata is None else metadata
        raw = (json.dumps({"__metadata__": sealed, **(tensors or {})}, separators=(",", ":")) if header is None else header).encode()
        raw += b" " * (-len(raw) % 8)
        content = len(raw).to_bytes(8, "little") + raw + data
        return content.replace(zeros.encode(), hashlib.sha256(content).hexdigest().encode(), 1)

    return build


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """refusal(content): the message, without the path, with which a file of this content is refused; in under 50 ms of this process."""
    path = tmp_path / "m.rnn"

    def refusal(content: bytes) -> str:
        path.write_bytes(content)
        start = time.process_time()
        with pytest.raises(ModelFileError) as caught:
            read_model(path)
        assert time.process_time() - start < 0.05
        assert caught.value.exit_code == 6
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert re.search(r"\. [A-Z].*\.$", message)
        assert "\n" not in message
        return message.removeprefix(f"{path}: ")

    return refusal
