"""One call with everything that comes of it: outputs, final states, and the gradients of all that went in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from recurra.engine import run
from tests.cells.cases import Drawn
from tests.tolerances import TOLERANCES

Everything = dict[str, Tensor]


def floats(values: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The values in another dtype, each a leaf; whole numbers and truth values as they are."""
    return {k: v.detach().to(dtype) if v.is_floating_point() else v for k, v in values.items()}


def everything(
    d: Drawn, backend: str, dtype: torch.dtype, *, masks: Mapping[str, Tensor] | None = None, wanted: frozenset[str] | None = None,
    **loop: Any,
) -> Everything:  # fmt: skip
    """Outputs y, final states, and gradients d <kind> <name> by random cotangents on all of them; `wanted` limits the leaves."""
    groups = {"input": d.inputs, "state": d.state, "initial": d.initial, "parameter": d.parameters}
    groups = {kind: floats(values, dtype) for kind, values in groups.items()}
    names = [f"{kind} {k}" for kind, values in groups.items() for k, v in values.items() if v.is_floating_point()]
    names = [name for name in names if (wanted is None or name in wanted) and (loop.get("resets") is not None or "initial" not in name)]
    leaves = [groups[kind][k].requires_grad_() for kind, k in map(str.split, names)]
    y, final = run(
        d.program, groups["input"], groups["state"], groups["parameter"], initial=groups["initial"], backend=backend,
        masks=floats(masks or {}, dtype), **loop,
    )  # fmt: skip
    found = {"y": y, **{f"final {k}": v for k, v in final.items()}}
    ends = [v for v in found.values() if v.requires_grad]
    random = torch.Generator().manual_seed(3)
    cotangents = [torch.randn(v.shape, generator=random, dtype=torch.float64).to(dtype) for v in ends]
    grads = torch.autograd.grad(ends, leaves, cotangents, allow_unused=True) if leaves else ()
    # No gradient and a gradient of zeros say the same.
    found |= {f"d {n}": torch.zeros_like(v) if g is None else g for n, v, g in zip(names, leaves, grads, strict=True)}
    return {k: v.detach() for k, v in found.items()}


def assert_agree(got: Everything, want: Everything) -> None:
    """float32 against float64; what is added up to a large number may be off by that much more."""
    relative, absolute = TOLERANCES[torch.float32]
    assert got.keys() == want.keys()
    for name, value in want.items():
        size = max(1.0, float(value.abs().nan_to_num(0, 0, 0).max())) if value.numel() else 1.0
        torch.testing.assert_close(
            got[name].to(value.dtype),
            value,
            rtol=relative,
            atol=absolute * size,
            equal_nan=True,
            msg=lambda text, name=name: f"{name}: {text}",
        )


def assert_same_bits(got: Tensor, want: Tensor) -> None:
    """Bit for bit, minus zeros and NaNs included."""
    assert got.shape == want.shape
    assert torch.equal(got.contiguous().view(torch.int32), want.contiguous().view(torch.int32))


def rounded(d: Drawn) -> Drawn:
    """What float32 makes of drawn values."""
    groups = {k: floats(getattr(d, k), torch.float32) for k in ("inputs", "state", "initial", "parameters")}
    return replace(d, **groups)
