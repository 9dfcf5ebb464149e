"""Every Python block of docs/files.md runs, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from recurra.files import write_model

PAGE = Path(__file__).parents[2] / "docs" / "files.md"


def test_the_blocks_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("ner.rnn", {"weight_ih_l0": np.zeros((4, 3), np.float32)}, {"task": "tagging"})
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 4
    assert capsys.readouterr().out == '{"format":1,"task":"tagging"}\n[{\'step\': 1, \'loss\': 0.7}]\n'
