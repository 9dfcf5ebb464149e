"""From the keys of `[training]` to an optimiser, and what happens to gradients before it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from recurra.errors import ConfigurationError


def optimiser_of(
    network: nn.Module, name: str, *, learning_rate: float, weight_decay: float, momentum: float
) -> torch.optim.Optimizer:
    """`adamw` (Loshchilov & Hutter 2019) or `sgd`. Raises ConfigurationError for a key that has no effect."""
    if name == "sgd":
        return torch.optim.SGD(network.parameters(), learning_rate, momentum, weight_decay=weight_decay)
    if momentum:
        raise ConfigurationError(f"training.momentum: belongs to optimiser = \"sgd\"; {name} has no momentum of its own to set.")
    return torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=weight_decay)


def clip(parameters: Iterable[Tensor], norm: float, value: float) -> float:
    """Bound every gradient value by `value`, then the norm of all together by `norm` (0: no bound); the norm before, infinite or NaN too.

    A norm that is not finite leaves the gradients as they are.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    before = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))) if gradients else 0.0
    if not math.isfinite(before):
        return before
    if value:
        for gradient in gradients:
            gradient.clamp_(-value, value)
    if norm:
        total = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        for gradient in gradients:
            gradient.mul_((norm / (total + 1e-6)).clamp(max=1.0))
    return before
