"""A stream without end: the time of a step, and what stays in memory."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from recurra import layers
from recurra.commands.bench.child.peak import peak
from recurra.commands.bench.plan import TORCH
from recurra.commands.bench.shapes import Shape

# Steps whose time is looked at, each as the median of so many from there.
LOOKED_AT, WINDOW = (10, 1000, 100_000), 100
INTERLEAVED = 2000


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of one step, ours through the layer and torch's cell; seconds at the steps looked at; bytes grown since step 1000."""
    shape, name, steps = Shape(*order["shape"]), TORCH[order["cell"]], order["steps"]
    torch.manual_seed(1)
    layer, cell = getattr(layers, name)(shape.inputs, shape.hidden), getattr(torch.nn, f"{name}Cell")(shape.inputs, shape.hidden)
    x = torch.randn(shape.batch, shape.inputs)
    with torch.no_grad():
        ours, theirs = _side_by_side(layer, cell, x, min(INTERLEAVED, steps))
        at, grown = _long(layer, x, steps)
    return {"name": f"{name}Cell", "ours": ours, "theirs": theirs, "at": at, "grown": grown}


def _side_by_side(layer: Any, cell: Any, x: torch.Tensor, steps: int) -> tuple[float, float]:
    state = other = None
    times = []
    for _ in range(steps):
        began = perf_counter()
        _, state = layer.step(x, state)
        between = perf_counter()
        other = cell(x, other)
        times.append((between - began, perf_counter() - between))
    return statistics.median(mine for mine, _ in times), statistics.median(peers for _, peers in times)


def _long(layer: Any, x: torch.Tensor, steps: int) -> tuple[dict[int, float], int]:
    """One stream of `steps` steps; the times are kept for the windows alone, so that keeping them is not what grows."""
    times: dict[int, list[float]] = {start: [] for start in LOOKED_AT if start + WINDOW <= steps}
    state, before = None, 0
    for step in range(steps):
        if step == min(LOOKED_AT[1], steps // 2):
            before = resident()
        began = perf_counter()
        _, state = layer.step(x, state)
        took = perf_counter() - began
        for start, window in times.items():
            if start <= step < start + WINDOW:
                window.append(took)
    return {start: statistics.median(window) for start, window in times.items()}, max(0, resident() - before)


def resident() -> int:
    """Bytes of this process in memory now; where nothing tells, the peak."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if path.is_file() else peak()
