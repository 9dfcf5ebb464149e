"""The one door to the backends: checks what a program is given, completes it, and chooses who runs it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from recurra.compiler import Program
from recurra.engine import reference
from recurra.engine.pack import Layout
from recurra.errors import ConfigurationError, ShapeError, check_choice, check_shape

BACKENDS = ("reference", "cpu")


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
    if backend is not None:
        check_choice(program.name, "backend", backend, BACKENDS)
    missing = [name for name in program.inputs if name not in inputs]
    if missing:
        raise ConfigurationError(f"{program.name}: the input {missing[0]!r} must be given, a tensor (T, B, n)")
    steps, batch = inputs[program.inputs[0]].shape[:2]
    for name in program.inputs:
        check_shape(program.name, name, inputs[name].shape, [("T", steps), ("B", batch), ("n", None)])
    device = inputs[program.inputs[0]].device
    lengths = _checked(program, lengths, steps, batch)
    layout = Layout.of(steps, batch, lengths, device)
    if resets is not None:
        check_shape(program.name, "resets", resets.shape, [("T", steps), ("B", batch)])
        resets = resets.to(device=device, dtype=torch.bool)
        if lengths is not None:
            # The end of a row is no boundary within it: what resets say of the padding must not restart a reverse walk.
            resets = resets & (torch.arange(steps, device=device)[:, None] < lengths.to(device))
    initial = {k: torch.zeros_like(v) if initial is None or k not in initial else initial[k].expand_as(v) for k, v in state.items()}
    inputs = {name: inputs[name] for name in program.inputs}
    return reference.run(
        program, inputs, state, parameters, layout=layout, resets=resets, initial=initial, reverse=reverse, masks=dict(masks or {})
    )


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
