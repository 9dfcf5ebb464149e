"""The reference: a plain loop over the steps, torch's autograd for the rest. Every cell, every dtype, any derivative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from recurra.cells.declaration import blocks, triangular
from recurra.cells.notation import POINTWISE
from recurra.compiler import Matrix, Program
from recurra.compiler.derivative import in_loop
from recurra.engine.mathematics import MEANING, norm
from recurra.engine.pack import Layout

Values = dict[int, Tensor]


def run(
    program: Program,
    inputs: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    *,
    layout: Layout,
    resets: Tensor | None,
    initial: Mapping[str, Tensor],
    reverse: bool,
    masks: Mapping[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Walk the sequence; the arguments are those of `recurra.engine.run`, checked and complete."""
    graph = Graph(program, parameters)
    packed = {name: layout.pack(value) for name, value in inputs.items()}
    leaves = graph.constants(masks={k: layout.sort(v) for k, v in masks.items()})
    leaves |= {program.leaves["input", name]: value for name, value in packed.items()}
    hoisted = graph.evaluate(graph.before_the_loop, leaves)
    if not program.states:
        result = hoisted[program.new[0]]
        return layout.unpack(result.expand(next(iter(packed.values())).shape[0], -1)), {}
    return _Loop(graph, layout, packed, hoisted, initial, resets, reverse).walk(state)


class Graph:
    """A program with its parameters: evaluates nodes, each matrix once for all the gates that read one vector."""

    def __init__(self, program: Program, parameters: Mapping[str, Tensor]) -> None:
        self.program, self.parameters = program, parameters
        self.like = next(iter(parameters.values()), torch.zeros(()))
        self._prepared: dict[tuple[int, ...], tuple[Tensor, Tensor | None]] = {}

    @property
    def before_the_loop(self) -> list[int]:
        """What does not depend on a state, the step number or a mask, and so is computed for all steps at once."""
        tied = in_loop(self.program)
        return [n for n in range(len(self.program.nodes)) if n not in tied]

    @property
    def timed(self) -> list[int]:
        """What follows from the step number and constants by pointwise equations, and these themselves."""
        exact: set[int] = set()
        for n, node in enumerate(self.program.nodes):
            if node.op in ("step", "number", "unit", "learned") or (node.op in POINTWISE and exact.issuperset(node.args)):
                exact.add(n)
        return sorted(exact)

    def constants(self, masks: Mapping[str, Tensor]) -> Values:
        """The leaves that no step changes: numbers, arrays, learned vectors, masks."""
        values: Values = {}
        for n, node in enumerate(self.program.nodes):
            name = str(node.attr)
            if node.op == "number":
                values[n] = self.like.new_tensor(node.attr)
            elif node.op == "unit":
                values[n] = self._unit(name, self.program.sizes[n])
            elif node.op in ("gain", "shift"):
                values[n] = self.parameters[f"{node.op}_{name}"]
            elif node.op == "learned":
                values[n] = self.parameters[name]
            elif node.op == "mask":
                values[n] = masks[name]
        return values

    def exact(self, n: int) -> Tensor:
        """A number, an array or a learned vector in float64."""
        node = self.program.nodes[n]
        if node.op == "learned":
            return self.parameters[str(node.attr)].double()
        if node.op == "unit":
            return self._unit(str(node.attr), self.program.sizes[n], torch.float64)
        return self.like.new_tensor(node.attr, dtype=torch.float64)

    def _unit(self, name: str, size: str, dtype: torch.dtype | None = None) -> Tensor:
        return self.like.new_tensor(self.program.unit_values(name, {size: self._width(size)}), dtype=dtype)

    def _width(self, size: str) -> int:
        """What number a size has, read off the parameters' shapes."""
        for matrix in self.program.matrices:
            if matrix.rows == size:
                return self.parameters[f"weight_{matrix.name}"].shape[0] // len(matrix.gates)
        return next(self.parameters[v.name].shape[0] for v in self.program.vectors if v.size == size)

    def evaluate(self, nodes: Sequence[int], values: Values) -> Values:
        """The values of `nodes` (in order), given those of the leaves below them."""
        values = dict(values)
        for n in nodes:
            if n in values:
                continue
            node = self.program.nodes[n]
            if node.op == "product":
                self._products(n, values)
            elif node.op == "norm":
                values[n] = norm(int(node.attr or 0), [values[a] for a in node.args])
            elif node.op in MEANING:
                values[n] = MEANING[node.op](*(values[a] for a in node.args))
        return values

    def _products(self, n: int, values: Values) -> None:
        """This product and the others of the same vector by the same matrix, in one."""
        source, (matrix, _) = self.program.nodes[n].args[0], self.program.matrix(self.program.nodes[n])
        family = tuple(
            m
            for m, node in enumerate(self.program.nodes)
            if node.op == "product" and node.args[0] == source and self.program.matrix(node)[0] is matrix
        )
        weight, bias = self._weight(family, matrix)
        v = values[source]
        if matrix.diagonal:
            parts = [v * w for w in weight.chunk(len(family))]
        elif isinstance(matrix.structure, blocks):
            heads = v.reshape(*v.shape[:-1], int(matrix.structure.count), -1)
            parts = [torch.einsum("...kc,krc->...kr", heads, w).flatten(-2) for w in weight]
            parts = parts if bias is None else [p + b for p, b in zip(parts, bias.chunk(len(family)), strict=True)]
        else:
            parts = list(functional.linear(v, weight, bias).chunk(len(family), -1))
        values.update(zip(family, parts, strict=True))

    def _weight(self, family: tuple[int, ...], matrix: Matrix) -> tuple[Tensor, Tensor | None]:
        """The rows of a matrix (and of its bias) that belong to some products, cut out once a call."""
        if family not in self._prepared:
            gates = [self.program.matrix(self.program.nodes[m])[1] for m in family]
            weight, bias = self.parameters[f"weight_{matrix.name}"], self.parameters.get(f"bias_{matrix.name}")
            weight = self._structured(matrix, self._rows(weight, gates, matrix), len(gates))
            self._prepared[family] = weight, bias if bias is None else self._rows(bias, gates, matrix)
        return self._prepared[family]

    @staticmethod
    def _rows(value: Tensor, gates: list[int], matrix: Matrix) -> Tensor:
        if gates == list(range(len(matrix.gates))):
            return value
        chunks = value.chunk(len(matrix.gates))
        return torch.cat([chunks[g] for g in gates])

    def _structured(self, matrix: Matrix, weight: Tensor, gates: int) -> Tensor:
        if isinstance(matrix.structure, triangular):
            key = self._unit(matrix.structure.key, matrix.rows)
            reads = key[None, :] >= key[:, None]
            return torch.where(reads.repeat(gates, 1), weight, 0.0)
        if isinstance(matrix.structure, blocks):
            count = int(matrix.structure.count)
            return weight.reshape(gates, count, weight.shape[0] // (gates * count), weight.shape[1])
        return weight


class _Loop:
    """One walk over the steps. States are kept for the living rows only; a row that ends (or has not begun) waits beside."""

    def __init__(
        self, graph: Graph, layout: Layout, packed: dict[str, Tensor], hoisted: Values, initial: Mapping[str, Tensor],
        resets: Tensor | None, reverse: bool,
    ) -> None:  # fmt: skip
        self.graph, self.program, self.layout, self.reverse = graph, graph.program, layout, reverse
        self.initial = {k: layout.sort(v) for k, v in initial.items()}
        self.resets = None if resets is None else resets.index_select(1, layout.order) if layout.order is not None else resets
        sliced = {self.program.leaves["input", k] for k in packed}
        for n in hoisted:
            if any(a in sliced for a in self.program.nodes[n].args):
                sliced.add(n)
        self.sliced = {n: hoisted[n] for n in sliced}
        self.fixed = {n: v for n, v in hoisted.items() if n not in sliced}
        self.masks = {n for n, node in enumerate(self.program.nodes) if node.op == "mask"}
        self.rest = [n for n in range(len(self.program.nodes)) if n not in hoisted]
        self.timed = graph.timed if self.program.uses_step else []
        self.exact = {n: graph.exact(n) for n in self.timed if not self.program.nodes[n].args and self.program.nodes[n].op != "step"}

    def walk(self, state: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The outputs [T, B, O] and the final states [B, n]."""
        waiting = {k: self.layout.sort(v) for k, v in state.items()}
        living = {k: v[:0] for k, v in waiting.items()}
        outputs: dict[int, Tensor] = {}
        alive = 0
        for t, start, count in self.layout.walk(self.reverse):
            if count != alive:
                # In a forward walk the last rows end here; in a reverse one they begin here.
                living, waiting = self._resize(living, waiting, alive, count)
                alive = count
            living = self._restart(living, t, count)
            living = self._step(living, start, count)
            given = [living[k] for k in self.program.output]
            outputs[t] = torch.cat(given, -1) if len(given) > 1 else given[0]
        final = {k: self.layout.unsort(torch.cat([living[k], waiting[k][alive:]])) for k in waiting}
        if not outputs:
            width = sum(waiting[k].shape[-1] for k in self.program.output)
            return waiting[self.program.output[0]].new_zeros(self.layout.steps, self.layout.batch, width), final
        return self.layout.unpack(torch.cat([outputs[t] for t in sorted(outputs)])), final

    @staticmethod
    def _resize(
        living: dict[str, Tensor], waiting: dict[str, Tensor], alive: int, count: int
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        if count < alive:
            waiting = {k: torch.cat([v[:count], living[k][count:], v[alive:]]) for k, v in waiting.items()}
            return {k: v[:count] for k, v in living.items()}, waiting
        return {k: torch.cat([v, waiting[k][alive:count]]) for k, v in living.items()}, waiting

    def _restart(self, living: dict[str, Tensor], t: int, count: int) -> dict[str, Tensor]:
        """The boundary of a reset lies between step t - 1 and step t, in both directions."""
        at = t + 1 if self.reverse else t
        if self.resets is None or at >= self.layout.steps:
            return living
        here = self.resets[at, :count, None]
        return {k: torch.where(here if v.dim() > 1 else here[:, 0], self.initial[k][:count], v) for k, v in living.items()}

    def _step(self, living: dict[str, Tensor], start: int, count: int) -> dict[str, Tensor]:
        values = {n: v[start : start + count] for n, v in self.sliced.items()}
        values |= {n: v[:count] if n in self.masks else v for n, v in self.fixed.items()}
        for name in self.program.states:
            values[self.program.leaves["state", name]] = living[name]
        if self.program.uses_step:
            values |= self._clock(living["t"])
        values = self.graph.evaluate(self.rest, values)
        new = {k: values[n].expand_as(living[k]) for k, n in zip(self.program.states, self.program.new, strict=True)}
        return new | ({"t": living["t"] + 1} if self.program.uses_step else {})

    def _clock(self, t: Tensor) -> Values:
        """What follows from the step number, reckoned in float64: as float32 a count stops at 2 ** 24, as bfloat16 at 256."""
        step = {self.program.leaves["step", "t"]: t[:, None].double()}
        exact = self.graph.evaluate(self.timed, self.exact | step)
        return {n: v if v.dtype == torch.bool else v.to(self.graph.like.dtype) for n, v in exact.items() if n not in self.fixed}
