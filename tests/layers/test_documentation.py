"""The code of docs/layers.md runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def test_the_example_runs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    assert names["y_t"].shape == (3, 13)
    assert list(names["state"]) == ["h", "s"]
    assert names["tagger"](torch.zeros(5, 3, 4))[0].shape == (5, 3, 5)
