"""Which vectors of a traced cell have the same size, and what its matrices are called.

Vectors that meet (are added, multiplied, compared) have one size. Sizes of states are declared, those of gates follow.
A matrix is called weight_<source><target>; the gates of hidden_size that read one source are stacked in one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from recurra.cells.declaration import Cell, Diagonal, Structure
from recurra.cells.notation import POINTWISE, REDUCTIONS, ROW_FUNCTIONS
from recurra.compiler.trace import Traced
from recurra.errors import CellError, suggest

Space = int | tuple[str, str]


@dataclass(frozen=True)
class Names:
    """The sizes and names of a traced cell; `sites` maps a product to its matrix and gate, `families` a matrix to its gates."""

    sizes: tuple[str, ...]
    sites: Mapping[int, tuple[str, str]]
    families: Mapping[str, tuple[str, ...]]
    same_size: bool


class Naming:
    """One pass over a traced cell; `names()` is its result. Raises CellError."""

    def __init__(self, cell: Cell, traced: Traced, structure: Mapping[str, Structure]) -> None:
        self.cell, self.nodes, self.structure = cell, traced.nodes, structure
        self.new = dict(zip(cell.states, traced.new, strict=True)) if cell.states else {}
        self.old = {str(n.attr): j for j, n in enumerate(self.nodes) if n.op == "state"}
        self.inputs = {str(n.attr): j for j, n in enumerate(self.nodes) if n.op == "input"}
        self._up: dict[Space, Space] = {}
        self._named: dict[Space, tuple[str, str]] = {}
        self.same_size = False

    def names(self) -> Names:
        """Check the gates, join the spaces, name the matrices."""
        self._check_gates()
        self._join_spaces()
        self._name_spaces()
        sites, families = self._matrices()
        return Names(tuple(self.size(n) for n in range(len(self.nodes))), sites, families, self.same_size)

    def _error(self, text: str) -> CellError:
        return CellError(f"{self.cell.name}: {text}")

    # -- gates

    @cached_property
    def _into(self) -> list[frozenset[str]]:
        """For each node the gates that it is a sum into: what is added goes into one gate."""
        into: list[frozenset[str]] = []
        for node in self.nodes:
            sets = [into[a] for a in node.args]
            if node.op == "product":
                into.append(frozenset({str(node.attr)}))
            elif node.op == "norm":
                into.append(sets[int(node.attr or 0)])
            elif node.op in ("add", "sub"):
                into.append(frozenset().union(*sets))
            elif node.op in ("mul", "div", "neg") and sum(map(bool, sets)) == 1:
                into.append(max(sets, key=len))
            else:
                into.append(frozenset())
        return into

    def _check_gates(self) -> None:
        known, used = self.cell.gates, {n.attr for n in self.nodes if n.op == "product"}
        for node in self.nodes:
            if node.op == "product" and known and node.attr not in known:
                raise self._error(f"unknown gate {node.attr!r}{suggest(str(node.attr), known)}")
        for gates in self._into:
            if len(gates) > 1:
                a, b = sorted(gates)[:2]
                raise self._error(f"a sum into two gates, {a} and {b}: what is added goes into one gate, x.{a} + h.{a}")
        for option, names in (("scalars", self.cell.scalars), *((size, [who]) for who, size in self.cell.sizes.items())):
            for who in sorted(names):
                if who not in used and who not in self.old and who not in self.inputs:
                    raise self._error(f"{option} names {who!r}, which is neither an input nor a state nor a gate")
        for gate in known:
            if gate not in used:
                raise self._error(f"gate {gate!r} is declared but no vector is mapped into it")

    # -- spaces

    def _space(self, n: int) -> Space:
        node = self.nodes[n]
        return self._find(("gate", str(node.attr)) if node.op == "product" else n)

    def _find(self, space: Space) -> Space:
        while self._up.setdefault(space, space) != space:
            space = self._up[space]
        return space

    def _join(self, a: int, b: int) -> None:
        self._up[self._space(a)] = self._space(b)

    def _join_spaces(self) -> None:
        for n, node in enumerate(self.nodes):
            if node.op == "product" and isinstance(self.kind(n), Diagonal):
                self._join(n, node.args[0])
            if node.op in ROW_FUNCTIONS:
                self._join(n, node.args[int(node.attr or 0)])
            if node.op in POINTWISE and not node.scalar:
                for a in node.args:
                    if not self.nodes[a].scalar:
                        self._join(n, a)
        for state, new in self.new.items():
            if self.nodes[new].scalar:
                continue
            if self.nodes[self.old[state]].scalar:
                raise self._error(f"{state} is one number a row and is renewed by a vector: take total(...) or mean(...) of it")
            self._join(self.old[state], new)

    def _name_spaces(self) -> None:
        """Give each space the size that its state, gate or input declares; two declarations that meet must agree."""
        declared = [(k, self.cell.sizes.get(k, "hidden_size")) for k in self.cell.states if not self.nodes[self.old[k]].scalar]
        declared += [(k, size) for k, size in self.cell.sizes.items() if k not in self.old]
        declared += [(k, f"{'input' if j == 0 else k}_size") for j, (k, n) in enumerate(self.inputs.items()) if not self.nodes[n].scalar]
        for who, size in declared:
            n = self.inputs.get(who, self.old.get(who))
            root = self._find(("gate", who)) if n is None else self._space(n)
            have, _ = self._named.setdefault(root, (size, "h" if size == "hidden_size" else who))
            if {have, size} == {"hidden_size", "input_size"}:
                self.same_size = True
                self._named[root] = "hidden_size", "h"
            elif have != size:
                raise self._error(f"{who} has {size} and meets a value of {have}, sample by sample: map one of them first, {who}.gate")

    def size(self, n: int) -> str:
        """The name of a node's size: hidden_size unless something declared says otherwise."""
        if self.nodes[n].scalar or self.nodes[n].op in REDUCTIONS:
            return "one"
        return self._named.get(self._space(n), ("hidden_size", "h"))[0]

    # -- matrices

    def source(self, n: int) -> str:
        """The letter of a product's source: the input, a state (old before renewed), else the space it lives in."""
        for j, (name, leaf) in enumerate(self.inputs.items()):
            if n == leaf:
                return "i" if j == 0 else name
        for name, at in [*self.old.items(), *self.new.items()]:
            if n == at:
                return str(name)
        if self.nodes[n].scalar:
            return min(self._into[n], default="h")
        if self.size(n) == "input_size":
            return "i"
        return self._named.get(self._space(n), ("hidden_size", "h"))[1]

    def kind(self, product: int) -> Structure | None:
        """The structure that the declaration gives to a product's matrix, if any."""
        source, gate = self.source(self.nodes[product].args[0]), self.nodes[product].attr
        for key, structure in self.structure.items():
            letter, target = key.split("_", 1) if "_" in key else (key[:-1], key[-1:])
            if letter == source and (target == gate or (target == "h" and self.size(product) == "hidden_size")):
                return structure
        return None

    def _matrices(self) -> tuple[dict[int, tuple[str, str]], dict[str, tuple[str, ...]]]:
        sites: dict[int, tuple[str, str]] = {}
        columns: dict[str, str] = {}
        families: dict[str, list[str]] = {}
        pairs: set[tuple[str, str]] = set()
        for n, node in enumerate(self.nodes):
            if node.op != "product":
                continue
            source, gate = self.source(node.args[0]), str(node.attr)
            if (source, gate) in pairs:
                raise self._error(
                    f"{source}.{gate} stands for two different vectors (before and after {source} is renewed, or two computed ones): "
                    "give them two gates"
                )
            pairs.add((source, gate))
            target = "h" if self.size(n) == "hidden_size" else gate
            name = source + target if len(source + target) == 2 else f"{source}_{target}"
            if columns.setdefault(name, self.size(node.args[0])) != self.size(node.args[0]):
                raise self._error(f"two matrices would be called weight_{name}: rename gate {gate!r}")
            families.setdefault(name, []).append(gate)
            sites[n] = name, gate
        for key in self.structure:
            if key not in families:
                raise self._error(f"there is no weight_{key}{suggest(key, families)}")
        order = self.cell.gates.index if self.cell.gates else None
        return sites, {name: tuple(sorted(gates, key=order) if order else gates) for name, gates in families.items()}
