"""What a fresh process of the benchmark measures, and how it is started."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recurra.commands.bench import processes
from recurra.commands.bench.child import first, peak, peers, speed, stream
from recurra.commands.bench.child.peers import Contender
from recurra.commands.bench.machine import CHECKOUT
from recurra.commands.bench.plan import OWN, Job
from recurra.commands.bench.processes import Settings
from recurra.commands.bench.shapes import Shape
from recurra.errors import BackendError

SHAPE = Shape(3, 2, 4, 5)
ONCE = Settings(calls=2, processes=1, threads=1)


def test_calls_are_interleaved() -> None:
    calls: list[str] = []
    speed.interleaved(lambda: calls.append("ours"), lambda: calls.append("theirs"), 3)
    assert calls == ["ours", "theirs"] * (3 + speed.WARM_UP)


def test_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([1.0, 10.0, 3.0, 30.0, 2.0, 99.0])
    monkeypatch.setattr(speed, "_timed", lambda call: next(seconds))
    assert speed.interleaved(lambda: None, lambda: None, 3) == (2.0, 30.0)


@pytest.mark.parametrize(("cell", "peer"), [("lstm", "torch"), ("gru", "packed"), ("elman", "torch"), (OWN, "loop"), ("scrn", "loop")])
def test_ours_and_the_peer_say_the_same(cell: str, peer: str) -> None:
    ours, theirs = peers.contenders(cell, peer, SHAPE)
    torch.testing.assert_close(ours.inference(), theirs.inference())
    for mine, other in zip(ours.training(), theirs.training(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_a_wrong_answer_has_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = [Contender(lambda value=value: torch.tensor([value]), lambda: None) for value in (1.0, 1.1)]  # type: ignore[misc]
    monkeypatch.setattr(speed, "contenders", lambda *_: pair)
    with pytest.raises(BackendError, match=r"^ours and the peer differ by 1\.0e-01\.$"):
        speed.measure({"cell": "lstm", "peer": "torch", "shape": [1, 1, 1, 1], "calls": 1})
    pair[0] = Contender(lambda: torch.tensor([float("nan")]), lambda: None)
    with pytest.raises(BackendError, match="differ by nan"):
        speed.measure({"cell": "lstm", "peer": "torch", "shape": [1, 1, 1, 1], "calls": 1})


def test_a_stream_looks_at_the_steps_that_it_reaches() -> None:
    found = stream.measure({"cell": "lstm", "shape": [1, 1, 4, 4], "steps": 120})
    assert set(found["at"]) == {10}
    assert (found["name"], found["grown"] >= 0, stream.resident() > 0) == ("LSTMCell", True, True)


def test_a_first_call_and_a_peak_are_measured() -> None:
    found = first.measure({"cell": "gru", "shape": [2, 1, 3, 4], "mode": "training"})
    assert 0 < found["made"] < found["first"]
    assert peak.measure({"who": "ours", "shape": [2, 1, 3, 4]})["peak"] > 1e6


def test_a_peer_of_memory_imports_nothing_of_ours() -> None:
    code = (
        'import sys, io; sys.stdin = io.StringIO(\'{"kind": "peak", "who": "theirs", "shape": [2, 1, 3, 4]}\')\n'
        "import recurra.commands.bench.child.__main__\n"
        "assert not {'recurra.layers', 'recurra.engine', 'llvmlite', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failing_process_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(returncode=1, stderr="Traceback\n  ...\nValueError: no\n", stdout="")
    monkeypatch.setattr(processes.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(BackendError, match=r"^bench: batched lstm 3/2/4/5 torch: ValueError: no$"):
        processes.fresh(Job("speed", "batched", "lstm", SHAPE, "torch"), ONCE)


def test_threads_are_said_and_noise_on_stdout_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def pretend(command: list[str], **more: Any) -> SimpleNamespace:
        seen.update(more, command=command)
        return SimpleNamespace(returncode=0, stderr="", stdout='my.py says hello\n{"limit": 3}\n')

    monkeypatch.setattr(processes.subprocess, "run", pretend)
    assert processes.fresh(Job("speed", "batched", "lstm", SHAPE, "torch"), replace(ONCE, threads=7), cache="here") == {"limit": 3}
    assert (seen["env"]["OMP_NUM_THREADS"], seen["env"]["RECURRA_CACHE"]) == ("7", "here")
    assert json.loads(seen["input"])["shape"] == [3, 2, 4, 5]
