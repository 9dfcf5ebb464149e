"""A small trained model for the commands that need one."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurra.training import train

SMALL = {"training.epochs": 1, "corpus.train": 60, "corpus.dev": 20, "corpus.test": 20, "model.hidden_size": 8, "model.embedding_size": 8}


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .rnn file of a tagger on the built-in flights."""
    path = tmp_path_factory.mktemp("model") / "slots.rnn"
    train("slots", cell="gru", run=False, quiet=True, output=path, **SMALL)
    return path
