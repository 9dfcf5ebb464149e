"""A plan: one step of a program, forward or backward, as a kernel generator wants it. Data only.

A step is a row of stages. A stage begins with products over all living rows; then each row goes through passes, which end where a
sum over the row must be known. A pass loops over the units of each size once. What one pass computes and a later one needs waits
in a buffer; nothing is computed twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from recurra.cells.notation import Node

Key = tuple[int, int]


@dataclass(frozen=True)
class Buffer:
    """Memory that a kernel reads or writes; `place` says which row belongs to a step of a sequence.

    unit: one row for all; row: one a sequence; time: one a step and sequence; course: one a step, the old value standing one step
    earlier (before the first step in a buffer of its own); pair: two a sequence, taken in turn.
    """

    name: str
    place: str
    size: str
    parts: int = 1


@dataclass(frozen=True)
class Access:
    """A part of a buffer; `new` marks the value that a step leaves, where old and new differ."""

    buffer: int
    part: int = 0
    new: bool = False


@dataclass(frozen=True)
class Term:
    """One vector times the matrices of some gates, laid side by side; transposed in the backward."""

    source: Access
    products: tuple[str, ...]
    transposed: bool
    size: str


@dataclass(frozen=True)
class Products:
    """target = bias + the sum of the terms, for all living rows at once.

    `due` is a condition on the step number: units where it does not hold need no product at that step.
    """

    target: int
    terms: tuple[Term, ...]
    due: int | None = None


@dataclass(frozen=True)
class Store:
    """Where a value goes; `add` adds it to what stands there."""

    node: int
    to: Access
    add: bool = False


@dataclass(frozen=True)
class Loop:
    """The units of one size: what is stored, and which sums over the row are taken (reduction node, its argument)."""

    size: str
    stores: tuple[Store, ...]
    sums: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Pass:
    """The numbers of a row that are known now and must be stored, then its loops."""

    stores: tuple[Store, ...]
    loops: tuple[Loop, ...]


@dataclass(frozen=True)
class Stage:
    """Products over all living rows, then passes over each."""

    products: tuple[Products, ...]
    passes: tuple[Pass, ...]


@dataclass(frozen=True)
class Plan:
    """One step: `leaves` says where a node's value is read; a `crossing` value is computed at its home and read later.

    `same` names the buffers of gradients that would hold what another one holds; `over` says of a buffer that it may be written over
    a part of another one, which nobody reads any more.
    """

    name: str
    nodes: tuple[Node, ...]
    sizes: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    leaves: dict[int, Access]
    crossing: dict[int, Access]
    homes: dict[int, Key]
    stages: tuple[Stage, ...]
    backward: bool
    size_names: tuple[str, ...]
    same: dict[str, str] = field(default_factory=dict)
    over: dict[str, Access] = field(default_factory=dict)

    @cached_property
    def conditional(self) -> bool:
        """Whether a product is due at some steps only."""
        return any(products.due is not None for stage in self.stages for products in stage.products)
