"""A run as one opaque operator of torch: what torch.compile sees of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recurra.compiler import Program
from recurra.compiler.program import known

Named = dict[str, dict[str, Tensor]]
KINDS = ("inputs", "state", "parameters", "initial", "masks")


def call(
    program: Program, tensors: Mapping[str, Mapping[str, Tensor] | None], lengths: Tensor | None, resets: Tensor | None, reverse: bool,
    backend: str | None,
) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
    """`recurra.engine.run` through the operator; `tensors` are its mappings by name."""
    names = " ".join([f"{kind}:{name}" for kind in KINDS for name in tensors[kind] or {}])
    values = [value for kind in KINDS for value in (tensors[kind] or {}).values()]
    y, *final = walk(values, names, lengths, resets, program.key, reverse, backend or "")
    return y, dict(zip(tensors["state"] or {}, final, strict=True))


def _named(tensors: list[Tensor], names: str) -> Named:
    named: Named = {kind: {} for kind in KINDS}
    for value, name in zip(tensors, names.split(), strict=True):
        kind, _, key = name.partition(":")
        named[kind][key] = value
    return named


def _run(
    tensors: list[Tensor], names: str, lengths: Tensor | None, resets: Tensor | None, key: str, reverse: bool, backend: str
) -> list[Tensor]:
    from recurra.engine.running import run

    named: dict[str, Any] = dict(_named(tensors, names))
    named["initial"] = named["initial"] or None
    y, final = run(known[key], lengths=lengths, resets=resets, reverse=reverse, backend=backend or None, **named)
    return [y, *final.values()]


@torch.library.custom_op("recurra::walk", mutates_args=())
def walk(
    tensors: list[Tensor], names: str, lengths: Tensor | None, resets: Tensor | None, key: str, reverse: bool, backend: str
) -> list[Tensor]:
    """The outputs and the final states, in memory of their own."""
    with torch.no_grad():
        return [value.clone() for value in _run(tensors, names, lengths, resets, key, reverse, backend)]


@walk.register_fake
def _(
    tensors: list[Tensor], names: str, lengths: Tensor | None, resets: Tensor | None, key: str, reverse: bool, backend: str
) -> list[Tensor]:
    program, named = known[key], _named(tensors, names)
    x = named["inputs"][program.inputs[0]]
    width = sum(named["state"][name].shape[-1] for name in program.output) if program.states else _width(program, named)
    return [x.new_empty(*x.shape[:2], width), *(torch.empty_like(value) for value in named["state"].values())]


def _width(program: Program, named: Named) -> Any:
    """The output's width of a function without a state."""
    size = program.sizes[program.new[0]]
    for matrix in program.matrices:
        if matrix.rows == size:
            return named["parameters"][f"weight_{matrix.name}"].shape[0] // len(matrix.gates)
    return named["inputs"][program.inputs[0]].shape[-1]


def _recording() -> Any:
    """Autograd inside an operator, where torch switches it off for the thread."""
    excluded = torch._C._dispatch_tls_local_exclude_set()
    for key in ("AutogradFunctionality", "AutogradOther", "AutogradNestedTensor", "ADInplaceOrView"):
        excluded = excluded.remove(getattr(torch._C.DispatchKey, key))
    return torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), excluded)


@torch.library.custom_op("recurra::walk_back", mutates_args=())
def walk_back(
    gradients: list[Tensor], tensors: list[Tensor], names: str, lengths: Tensor | None, resets: Tensor | None, key: str,
    reverse: bool, backend: str,
) -> list[Tensor]:  # fmt: skip
    """The gradients of the tensors, zeros where none flows. The forward runs once more: an operator keeps nothing aside."""
    with _recording(), torch.enable_grad():
        leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in tensors]
        results = _run(leaves, names, lengths, resets, key, reverse, backend)
        flowing = [(r, g) for r, g in zip(results, gradients, strict=True) if r.requires_grad]
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        found = iter(torch.autograd.grad([r for r, _ in flowing], wanted, [g for _, g in flowing], allow_unused=True))
    parts = [next(found) if leaf.requires_grad else None for leaf in leaves]
    return [torch.zeros_like(t) if part is None else part.clone() for part, t in zip(parts, tensors, strict=True)]


@walk_back.register_fake
def _(
    gradients: list[Tensor], tensors: list[Tensor], names: str, lengths: Tensor | None, resets: Tensor | None, key: str,
    reverse: bool, backend: str,
) -> list[Tensor]:  # fmt: skip
    return [torch.empty_like(t) for t in tensors]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    tensors, ctx.names, lengths, resets, ctx.key, ctx.reverse, ctx.backend = inputs
    ctx.count, ctx.given = len(tensors), (lengths is not None, resets is not None)
    ctx.save_for_backward(*tensors, *(t for t in (lengths, resets) if t is not None))
    ctx.results = [(tuple(o.shape), o.dtype) for o in output]


def _back(ctx: Any, gradients: list[Tensor | None]) -> tuple[Any, ...]:
    tensors, rest = list(ctx.saved_tensors[: ctx.count]), list(ctx.saved_tensors[ctx.count :])
    lengths = rest.pop(0) if ctx.given[0] else None
    resets = rest.pop(0) if ctx.given[1] else None
    like = tensors[0]
    complete = [
        g if g is not None else like.new_zeros(shape, dtype=dtype) for g, (shape, dtype) in zip(gradients, ctx.results, strict=True)
    ]
    found = walk_back(complete, tensors, ctx.names, lengths, resets, ctx.key, ctx.reverse, ctx.backend)
    # What is no float, a step number, takes no gradient.
    return [f if t.is_floating_point() else None for f, t in zip(found, tensors, strict=True)], *[None] * 6


walk.register_autograd(_back, setup_context=_keep)
