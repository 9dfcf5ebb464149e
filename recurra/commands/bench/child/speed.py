"""Ours and the peer, call by call in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import torch

from recurra.commands.bench.child.peers import Contender, contenders
from recurra.commands.bench.plan import MODES, TORCH
from recurra.commands.bench.shapes import Shape
from recurra.engine import launches
from recurra.errors import BackendError

LIMIT_SIZE, LIMIT_CALLS = 2048, 7
WARM_UP = 2
# Different orders of adding up differ by much less, a wrong cell by much more.
TOLERANCE = 1e-3


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of both in both modes, the machine's limit in GFLOP/s, and multiply-adds that our kernels counted at inference."""
    ours, theirs = contenders(order["cell"], order["peer"], Shape(*order["shape"]))
    # Another cell gives other answers, of course.
    if order["peer"] != "elman":
        _check(ours, theirs)
    found: dict[str, Any] = {"name": TORCH.get(order["cell"], ""), "limit": limit(min(order["calls"], LIMIT_CALLS))}
    for mode in MODES:
        mine, peers = interleaved(getattr(ours, mode), getattr(theirs, mode), order["calls"])
        found[mode] = {"ours": mine, "theirs": peers}
    if order["peer"] == "elman":
        found["multiply_adds"] = [_counted(contender.inference) for contender in (ours, theirs)]
    return found


def interleaved(ours: Callable[[], Any], theirs: Callable[[], Any], calls: int) -> tuple[float, float]:
    """The medians, in seconds, of `calls` calls each, in turn, so that a busy machine is busy for both."""
    for _ in range(WARM_UP):
        ours(), theirs()
    times = [(_timed(ours), _timed(theirs)) for _ in range(calls)]
    return statistics.median(mine for mine, _ in times), statistics.median(peers for _, peers in times)


def _timed(call: Callable[[], Any]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def limit(calls: int, size: int = LIMIT_SIZE) -> float:
    """GFLOP/s of a large product of torch: what this machine can do."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    return float(2 * size**3 / 1e9 / statistics.median(_timed(lambda: a @ b) for _ in range(calls)))


def _check(ours: Contender, theirs: Contender) -> None:
    """Raise BackendError where the outputs differ: the speed of a wrong answer is none."""
    mine, peers = (np.asarray(contender.inference()) for contender in (ours, theirs))
    gap = float(np.abs(mine - peers).max())
    if not gap <= TOLERANCE * max(1.0, float(np.abs(peers).max())):
        raise BackendError(f"ours and the peer differ by {gap:.1e}.")


def _counted(call: Callable[[], Any]) -> int:
    before = launches()["multiply_adds"]
    call()
    return launches()["multiply_adds"] - before
