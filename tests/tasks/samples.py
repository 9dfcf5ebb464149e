"""Small models and data for the tests above the layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recurra.data import Tagged
from recurra.tasks import Model
from recurra.training import train

# A corpus and a network on which a run takes a fraction of a second.
SMALL: dict[str, Any] = {
    "corpus": {"train": 24, "dev": 6, "test": 6},
    "model": {"embedding_size": 8, "hidden_size": 8},
    "training": {"epochs": 1, "batch_size": 12},
}


def small(cell: Any = "gru", **options: Any) -> Model:
    """A model trained for two steps, kept nowhere; sections are merged into SMALL."""
    sections = {name: {**values, **options.pop(name, {})} for name, values in SMALL.items()}
    return train("slots", cell=cell, **{"run": False, "quiet": True, **sections, **options})


def write_folder(folder: Path, **parts: list[Tagged]) -> Path:
    """Sentences in the three-file slot layout."""
    for part, sentences in parts.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "seq.in").write_text("".join(" ".join(s.words) + "\n" for s in sentences))
        (folder / part / "seq.out").write_text("".join(" ".join(s.labels) + "\n" for s in sentences))
    return folder
