"""A model passes, and each check is red when what it looks at is broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recurra.cli import main
from recurra.commands.verify import CHECKS, verify
from recurra.layers import Recurrent
from recurra.models import Head, Tagger
from recurra.tasks import Model
from tests.tasks.samples import small


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "slots.rnn"
    small("lstm", output=path, model={"hidden_size": 33, "num_layers": 2})
    return path


@pytest.mark.parametrize("name", ["elman", "jordan", "gru_reset_first", "scrn", "clockwork", "lstm_layernorm"])
def test_cells_of_every_kind_pass(name: str) -> None:
    """Forwards, through a program without a state at its end."""
    assert {check.what: check.found for check in verify(small(name, model={"hidden_size": 24})) if not check.fine} == {}


def test_a_model_that_looks_ahead_passes() -> None:
    found = {check.what: check for check in verify(small(model={"bidirectional": True, "window": 3}))}
    assert all(check.fine for check in found.values())
    assert found["stream"].found == found["split"].found == "looks ahead, so it is not streamed"
    assert found["batch"].found == "32 sentences, the same bits"


def test_the_command(model_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(model_file)]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["ok", what] for what in CHECKS]
    assert main(["verify", str(model_file), "--json"]) == 0
    assert [row["what"] for row in json.loads(capsys.readouterr().out)] == list(CHECKS)


def spoiled(owner: Any, name: str, when: Callable[..., bool]) -> Callable[[pytest.MonkeyPatch], None]:
    """A method whose scores are off by one part in a million where `when` holds of its arguments."""
    whole = getattr(owner, name)

    def spoil(self: Any, *given: Any, **named: Any) -> Any:
        found, off = whole(self, *given, **named), 1 + 1e-6 * when(*given)
        return (found[0] * off, *found[1:]) if isinstance(found, tuple) else found * off

    return lambda monkeypatch: monkeypatch.setattr(owner, name, spoil)


def never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(10**6))
    spoiled(Head, "forward", lambda *_: next(count) % 3 == 0)(monkeypatch)


def rounded_file(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Model.save

    def save(self: Model, path: Path) -> None:
        with torch.no_grad():
            for value in self.network.parameters():
                value.copy_(value.half().float())
        whole(self, path)

    monkeypatch.setattr(Model, "save", save)


def by_threads(*_: Any) -> bool:
    return torch.get_num_threads() == 3


BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "alone": never_the_same,
    "batch": spoiled(Head, "forward", lambda x, *_: x.shape[1] > 1),
    "padding": spoiled(Tagger, "forward", lambda words, lengths, *_: bool(len(words) > lengths.max())),
    "stream": spoiled(Tagger, "step", lambda *_: True),
    "split": spoiled(Recurrent, "forward", lambda x, *state: bool(state)),
    "file": rounded_file,
    "threads": spoiled(Head, "forward", by_threads),
}


@pytest.mark.parametrize("what", CHECKS)
def test_what_is_broken_is_seen(
    what: str, model_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    BREAKS[what](monkeypatch)
    assert main(["verify", str(model_file)]) == 3
    shown = capsys.readouterr()
    assert what in [line.split()[1] for line in shown.out.splitlines() if line.startswith("BAD")]
    assert "other bits" in shown.out
    assert shown.err.startswith("recurra: verify: ")
