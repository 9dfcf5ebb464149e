"""From the keys of `[training]` to an optimiser, and what happens to gradients before it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


def optimiser_of(network: nn.Module, name: str, *, learning_rate: float, weight_decay: float, momentum: float) -> torch.optim.Optimizer:
    """`adamw` (Loshchilov & Hutter 2019) or `sgd`, which alone has a momentum to set."""
    if name == "sgd":
        return torch.optim.SGD(network.parameters(), learning_rate, momentum, weight_decay=weight_decay)
    return torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=weight_decay)


def clip(parameters: Iterable[Tensor], norm: float, value: float) -> float:
    """Bound every gradient value by `value`, then the norm of all together by `norm` (0: no bound); the norm before, infinite or NaN too.

    A norm that is not finite leaves the gradients as they are.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    before = _norm(gradients)
    if not math.isfinite(before):
        return before
    for gradient in gradients if value else ():
        gradient.clamp_(-value, value)
    if norm and (total := _norm(gradients)) > norm:
        for gradient in gradients:
            gradient.mul_(norm / total)
    return before


def _norm(gradients: Sequence[Tensor]) -> float:
    """The norm of all values together."""
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    return float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0
