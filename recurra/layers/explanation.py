"""Which backend a layer runs on, and why, in a sentence."""

from __future__ import annotations

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.engine import choose
from recurra.layers.layer import Layer


def explain(layer: Layer, input: Tensor | PackedSequence, backend: str | None = None) -> str:
    """Say which backend `layer(input, backend=...)` would run on, and why; nothing is computed.

    Raises BackendError where that call would.
    """
    x = input.data if isinstance(input, PackedSequence) else input
    choice = choose(layer.program, [x, *layer.parameters()], backend)
    return f"{type(layer).__name__} runs on the {choice.backend} backend: {choice.reason}."
