"""A program: a compiled cell as data. Reading one back runs no code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakValueDictionary

from recurra.cells.declaration import Diagonal, Structure, blocks, octaves
from recurra.cells.notation import Node
from recurra.compiler.trace import Units
from recurra.errors import CellError, ConfigurationError


@dataclass(frozen=True)
class Matrix:
    """A learned matrix: `gates` stacked in its rows, each as high as the size `rows`; `columns` is the size of its source."""

    name: str
    gates: tuple[str, ...]
    rows: str
    columns: str
    structure: Structure | None
    bias: bool

    @property
    def diagonal(self) -> bool:
        """Whether it is a vector that multiplies unit by unit."""
        return isinstance(self.structure, Diagonal)


@dataclass(frozen=True)
class Vector:
    """A learned vector (gain_i, shift_i, a learned constant) of the size `size`; every value starts at `start`."""

    name: str
    size: str
    start: float


# The programs alive in this process by their key: an operator of torch takes texts, not programs.
known: WeakValueDictionary[str, Program] = WeakValueDictionary()


@dataclass(frozen=True)
class Program:
    """A compiled cell: nodes in an order in which arguments come first, each with the name of its size.

    `new` are the nodes of the renewed states, in the order of `states`; a function without a state has one there, its output.
    A product's attribute is its matrix and gate, as in `hh.i`. Sizes are names until a layer gives them numbers.
    """

    name: str
    nodes: tuple[Node, ...]
    sizes: tuple[str, ...]
    inputs: tuple[str, ...]
    states: tuple[str, ...]
    new: tuple[int, ...]
    output: tuple[str, ...]
    matrices: tuple[Matrix, ...]
    vectors: tuple[Vector, ...] = ()
    units: tuple[tuple[str, Units], ...] = ()
    same_size: bool = False
    gates: tuple[str, ...] = ()
    source: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        # Known at once, because torch.compile cannot look inside a property that computes itself.
        for name in ("leaves", "uses_step", "size_names", "_hash", "_places", "key"):
            getattr(self, name)
        known[self.key] = self

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def key(self) -> str:
        """The same text for equal programs, in every process."""
        parts = (
            self.name,
            self.nodes,
            self.sizes,
            self.inputs,
            self.states,
            self.new,
            self.output,
            self.matrices,
            self.vectors,
            self.units,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    @cached_property
    def _hash(self) -> int:
        """Computed once: programs are the keys of everything that is derived from them."""
        return hash((self.name, self.nodes, self.sizes, self.inputs, self.states, self.new, self.output, self.matrices))

    # -- what a layer asks

    @cached_property
    def leaves(self) -> dict[tuple[str, str], int]:
        """Leaf nodes by kind and name: ("state", "h") and so on."""
        return {(n.op, str(n.attr)): j for j, n in enumerate(self.nodes) if not n.args and n.op != "number"}

    @cached_property
    def uses_step(self) -> bool:
        """Whether the cell reads the step number t, which then belongs to its state."""
        return ("step", "t") in self.leaves

    @cached_property
    def size_names(self) -> tuple[str, ...]:
        """The sizes that a layer must be given, input_size and hidden_size first."""
        used = {*self.sizes, *(m.rows for m in self.matrices), *(m.columns for m in self.matrices)} - {"one"}
        used.add("input_size")
        return tuple(sorted(used, key=lambda s: (s != "input_size", s != "hidden_size", s)))

    def input_size(self, name: str, sizes: Mapping[str, int]) -> int:
        """The width of an input."""
        return self._number(self.sizes[self.leaves["input", name]], sizes)

    def state_size(self, name: str, sizes: Mapping[str, int]) -> int:
        """The width of a state."""
        return self._number(self.sizes[self.leaves["state", name]], sizes)

    def output_width(self, sizes: Mapping[str, int]) -> int:
        """The width of one step of output."""
        if not self.states:
            return self._number(self.sizes[self.new[0]], sizes)
        return sum(self.state_size(name, sizes) for name in self.output)

    @property
    def output_size_name(self) -> str:
        """The name of the size of the (first) output: output_size where a cell's answer has its own width."""
        return self.sizes[self.leaves["state", self.output[0]]] if self.states else self.sizes[self.new[0]]

    def parameters(self, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """Names (without a layer's suffix) and shapes, in torch's order: stacked weights, their biases, single matrices, vectors."""
        self._check_sizes(sizes)
        stacked = [m for m in self.matrices if self._is_stacked(m)]
        shapes = {f"weight_{m.name}": self._shape(m, sizes) for m in stacked}
        shapes |= {f"bias_{m.name}": self._shape(m, sizes)[:1] for m in stacked if m.bias}
        for m in self.matrices:
            if not self._is_stacked(m):
                shapes[f"weight_{m.name}"] = self._shape(m, sizes)
                if m.bias:
                    shapes[f"bias_{m.name}"] = self._shape(m, sizes)[:1]
        return shapes | {v.name: (self._number(v.size, sizes),) for v in self.vectors}

    def starts(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """The parameters that start at a number: gains at 1, shifts at 0, learned constants where they say."""
        return {v.name: v.start for v in self.vectors}

    def stacked(self, parameter: str) -> tuple[str, ...]:
        """The gates in the rows of a weight or bias, in their order; () for a vector."""
        name = parameter.removeprefix("weight_").removeprefix("bias_")
        return next((m.gates for m in self.matrices if m.name == name), ())

    def unit_values(self, name: str, sizes: Mapping[str, int]) -> tuple[float, ...]:
        """The values of an array constant, one a unit."""
        value = dict(self.units)[name]
        width = self._number(self.sizes[self.leaves["unit", name]], sizes)
        values = value.values(width) if isinstance(value, octaves) else value
        if len(values) != width:
            raise ConfigurationError(f"{self.name}: {name} must have one value a unit, {width}, got {len(values)}")
        return values

    def matrix(self, product: Node) -> tuple[Matrix, int]:
        """The matrix of a product, and which of its gates."""
        return self._places[str(product.attr)]

    @cached_property
    def _places(self) -> dict[str, tuple[Matrix, int]]:
        return {f"{m.name}.{gate}": (m, j) for m in self.matrices for j, gate in enumerate(m.gates)}

    def _number(self, size: str, sizes: Mapping[str, int]) -> int:
        return 1 if size == "one" else sizes[size]

    def _is_stacked(self, m: Matrix) -> bool:
        return m.rows == "hidden_size"

    def _shape(self, m: Matrix, sizes: Mapping[str, int]) -> tuple[int, ...]:
        rows, columns = self._number(m.rows, sizes) * len(m.gates), self._number(m.columns, sizes)
        if m.diagonal:
            return (rows,)
        if isinstance(m.structure, blocks):
            count = int(m.structure.count)
            for size in (rows // len(m.gates), columns):
                if size % count:
                    raise ConfigurationError(f"{self.name}: weight_{m.name} has {count} blocks, which do not divide {size} units")
            return rows, columns // count
        return rows, columns

    def _check_sizes(self, sizes: Mapping[str, int]) -> None:
        for name in self.size_names:
            if name not in sizes:
                raise CellError(f"{self.name}: {name} must be given")
        if self.same_size and sizes["input_size"] != sizes["hidden_size"]:
            raise CellError(
                f"{self.name}: x itself is added to values of hidden_size, so input_size ({sizes['input_size']}) "
                f"must equal hidden_size ({sizes['hidden_size']}); or map it: x.x"
            )

    # -- the same cell, read differently by the loop around it

    def with_dropout(self, states: Iterable[str]) -> Program:
        """Every full product of the named states reads mask * value; the mask [B, n] is the same for all steps."""
        from recurra.compiler.rewriting import with_dropout

        return with_dropout(self, tuple(states))

    def with_zoneout(self, rates: Mapping[str, float], training: bool) -> Program:
        """A share of each state keeps its old value: in training where the input zoneout_<state> [T, B, n] is not 0, else on average."""
        from recurra.compiler.rewriting import with_zoneout

        return with_zoneout(self, dict(rates), training)

    def with_forcing(self, state: str) -> Program:
        """What the full products read of a state's last value is the input forced_<state> [T, B, n] instead: teacher forcing."""
        from recurra.compiler.rewriting import with_forcing

        return with_forcing(self, state)

    # -- data

    def to_json(self) -> str:
        """The program as one line of JSON."""
        from recurra.compiler.storage import write_program

        return write_program(self)

    @staticmethod
    def from_json(text: str) -> Program:
        """Read a program back; raises CellError for anything that is not one."""
        from recurra.compiler.storage import read_program

        return read_program(text)
