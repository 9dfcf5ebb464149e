"""What each operation means, in torch: the definition that every other backend is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from recurra.compiler.lowering import NORM_EPSILON


def row(values: Sequence[Tensor]) -> Tensor:
    """Several vectors as one long row."""
    return values[0] if len(values) == 1 else torch.cat(list(values), -1)


def rstd(*values: Tensor) -> Tensor:
    """One over the standard deviation of a row."""
    whole = row(values)
    # Written out because torch's var warns about a batch without rows.
    variance = (whole - whole.mean(-1, keepdim=True)).square().mean(-1, keepdim=True)
    return (variance + NORM_EPSILON).rsqrt()


MEANING: dict[str, Callable[..., Tensor]] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "softplus": lambda a: torch.logaddexp(a, torch.zeros_like(a)),
    "log_sigmoid": functional.logsigmoid,
    "sin": torch.sin,
    "cos": torch.cos,
    "stop": torch.detach,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "mod": torch.remainder,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "where": lambda condition, a, b: torch.where(condition != 0, a, b),
    "total": lambda *v: row(v).sum(-1, keepdim=True),
    "mean": lambda *v: row(v).mean(-1, keepdim=True),
    "largest": lambda *v: row(v).detach().amax(-1, keepdim=True),
    "rstd": rstd,
    "width": lambda *v: v[0].new_tensor([float(sum(a.shape[-1] for a in v))]),
    "softmax": lambda v: torch.softmax(v, -1),
}


def norm(j: int, values: Sequence[Tensor]) -> Tensor:
    """The j-th of several vectors, normalised together as one row."""
    return (values[j] - row(values).mean(-1, keepdim=True)) * rstd(*values)
