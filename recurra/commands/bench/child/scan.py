"""An LSTM as jax's users write it: lax.scan over the steps, the input's product outside, everything compiled."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

# XLA takes as many threads as it may use cores, and asks nothing else.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(os.environ["OMP_NUM_THREADS"])])
# jax is not among our extras: this module is brought along only where it is installed.
jax = importlib.import_module("jax")


def lstm(weights: Sequence[Any], x: Any, cotangent: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Inference and a training step over x [T, B, I], for torch's four parameters; both wait until the results are there."""
    numpy = jax.numpy
    given, cotangent = (tuple(map(numpy.asarray, weights)), numpy.asarray(x)), numpy.asarray(cotangent)

    def step(carry: Any, read: Any) -> Any:
        h, c, weight = carry
        i, f, g, o = numpy.split(read + h @ weight.T, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * numpy.tanh(g)
        h = jax.nn.sigmoid(o) * numpy.tanh(c)
        return (h, c, weight), h

    def forward(parameters: Any, x: Any) -> Any:
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        zero = numpy.zeros((x.shape[1], weight_hh.shape[1]), x.dtype)
        return jax.lax.scan(step, (zero, zero, weight_hh), x @ weight_ih.T + bias_ih + bias_hh)[1]

    infer = jax.jit(forward)
    train = jax.jit(lambda parameters, x, back: jax.vjp(forward, parameters, x)[1](back))
    return lambda: jax.block_until_ready(infer(*given)), lambda: jax.block_until_ready(train(*given, cotangent))
