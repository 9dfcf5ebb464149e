"""The forward: buffers for everything that a program reads, one walk, the outputs and the final states."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from recurra.compiler import Matrix
from recurra.compiler.derivative import frontier
from recurra.compiler.plan import Plan
from recurra.compiler.plans import forward_plan
from recurra.engine.cpu.call import Call, Given, Job, multiply
from recurra.engine.cpu.memory import Memory, padded, widen, widened_rows


def forward(job: Job, given: Given, training: bool) -> tuple[list[Tensor], dict[str, Tensor], Memory]:
    """Walk the sequences: the outputs' courses [T * B, width] in order, the final states [B, n], and the buffers."""
    program, run, memory = job.program, job.run, Memory(job.sizes)
    give_constants(job, given, memory)
    plan = forward_plan(program, training)
    _give_inputs(job, given, memory, plan, exact=not training)
    courses = {b.name for b in plan.buffers if b.place == "course"}
    start = _starts(job, given)
    for name in program.states:
        key, size = f"state:{name}", program.sizes[program.leaves["state", name]]
        first = widen(start[name], memory.width(size))
        if key in courses:
            memory.before[key] = first
        else:
            memory.buffers[key] = torch.empty(2, run.count, first.shape[1])
            memory.buffers[key][0] = first
    Call(plan, program, given.parameter, run, memory).start(job.first_step)
    final = {name: _final(job, memory, name, f"state:{name}" in courses) for name in program.states}
    return [memory.buffers[f"state:{name}"] for name in program.output], final, memory


def _starts(job: Job, given: Given) -> dict[str, Tensor]:
    """The state that each sequence starts from, [V, n]."""
    if job.run.plain:
        return {name: given.state[name] for name in job.program.states}
    row, fresh = job.run.row, job.run.fresh[:, None]
    return {name: torch.where(fresh, given.initial[name][row], given.state[name][row]) for name in job.program.states}


def _final(job: Job, memory: Memory, name: str, course: bool) -> Tensor:
    """The last state of each row of the batch, [B, n], in memory of its own."""
    run, size = job.run, job.program.sizes[job.program.leaves["state", name]]
    value = memory.buffers[f"state:{name}"]
    if run.plain:
        at = 0 if run.reverse else (run.steps - 1) * run.batch
        last = value[at : at + run.batch] if course else value[run.steps % 2]
        return memory.narrow(last, size).clone(memory_format=torch.contiguous_format)
    if course:
        empty = (run.length == 0)[:, None]
        rows = torch.where(empty, memory.before[f"state:{name}"], value[run.last_row.clamp(0, value.shape[0] - 1)])
    else:
        rows = value[run.length % 2, torch.arange(run.count)]
    last = torch.empty(run.batch, rows.shape[1])
    last[run.row[run.final]] = rows[run.final]
    return memory.narrow(last, size).contiguous()


def give_constants(job: Job, given: Given, memory: Memory) -> None:
    """Arrays, learned vectors, diagonal weights and masks."""
    program, parameters = job.program, given.parameter
    for name, _ in program.units:
        if ("unit", name) in program.leaves:
            values = torch.tensor(program.unit_values(name, job.sizes), dtype=torch.float32)
            memory.buffers[f"unit:{name}"] = widen(values[None], memory.width(program.sizes[program.leaves["unit", name]]))
    for vector in program.vectors:
        memory.buffers[f"vector:{vector.name}"] = widen(parameters[vector.name][None], memory.width(vector.size))
    for matrix in program.matrices:
        if matrix.diagonal:
            gates = parameters[f"weight_{matrix.name}"].reshape(len(matrix.gates), -1)
            memory.buffers[f"weight:{matrix.name}"] = widen(gates, memory.width(matrix.rows)).view(1, -1)
    for name, mask in given.mask.items():
        memory.buffers[f"mask:{name}"] = widen(mask[job.run.row], padded(mask.shape[1]))


def _give_inputs(job: Job, given: Given, memory: Memory, plan: Plan, exact: bool) -> None:
    """The products of inputs for all steps at once, and the inputs that the loop itself reads."""
    program = job.program
    wanted = {buffer.name for buffer in plan.buffers}
    for n in frontier(program):
        node = program.nodes[n]
        source = n if node.op == "input" else node.args[0]
        name = str(program.nodes[source].attr)
        matrix = None if node.op == "input" else program.matrix(node)[0]
        if matrix is not None and f"hoisted:{matrix.name}" in wanted:
            if f"hoisted:{matrix.name}" not in memory.buffers:
                memory.buffers[f"hoisted:{matrix.name}"] = _hoisted(job, given, memory, matrix, name, exact)
        elif f"input:{name}" in wanted:
            memory.buffers[f"input:{name}"] = widen(given.input[name].flatten(0, 1), memory.width(program.sizes[source]))


def _hoisted(job: Job, given: Given, memory: Memory, matrix: Matrix, source: str, exact: bool) -> Tensor:
    """An input times all gates of a matrix, [T * B, G * width]."""
    x, width = given.input[source].flatten(0, 1).contiguous(), memory.width(matrix.rows)
    weight, bias = given.parameter[f"weight_{matrix.name}"], given.parameter.get(f"bias_{matrix.name}")
    if exact:
        return multiply(x, weight, bias, len(matrix.gates), width, job.threads)
    return _multiplied(x, weight, bias, len(matrix.gates), width)


def _multiplied(x: Tensor, weight: Tensor, bias: Tensor | None, gates: int, width: int) -> Tensor:
    """The same through torch, whose bits depend on the shape: for training."""
    weight = widened_rows(weight, gates, width)
    if bias is None:
        return x @ weight.t()
    return torch.addmm(widened_rows(bias[:, None], gates, width)[:, 0], x, weight.t())


def outputs(job: Job, courses: Sequence[Tensor], memory: Memory) -> Tensor:
    """[T, B, O], the states that are given out side by side."""
    program = job.program
    parts = [memory.narrow(c, program.sizes[program.leaves["state", name]]) for c, name in zip(courses, program.output, strict=True)]
    y = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return y.reshape(job.run.steps, job.run.batch, -1)
