"""One call of one plan: its table filled, its sequences walked by the threads; and what a call is about."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from recurra.cells.declaration import triangular
from recurra.cells.notation import Node
from recurra.compiler import Program
from recurra.compiler.plan import Buffer, Plan, Products, Term
from recurra.engine.cpu import kernels
from recurra.engine.cpu.memory import Memory, pack, padded, start_of
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

    def take(self, tensors: Sequence[Tensor | None]) -> Given:
        """The tensors by kind and name, apart from autograd."""
        given = Given()
        for (kind, name), t in zip(self.names, tensors, strict=True):
            if t is not None:
                getattr(given, kind)[name] = t.detach()
        return given


@dataclass(frozen=True)
class Given:
    """A call's tensors by kind and name."""

    input: dict[str, Tensor] = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict)
    initial: dict[str, Tensor] = field(default_factory=dict)
    parameter: dict[str, Tensor] = field(default_factory=dict)
    mask: dict[str, Tensor] = field(default_factory=dict)


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
        self.table = Table.of(plan)
        # Tensors whose addresses stand in the table.
        self.kept: list[Tensor] = []
        # The largest number of panels that a conditional product has, and the multiply-adds of the others.
        self.panels, self.done = 0, 0

    def start(self, first_step: Tensor | None) -> None:
        """Complete the buffers, fill the table, walk."""
        table, run = self.table, self.run
        entries = [0] * table.length
        first_row, length, counts = run.first_row, run.length, run.zeros if first_step is None else first_step.contiguous()
        addresses = first_row.data_ptr(), length.data_ptr(), counts.data_ptr()
        together = first_step is None or bool((first_step == first_step[0]).all())
        narrow = kernels.products(narrow=True).address if self.plan.conditional else 0
        entries[: len(HEAD)] = [*addresses, run.stride, run.longest, kernels.products().address, narrow, int(together)]
        for j, buffer in enumerate(self.plan.buffers):
            value = self.memory.buffers.get(buffer.name)
            if value is None:
                value = self.memory.buffers[buffer.name] = self._over(buffer) if self._may_lie_over(buffer) else self._fresh(buffer)
            at = table.buffer(j)
            entries[at], entries[at + 1] = value.data_ptr(), value.stride(-2)
            if buffer.place == "course":
                entries[at + 2] = self.memory.before[buffer.name].data_ptr()
            elif buffer.place == "pair":
                entries[at + 2] = value.stride(0)
        for size in self.plan.size_names:
            entries[table.size(size, False)] = self.memory.sizes[size]
            entries[table.size(size, True)] = padded(self.memory.sizes[size])
        for number, (stage, k) in enumerate(table.all_products):
            self._products(entries, number, self.plan.stages[stage].products[k])
        self._walk(array("q", entries))

    def _walk(self, entries: array[int]) -> None:
        walk, address = kernels.walk(self.plan), entries.buffer_info()[0]
        # One i64 a sequence; behind those of each share its count and its ranges.
        room = 1 + 2 * self.panels
        scratch = torch.zeros(self.run.count + len(self.run.shares) * room, dtype=torch.int64)
        places = {first: first + k * room for k, (first, _) in enumerate(self.run.shares)}
        at = scratch.data_ptr()
        kernels.launches["backward" if self.plan.backward else "forward"] += 1
        share(walk, [[(address, first, last, at + 8 * places[first])] for first, last in self.run.shares])
        if self.plan.conditional:
            self.done += 16 * sum(int(scratch[places[first] + last - first]) for first, last in self.run.shares)
        kernels.launches["multiply_adds"] += self.done

    def _may_lie_over(self, buffer: Buffer) -> bool:
        # With padding a buffer must be zero there, which what lies below is not.
        return self.run.whole and buffer.name in self.plan.over

    def _over(self, buffer: Buffer) -> Tensor:
        """A part of a buffer that is not read any more."""
        access, width = self.plan.over[buffer.name], self.memory.width(buffer.size)
        return self.memory.buffers[self.plan.buffers[access.buffer].name][:, access.part * width : (access.part + 1) * width]

    def _fresh(self, buffer: Buffer) -> Tensor:
        run, width = self.run, buffer.parts * self.memory.width(buffer.size)
        if buffer.name.startswith("product:"):
            width = -(-width // kernels.tile().panel) * kernels.tile().panel
        if buffer.name.startswith("sum:"):
            return torch.zeros(run.count, width)
        if buffer.place == "pair":
            return torch.empty(2, run.count, width)
        if buffer.place == "row":
            # What a conditional product leaves alone is read, and not used: it must be a number.
            return (torch.zeros if self.plan.conditional else torch.empty)(run.count, width)
        # What lies in the padding is read by the sums over all steps, so it must be zero.
        return (torch.empty if run.whole else torch.zeros)(run.steps * run.batch, width)

    def _products(self, entries: list[int], number: int, products: Products) -> None:
        buffer = self.plan.buffers[products.target]
        width = self.memory.width(buffer.size)
        narrow = products.due is not None
        start = start_of(self._bias(products), buffer.parts, width, narrow)
        self.kept.append(start)
        at = self.table.bias(number)
        entries[at] = start.data_ptr()
        for k, term in enumerate(products.terms):
            weight = self._rows("weight", term)
            packed = pack(weight, buffer.parts, width, term.transposed, narrow)
            self.kept.append(packed)
            entries[at + 1] = packed.shape[0]
            entries[self.table.weights(number, k)] = packed.data_ptr()
            if narrow:
                ranges = self._ranges(term, packed)
                self.kept.append(ranges)
                self.panels = max(self.panels, packed.shape[0])
                entries[self.table.weights(number, k) + 1] = ranges.data_ptr()
            else:
                self.done += weight.numel() * self.run.total

    def _ranges(self, term: Term, packed: Tensor) -> Tensor:
        """The part of k that each panel reads, int64 [panels, 2]: all of it, but for a triangular matrix."""
        panels, depth, panel = packed.shape
        matrix, _ = self.program.matrix(Node("product", (), term.products[0]))
        if isinstance(matrix.structure, triangular) and not term.transposed:
            return triangular_ranges(self.program.unit_values(matrix.structure.key, self.memory.sizes), panel)
        return torch.tensor([[0, depth]]).repeat(panels, 1)

    def _rows(self, kind: str, term: Term) -> Tensor:
        """The rows of a weight or bias that belong to a term's gates; all of them as they stand."""
        places = [self.program.matrix(Node("product", (), label)) for label in term.products]
        value = self.parameters[f"{kind}_{places[0][0].name}"].detach()
        gates = [gate for _, gate in places]
        if gates == list(range(len(places[0][0].gates))):
            return value
        rows = value.shape[0] // len(places[0][0].gates)
        parts = [value[g * rows : (g + 1) * rows] for g in gates]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _bias(self, products: Products) -> Tensor | None:
        """The sum of the terms' biases; None where there is none."""
        total: Tensor | None = None
        for term in products.terms:
            matrix, _ = self.program.matrix(Node("product", (), term.products[0]))
            if matrix.bias and not term.transposed:
                bias = self._rows("bias", term)
                total = bias if total is None else total + bias
        return total


@lru_cache(64)
def triangular_ranges(key: tuple[float, ...], panel: int) -> Tensor:
    """From the first to behind the last unit whose key is at least the lowest key of a panel's columns, int64 [panels, 2]."""
    ranges = []
    for start in range(0, len(key), panel):
        lowest = min(key[start : start + panel])
        reads = [k for k, value in enumerate(key) if value >= lowest]
        ranges.append([reads[0], reads[-1] + 1])
    return torch.tensor(ranges)


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, gates: int, width: int, threads: int) -> Tensor:
    """x [N, k] times the gates of a weight [G * n, k], in the engine's fixed order: [N, G * width]."""
    packed, start = pack(weight, gates, width), start_of(bias, gates, width)
    result = torch.empty(x.shape[0], start.shape[0])
    addresses = torch.arange(x.data_ptr(), x.data_ptr() + 4 * x.shape[0] * x.stride(0), 4 * x.stride(0))
    source, target, stride = addresses.data_ptr(), result.data_ptr(), result.stride(0)
    middle, end = (x.shape[1], packed.data_ptr(), packed.shape[0]), (stride, start.data_ptr(), 0)

    def call(row: int, last: int) -> tuple[int, ...]:
        return (source + 8 * row, min(ROWS, last - row), *middle, target + 4 * row * stride, *end)

    kernels.launches["products"] += 1
    kernels.launches["multiply_adds"] += x.shape[0] * weight.numel()
    bounds = row_bounds(x.shape[0], threads)
    share(kernels.products(), [[call(row, last) for row in range(first, last, ROWS)] for first, last in bounds])
    return result


def row_bounds(rows: int, threads: int) -> list[tuple[int, int]]:
    """Rows of a product in equal shares, none of them small."""
    threads = max(1, min(threads, rows // 16))
    edges = [rows * k // threads for k in range(threads + 1)]
    return list(pairwise(edges))
