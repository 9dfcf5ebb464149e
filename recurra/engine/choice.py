"""Which backend runs a call, and why: a matter of what is asked for, never of timing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra.compiler import Program
from recurra.errors import BackendError

BACKENDS = ("reference", "cpu")


@dataclass(frozen=True)
class Choice:
    """A backend and the reason, a clause that follows `because`."""

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}: {self.reason}"


def choose(program: Program, tensors: Iterable[Tensor], wanted: str | None, masks: Iterable[Tensor] = ()) -> Choice:
    """The backend for a call with these tensors and dropout masks. Raises BackendError when `wanted` cannot serve it."""
    masks = list(masks)
    obstacle = _obstacle([*tensors, *masks])
    if obstacle is None and torch.is_grad_enabled() and any(mask.requires_grad for mask in masks):
        obstacle = "a mask wants a gradient, which the kernels do not compute"
    if wanted == "reference":
        return Choice("reference", "it was asked for")
    if obstacle is None:
        return Choice("cpu", "float32 on the CPU: compiled kernels walk the whole sequence" if wanted is None else "it was asked for")
    if wanted == "cpu":
        raise BackendError(f'{program.name}: backend="cpu" cannot run this call: {obstacle}. Use backend="reference".')
    return Choice("reference", obstacle)


def _obstacle(tensors: list[Tensor]) -> str | None:
    """What keeps the compiled kernels from serving a call."""
    for t in tensors:
        if t.device.type != "cpu":
            return f"a tensor is on {t.device}, and the kernels run on the CPU"
        if t.is_floating_point() and t.dtype != torch.float32:
            return f"a tensor is {str(t.dtype).removeprefix('torch.')}, and the kernels compute in float32"
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a transform of torch.func is at work, which needs torch's own operations"
    return None
