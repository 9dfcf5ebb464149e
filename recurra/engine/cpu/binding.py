"""The door to the kernels: what autograd is told, and a call in torch's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from recurra.compiler import Program
from recurra.compiler.plans import stateless_plan
from recurra.engine.cpu.backward import Backward
from recurra.engine.cpu.call import Call, Given, Job, row_bounds, sizes_of
from recurra.engine.cpu.forward import forward, give_constants, outputs
from recurra.engine.cpu.memory import Memory, padded, widen
from recurra.engine.cpu.sequences import Sequences, sequences
from recurra.engine.cpu.threads import threads_for
from recurra.errors import BackendError

# Whole numbers that stand among the states.
NOT_FLOATS = {("state", "t"), ("initial", "t")}


class Loop(torch.autograd.Function):
    """The walk as autograd sees it: outputs and final states, differentiable once."""

    @staticmethod
    def forward(ctx: Any, job: Job, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        with torch.no_grad():
            courses, final, memory = forward(job, job.take(tensors), training=True)
            y = outputs(job, courses, memory)
        ctx.job, ctx.memory = job, memory
        # The output is among them because the backward reads its memory: autograd then refuses one that was written over.
        ctx.save_for_backward(*tensors, y)
        return (y, *final.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise BackendError(
                f"{ctx.job.program.name}: the cpu backend has first derivatives only. "
                'Use backend="reference" for derivatives of derivatives.'
            )
        walk = Backward(ctx.job, ctx.saved_tensors[:-1], ctx.memory)
        return (None, *walk.run(gradients[0], gradients[1:]))


def run(
    program: Program,
    inputs: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    *,
    lengths: Tensor | None,
    resets: Tensor | None,
    initial: Mapping[str, Tensor],
    reverse: bool,
    masks: Mapping[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Walk the sequence; the arguments are those of `recurra.engine.run`, checked and complete."""
    steps, batch = next(iter(inputs.values())).shape[:2]
    threads = threads_for(steps * batch * sum(value.numel() for value in parameters.values()))
    cut = sequences(steps, batch, lengths, resets, reverse, threads)
    first_step = None
    final_step = {}
    if program.uses_step:
        first_step = torch.where(cut.fresh, initial["t"].long()[cut.row], state["t"].long()[cut.row])
        final_step = {"t": state["t"].long().index_copy(0, cut.row[cut.final], (first_step + cut.length)[cut.final])}
    named = [("input", inputs), ("state", state), ("initial", initial), ("parameter", parameters), ("mask", masks)]
    pairs = [((kind, name), value) for kind, values in named for name, value in values.items() if (kind, name) not in NOT_FLOATS]
    job = Job(program, cut, tuple(k for k, _ in pairs), sizes_of(program, inputs, state, parameters), first_step, threads)
    tensors = [value for _, value in pairs]
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        y, *final = Loop.apply(job, *tensors)  # type: ignore[no-untyped-call]
        return y, dict(zip(program.states, final, strict=True)) | final_step
    with torch.no_grad():
        courses, final_state, memory = forward(job, job.take(tensors), training=False)
        return outputs(job, courses, memory), final_state | final_step


def run_stateless(program: Program, inputs: Mapping[str, Tensor], parameters: Mapping[str, Tensor], valid: Tensor | None) -> Tensor:
    """A function without a state over all steps [T, B, n], without gradients; rows outside `valid` are zero."""
    plan, first = stateless_plan(program), next(iter(inputs.values()))
    steps, batch = first.shape[:2]
    rows = steps * batch
    places = torch.arange(rows) if valid is None else valid.nonzero()[:, 0]
    sizes = sizes_of(program, inputs, {}, parameters)
    memory = Memory(sizes)
    count = len(places)
    zeros, ones = torch.zeros(count, dtype=torch.int64), torch.ones(count, dtype=torch.bool)
    bounds = tuple(row_bounds(count, threads_for(rows * sum(value.numel() for value in parameters.values())))) if count else ((0, 0),)
    cut = Sequences(places, zeros, zeros + 1, ~ones, ones, bounds, 1, rows, False, valid is None)
    job = Job(program, cut, (), sizes, None, len(bounds))
    with torch.no_grad():
        parameters = {name: value.detach() for name, value in parameters.items()}
        give_constants(job, Given(parameter=parameters), memory)
        for name, value in inputs.items():
            memory.buffers[f"input:{name}"] = widen(value.flatten(0, 1), padded(value.shape[-1]))
        Call(plan, program, parameters, cut, memory).start(None)
        result = memory.narrow(memory.buffers["result"], program.sizes[program.new[0]])
    return result.reshape(steps, batch, -1)
