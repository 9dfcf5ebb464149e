"""The backward: one walk back, then the gradients of the weights as products over all steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from recurra.compiler.derivative import differentiate, frontier
from recurra.compiler.plans import backward_plan, is_hoisted
from recurra.compiler.saving import save
from recurra.engine.cpu.call import Call, Job
from recurra.engine.cpu.memory import Memory, widen


class Backward:
    """One walk back, and the gradients of weights after it."""

    def __init__(self, job: Job, tensors: Sequence[Tensor | None], memory: Memory) -> None:
        self.job, self.program, self.sequences = job, job.program, job.run
        self.given = job.take(tensors)
        self.wanted = {key for key, t in zip(job.names, tensors, strict=True) if t is not None and t.requires_grad}
        self.parameters = self.given.parameter
        self.sums: dict[str, Tensor] = {}
        self.plan = backward_plan(job.program)
        # What the forward kept, under the names that the backward reads it by; its scratch is not kept.
        kept = {b.name for b in self.plan.buffers if b.place != "row" and not b.name.startswith(("cotangent:", "output:", "gradient"))}
        shared = {name: value for name, value in memory.buffers.items() if name in kept or name.startswith(("mask:", "state:", "saved:"))}
        self.memory = Memory(job.sizes, shared, memory.before)

    def run(self, dy: Tensor | None, dfinal: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The gradients of the call's tensors, in their order."""
        self._give_gradients(dy, dict(zip(self.program.states, dfinal, strict=True)))
        Call(self.plan, self.program, self.parameters, self.sequences, self.memory).start(self.job.first_step)
        found = {**self._states(), **self._inputs_and_parameters()}
        return [found.get(key) for key in self.job.names]

    def _give_gradients(self, dy: Tensor | None, dfinal: Mapping[str, Tensor | None]) -> None:
        run, at = self.sequences, 0
        for name in self.program.states:
            size = self.program.sizes[self.program.leaves["state", name]]
            pair = torch.zeros(2, run.count, self.memory.width(size))
            given = dfinal[name]
            if given is not None and run.plain:
                pair[run.steps % 2, :, : given.shape[1]] = given
            elif given is not None:
                rows = run.final.nonzero()[:, 0]
                pair[run.length[rows] % 2, rows, : given.shape[1]] = given[run.row[rows]]
            self.memory.buffers[f"cotangent:{name}"] = pair
        for name in self.program.output:
            size = self.program.sizes[self.program.leaves["state", name]]
            n = 1 if size == "one" else self.job.sizes[size]
            part = torch.zeros(run.steps * run.batch, n) if dy is None else dy[:, :, at : at + n].flatten(0, 1)
            self.memory.buffers[f"output:{name}"] = widen(part, self.memory.width(size))
            at += n

    def _states(self) -> dict[tuple[str, str], Tensor]:
        """The gradients of the state that was passed in, and of the layer's initial one."""
        run, found = self.sequences, {}
        for name in self.program.states:
            size = self.program.sizes[self.program.leaves["state", name]]
            rows = self.memory.narrow(self.memory.buffers[f"cotangent:{name}"][0], size)
            if run.plain:
                found["state", name] = rows
                continue
            for kind, mine in (("state", ~run.fresh), ("initial", run.fresh)):
                total = torch.zeros(run.batch, rows.shape[1])
                found[kind, name] = total.index_add_(0, run.row[mine], rows[mine])
        return found

    def _inputs_and_parameters(self) -> dict[tuple[str, str], Tensor]:
        found: dict[tuple[str, str], Tensor] = {}
        inputs = self.given.input
        shape = (self.sequences.steps, self.sequences.batch)
        for n in frontier(self.program):
            node = self.program.nodes[n]
            if node.op == "input" and f"gradient_of:{node.attr}" in self.memory.buffers:
                part = self.memory.narrow(self.memory.buffers[f"gradient_of:{node.attr}"], self.program.sizes[n])
                self._add(found, ("input", str(node.attr)), part.reshape(*shape, -1))
        hoisted = {self.program.matrix(self.program.nodes[n])[0].name: n for n in frontier(self.program) if is_hoisted(self.program, n)}
        for matrix_name, n in hoisted.items():
            self._hoisted(found, matrix_name, str(self.program.nodes[self.program.nodes[n].args[0]].attr), inputs, shape)
        self._products(found)
        for vector in self.program.vectors:
            name = f"sum:{vector.name}"
            if name in self.memory.buffers:
                found["parameter", vector.name] = self.memory.narrow(self.memory.buffers[name].sum(0, keepdim=True), vector.size)[0]
        for matrix in self.program.matrices:
            if matrix.diagonal and f"sum:{matrix.name}" in self.memory.buffers:
                total = self.memory.buffers[f"sum:{matrix.name}"].sum(0, keepdim=True)
                gates = total.view(len(matrix.gates), -1)
                found["parameter", f"weight_{matrix.name}"] = self.memory.narrow(gates, matrix.rows).reshape(-1)
        return found

    @staticmethod
    def _add(found: dict[tuple[str, str], Tensor], key: tuple[str, str], value: Tensor) -> None:
        found[key] = found[key] + value if key in found else value

    def _flowing(self, matrix: str) -> Tensor:
        """The gradients of a matrix's gates at every step, [T * B, G * n]."""
        matrix = self.plan.same.get(matrix, matrix)
        size = next(m.rows for m in self.program.matrices if m.name == matrix)
        return self.memory.gates(f"gradient:{matrix}", size)

    def _summed(self, matrix: str) -> Tensor:
        """The gradients of a matrix's gates, summed over all steps; biases that get the same share the work, not the memory."""
        matrix = self.plan.same.get(matrix, matrix)
        if matrix in self.sums:
            return self.sums[matrix].clone()
        self.sums[matrix] = self._flowing(matrix).sum(0)
        return self.sums[matrix]

    def _hoisted(
        self, found: dict[tuple[str, str], Tensor], name: str, source: str, inputs: Mapping[str, Tensor], shape: tuple[int, int]
    ) -> None:
        d = self._flowing(name)
        x = inputs[source].flatten(0, 1)
        if not self.sequences.whole:
            # Zero times what stands in the padding may be NaN.
            x = torch.where(self.sequences.valid()[:, None], x, 0.0)
        weight = self.parameters[f"weight_{name}"]
        if ("parameter", f"weight_{name}") in self.wanted:
            found["parameter", f"weight_{name}"] = d.t() @ x
        if f"bias_{name}" in self.parameters:
            found["parameter", f"bias_{name}"] = self._summed(name)
        if ("input", source) in self.wanted:
            self._add(found, ("input", source), (d @ weight).view(*shape, -1))

    def _products(self, found: dict[tuple[str, str], Tensor]) -> None:
        """The weights of the loop: each gate's gradient times the vector that it read."""
        rows: dict[str, dict[int, Tensor]] = {}
        flowing: dict[str, Tensor] = {}
        groups: dict[tuple[str, int], list[int]] = {}
        for n in differentiate(self.program).products:
            matrix, gate = self.program.matrix(self.program.nodes[n])
            groups.setdefault((matrix.name, self.program.nodes[n].args[0]), []).append(gate)
        for (name, source), gates in groups.items():
            matrix = next(m for m in self.program.matrices if m.name == name)
            if name not in flowing:
                flowing[name] = self._flowing(name)
            size = flowing[name].shape[1] // len(matrix.gates)
            d = (
                flowing[name]
                if len(gates) == len(matrix.gates)
                else torch.cat([flowing[name][:, g * size : (g + 1) * size] for g in gates], 1)
            )
            part = self._times_source(d, source)
            order = sorted(gates) if len(gates) == len(matrix.gates) else gates
            for k, g in enumerate(order):
                rows.setdefault(name, {})[g] = part[k * size : (k + 1) * size]
        for name, parts in rows.items():
            count = len(next(m for m in self.program.matrices if m.name == name).gates)
            # No gradient reaches a gate that is missing.
            whole = [parts[g] if g in parts else torch.zeros_like(next(iter(parts.values()))) for g in range(count)]
            found["parameter", f"weight_{name}"] = torch.cat(whole) if count > 1 else whole[0]
            if f"bias_{name}" in self.parameters:
                found["parameter", f"bias_{name}"] = self._summed(name)

    def _times_source(self, d: Tensor, source: int) -> Tensor:
        """d [N, R] transposed times the vectors that a product read, [N, n]."""
        program, kept = self.program, save(self.program)
        node, size = program.nodes[source], program.sizes[source]
        if node.op == "state" and str(node.attr) in kept.states:
            return self._times_old(d, f"state:{node.attr}", size)
        renewed = [k for k, n in zip(program.states, program.new, strict=True) if n == source and k in kept.states]
        if source in kept.nodes:
            value = self.memory.buffers[f"saved:{source}"]
        elif renewed:
            value = self.memory.buffers[f"state:{renewed[0]}"]
        else:
            value = self.memory.buffers[f"source_of:{source}"]
        return d.t() @ self.memory.narrow(value, size)

    def _times_old(self, d: Tensor, name: str, size: str) -> Tensor:
        """The same for the old value of a state, which stands one step earlier."""
        run = self.sequences
        course, before = self.memory.narrow(self.memory.buffers[name], size), self.memory.narrow(self.memory.before[name], size)
        if run.plain:
            first, later, earlier = (d[-run.batch :], d[: -run.batch], course[run.batch :])
            if not run.reverse:
                first, later, earlier = d[: run.batch], d[run.batch :], course[: -run.batch]
            return torch.addmm(first.t() @ before, later.t(), earlier)
        live = run.length > 0
        total = d[run.first_row[live]].t() @ before[live]
        rows = run.valid()
        rows[run.first_row[live]] = False
        places = rows.nonzero()[:, 0]
        return total + d[places].t() @ course[places - run.stride]
