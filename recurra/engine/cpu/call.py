"""One call of one plan: its table filled, its sequences walked by the threads; and what a call is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from recurra.cells.notation import Node
from recurra.compiler import Program
from recurra.compiler.plan import Plan, Products, Term
from recurra.engine.cpu import kernels
from recurra.engine.cpu.memory import Memory, pack, padded, widen
from recurra.engine.cpu.sequences import Sequences
from recurra.engine.cpu.table import HEAD, Table
from recurra.engine.cpu.threads import share

# Rows of the input product that one thread takes at a time.
ROWS = 256


@dataclass(frozen=True)
class Job:
    """What a call is about, beside its tensors: which tensor is which stands in `names`, as (kind, name)."""

    program: Program
    run: Sequences
    names: tuple[tuple[str, str], ...]
    sizes: dict[str, int]
    first_step: Tensor | None
    threads: int

    def take(self, tensors: Sequence[Tensor | None], kind: str) -> dict[str, Tensor]:
        """The tensors of one kind by name."""
        return {name: t for (k, name), t in zip(self.names, tensors, strict=True) if k == kind and t is not None}


def sizes_of(
    program: Program, inputs: Mapping[str, Tensor], state: Mapping[str, Tensor], parameters: Mapping[str, Tensor]
) -> dict[str, int]:
    """The numbers of a program's sizes, read off the tensors."""
    sizes: dict[str, int] = {}
    for kind, values in (("input", inputs), ("state", state)):
        for name, value in values.items():
            if (kind, name) in program.leaves:
                sizes[program.sizes[program.leaves[kind, name]]] = value.shape[-1]
    for matrix in program.matrices:
        weight = parameters[f"weight_{matrix.name}"]
        sizes[matrix.rows] = weight.shape[0] // len(matrix.gates)
        if not matrix.diagonal:
            sizes[matrix.columns] = weight.shape[1]
    for vector in program.vectors:
        sizes.setdefault(vector.size, parameters[vector.name].shape[0])
    sizes.pop("one", None)
    return sizes


class Call:
    """One call of one plan."""

    def __init__(self, plan: Plan, program: Program, parameters: Mapping[str, Tensor], run: Sequences, memory: Memory) -> None:
        self.plan, self.program, self.parameters, self.run, self.memory = plan, program, parameters, run, memory
        self.table = Table(plan)
        self.kept: list[Tensor] = []

    def start(self, first_step: Tensor | None) -> None:
        """Complete the buffers, fill the table, walk."""
        entries = [0] * len(self.table)
        for name, number in self._head(first_step).items():
            entries[HEAD.index(name)] = number
        for j, buffer in enumerate(self.plan.buffers):
            value = self.memory.buffers.get(buffer.name)
            if value is None:
                value = self.memory.buffers[buffer.name] = self._fresh(buffer.name, buffer.place, buffer.size, buffer.parts)
            entries[self.table.buffer(j)] = value.data_ptr()
            entries[self.table.buffer(j, 1)] = value.stride(-2)
            if buffer.place == "course":
                entries[self.table.buffer(j, 2)] = self.memory.before[buffer.name].data_ptr()
            elif buffer.place == "pair":
                entries[self.table.buffer(j, 2)] = value.stride(0)
        for size in self.plan.size_names:
            entries[self.table.size(size, False)] = self.memory.sizes[size]
            entries[self.table.size(size, True)] = padded(self.memory.sizes[size])
        for number, (stage, k) in enumerate(self.table.all_products):
            self._products(entries, number, self.plan.stages[stage].products[k])
        self._walk(torch.tensor(entries))

    def _walk(self, table: Tensor) -> None:
        walk, address = kernels.walk(self.plan), table.data_ptr()
        scratch = torch.empty(max(1, self.run.count), dtype=torch.int64)
        kernels.launches["backward" if self.plan.backward else "forward"] += 1
        share(lambda first, last: walk(address, first, last, scratch.data_ptr() + 8 * first), list(self.run.shares))

    def _head(self, first_step: Tensor | None) -> dict[str, int]:
        run = self.run
        arrays = {"first_row": run.first_row, "length": run.length}
        arrays["first_step"] = torch.zeros_like(run.row) if first_step is None else first_step
        arrays = {name: value.contiguous() for name, value in arrays.items()}
        self.kept += arrays.values()
        steps = int(run.length.max()) if run.count else 0
        addresses = {name: value.data_ptr() for name, value in arrays.items()}
        return {**addresses, "stride": run.stride, "steps": steps, "products": kernels.products_address()}

    def _fresh(self, name: str, place: str, size: str, parts: int) -> Tensor:
        run, width = self.run, parts * self.memory.width(size)
        if name.startswith("product:"):
            width = -(-width // kernels.tile().panel) * kernels.tile().panel
        if name.startswith("sum:"):
            return torch.zeros(run.count, width)
        if place == "pair":
            return torch.empty(2, run.count, width)
        rows = run.count if place == "row" else run.steps * run.batch
        # What lies in the padding is read by the sums over all steps, so it must be zero.
        return torch.empty(rows, width) if place == "row" or run.whole else torch.zeros(rows, width)

    def _products(self, entries: list[int], number: int, products: Products) -> None:
        bias = self._bias(products)
        width = self.memory.width(self.plan.buffers[products.target].size) * self.plan.buffers[products.target].parts
        panels = -(-width // kernels.tile().panel)
        bias = widen(bias, panels * kernels.tile().panel)
        self.kept.append(bias)
        entries[self.table.bias(number)], entries[self.table.bias(number) + 1] = bias.data_ptr(), panels
        for k, term in enumerate(products.terms):
            packed = self._packed(term, self.plan.buffers[products.target].size)
            self.kept.append(packed)
            entries[self.table.weights(number, k)] = packed.data_ptr()

    def _gate(self, kind: str, label: str) -> Tensor | None:
        """The rows of a weight or bias that belong to a gate."""
        matrix, gate = self.program.matrix(Node("product", (), label))
        value = self.parameters.get(f"{kind}_{matrix.name}")
        if value is None:
            return None
        rows = value.shape[0] // len(matrix.gates)
        return value.detach()[gate * rows : (gate + 1) * rows]

    def _bias(self, products: Products) -> Tensor:
        """The sum of the terms' biases, gate by gate."""
        buffer = self.plan.buffers[products.target]
        total = torch.zeros(buffer.parts, self.memory.width(buffer.size))
        for term in products.terms:
            for part, label in enumerate(term.products):
                bias = None if term.transposed else self._gate("bias", label)
                if bias is not None:
                    total[part, : bias.shape[0]] += bias
        return total.view(-1)

    def _packed(self, term: Term, size: str) -> Tensor:
        """The term's weights in panels [panel, k, column]."""
        weights = [self._gate("weight", label) for label in term.products]
        # [columns, k], whichever way the matrix is read.
        blocks = [w.t() if term.transposed else w for w in weights if w is not None]
        return pack(blocks, self.memory.width(size))


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, gates: int, width: int, threads: int) -> Tensor:
    """x [N, k] times the gates of a weight [G * n, k], in the engine's fixed order: [N, G * width]."""
    blocks = list(weight.detach().chunk(gates))
    packed, panel = pack(blocks, width), kernels.tile().panel
    panels = packed.shape[0]
    start = torch.zeros(panels * panel)
    if bias is not None:
        for j, part in enumerate(bias.detach().chunk(gates)):
            start[j * width : j * width + part.shape[0]] = part
    result = torch.empty(x.shape[0], panels * panel)
    addresses = torch.arange(x.shape[0]) * (4 * x.stride(0)) + x.data_ptr()
    function = kernels.products()

    def work(first: int, last: int) -> None:
        for row in range(first, last, ROWS):
            function(
                addresses.data_ptr() + 8 * row, min(ROWS, last - row), x.shape[1], packed.data_ptr(), panels,
                result.data_ptr() + 4 * row * result.stride(0), result.stride(0), start.data_ptr(),
            )  # fmt: skip

    kernels.launches["products"] += 1
    share(work, row_bounds(x.shape[0], threads))
    return result


def row_bounds(rows: int, threads: int) -> list[tuple[int, int]]:
    threads = max(1, min(threads, rows // 16))
    edges = [rows * k // threads for k in range(threads + 1)]
    return list(pairwise(edges))
