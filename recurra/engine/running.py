"""The one door to the backends: checks what a program is given, completes it, and chooses who runs it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache

import torch
from torch import Tensor

from recurra.cells.declaration import blocks, triangular
from recurra.compiler import Matrix, Program
from recurra.compiler.plans import split, with_state
from recurra.compiler.trace import reach
from recurra.engine import operator, reference
from recurra.engine.arguments import check_arguments
from recurra.engine.choice import BACKENDS, choose
from recurra.engine.cpu import binding
from recurra.engine.cpu.call import sizes_of
from recurra.engine.pack import Layout
from recurra.errors import ConfigurationError, ShapeError, check_choice, check_shape


def run(
    program: Program,
    inputs: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    initial: Mapping[str, Tensor] | None = None,
    reverse: bool = False,
    masks: Mapping[str, Tensor] | None = None,
    backend: str | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Run a program over a batch of sequences.

    inputs: by name, each [T, B, n]; state: by name, each [B, n], and t, int64 [B], for a cell that reads the step number.
    parameters: by name, without a layer's suffix. lengths: int64 [B], in any order, 0 too; None when every row has T steps.
    resets: bool [T, B]; where it holds, the state becomes `initial` (zeros by default, and t = 0) between the steps t - 1 and t,
    in both directions. reverse: each row is walked from its last valid step to its first. masks: what with_dropout asks for.

    Returns the outputs [T, B, O], exactly 0 beyond a row's length, and the final states; that of a row of length 0 is its initial
    state. What stands beyond a length is never read. Raises ShapeError, ConfigurationError, BackendError.
    """
    if torch.compiler.is_compiling():
        tensors = {"inputs": inputs, "state": state, "parameters": parameters, "initial": initial, "masks": masks}
        return operator.call(program, tensors, lengths, resets, reverse, backend)
    if backend is not None:
        check_choice(program.name, "backend", backend, BACKENDS)
    check_arguments(program, inputs, state, parameters, initial or {}, masks or {})
    steps, batch = inputs[program.inputs[0]].shape[:2]
    device = inputs[program.inputs[0]].device
    lengths = _checked(program, lengths, steps, batch)
    if resets is not None:
        check_shape(program.name, "resets", resets.shape, [("T", steps), ("B", batch)])
        resets = resets.to(device=device, dtype=torch.bool)
        if lengths is not None:
            # The end of a row is no boundary within it: what resets say of the padding must not restart a reverse walk.
            resets = resets & (torch.arange(steps, device=device)[:, None] < lengths.to(device))
    initial = {k: torch.zeros_like(v) if initial is None or k not in initial else initial[k].expand_as(v) for k, v in state.items()}
    inputs, masks = {name: inputs[name] for name in program.inputs}, dict(masks or {})
    if torch.is_autocast_enabled(device.type):
        inputs = {name: v.float() if v.is_floating_point() else v for name, v in inputs.items()}
        state, initial = ({k: v.float() if v.is_floating_point() else v for k, v in s.items()} for s in (state, initial))
    choice = choose(program, [*inputs.values(), *state.values(), *initial.values(), *parameters.values()], backend, masks.values())
    with torch.autocast(device.type, enabled=False) if torch.is_autocast_enabled(device.type) else nullcontext():
        if choice.backend == "cpu" and steps and batch:
            return _on_cpu(program, inputs, state, parameters, lengths, resets, initial, reverse, masks)
        layout = Layout.of(steps, batch, lengths, device)
        return reference.run(
            program, inputs, state, parameters, layout=layout, resets=resets, initial=initial, reverse=reverse, masks=masks
        )


def _wants_gradient(*groups: Mapping[str, Tensor]) -> bool:
    return torch.is_grad_enabled() and any(v.requires_grad for group in groups for v in group.values())


def _on_cpu(
    program: Program, inputs: dict[str, Tensor], state: Mapping[str, Tensor], parameters: Mapping[str, Tensor], lengths: Tensor | None,
    resets: Tensor | None, initial: Mapping[str, Tensor], reverse: bool, masks: dict[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
    """The compiled kernels, on dense matrices and on floats."""
    parameters = {**parameters, **{f"weight_{m.name}": _dense(program, m, parameters) for m in program.matrices}}
    inputs = {name: v if v.is_floating_point() else v.to(torch.float32) for name, v in inputs.items()}
    steps = inputs[program.inputs[0]].shape[0]
    valid = None
    if lengths is not None and not bool((lengths == steps).all()):
        valid = (torch.arange(steps)[:, None] < lengths.cpu()[None, :]).flatten()
    if not program.states and not _wants_gradient(inputs, parameters):
        return binding.run_stateless(program, inputs, parameters, valid), {}
    if not program.states:
        program, whole = with_state(program), program
        width = whole.output_width(sizes_of(whole, inputs, {}, parameters))
        state = initial = {"result": inputs[program.inputs[0]].new_zeros(inputs[program.inputs[0]].shape[1], width)}
        y, _ = _on_cpu(program, inputs, state, parameters, lengths, resets, initial, False, masks)
        return y, {}
    loop, parts = split(program)
    for name, part in parts:
        inputs[name] = _derived(part, inputs, parameters, masks, valid)
    return binding.run(loop, inputs, state, parameters, lengths=lengths, resets=resets, initial=initial, reverse=reverse, masks=masks)


def _derived(
    part: Program, inputs: Mapping[str, Tensor], parameters: Mapping[str, Tensor], masks: Mapping[str, Tensor], valid: Tensor | None
) -> Tensor:
    """What the loop reads of its inputs through more than one product."""
    if not _wants_gradient(inputs, parameters):
        return binding.run_stateless(part, inputs, parameters, valid)
    if valid is not None:
        live = valid.view(next(iter(inputs.values())).shape[:2])[:, :, None]
        inputs = {name: torch.where(live, v, 0.0) for name, v in inputs.items()}
    graph = reference.Graph(part, parameters)
    leaves = graph.constants(masks) | {part.leaves["input", name]: v for name, v in inputs.items() if ("input", name) in part.leaves}
    return graph.evaluate(reach(part.nodes, part.new), leaves)[part.new[0]]


def _dense(program: Program, matrix: Matrix, parameters: Mapping[str, Tensor]) -> Tensor:
    """A structured matrix with its zeros written out; a full or diagonal one as it is."""
    weight, gates = parameters[f"weight_{matrix.name}"], len(matrix.gates)
    if isinstance(matrix.structure, blocks):
        heads = weight.reshape(gates, int(matrix.structure.count), -1, weight.shape[1])
        return torch.cat([torch.block_diag(*head) for head in heads])  # type: ignore[no-untyped-call]
    if isinstance(matrix.structure, triangular):
        reads = _reads(program.unit_values(matrix.structure.key, {matrix.rows: weight.shape[0] // gates}), gates)
        return torch.where(reads, weight, 0.0)
    return weight


@lru_cache(16)
def _reads(key: tuple[float, ...], gates: int) -> Tensor:
    """Which unit reads which in a triangular matrix, bool [G * n, n]."""
    keys = torch.tensor(key)
    return (keys[None, :] >= keys[:, None]).repeat(gates, 1)


def _checked(program: Program, lengths: Tensor | None, steps: int, batch: int) -> Tensor | None:
    if lengths is None:
        return None
    check_shape(program.name, "lengths", lengths.shape, [("B", batch)])
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ConfigurationError(f"{program.name}: lengths must be whole numbers, got {lengths.dtype}. Use lengths.long()")
    lengths = lengths.long()
    if batch and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
        raise ShapeError(f"{program.name}: lengths must lie in 0..{steps}, got {int(lengths.min())}..{int(lengths.max())}.")
    return lengths
