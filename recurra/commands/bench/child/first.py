"""The first call of a process, where everything must be made or fetched."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import torch

from recurra.commands.bench.child.peers import layer_of
from recurra.commands.bench.shapes import Shape
from recurra.engine import launches


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds from the cell's function to the results or gradients, the layer's making included; how many kernels were compiled."""
    shape = Shape(*order["shape"])
    x = torch.randn(shape.steps, shape.batch, shape.inputs)
    _wake_torch()
    began = perf_counter()
    layer = layer_of(order["cell"], shape)
    made = perf_counter()
    with torch.set_grad_enabled(order["mode"] == "training"):
        y, _ = layer(x, backend="cpu")
        if order["mode"] == "training":
            y.sum().backward()
    return {"first": perf_counter() - began, "made": made - began, "compiled": launches()["compiled"]}


def _wake_torch() -> None:
    """Its own first products and its thread for gradients start before the clock does."""
    linear = torch.nn.Linear(8, 8)
    linear(torch.randn(4, 8)).sum().backward()
