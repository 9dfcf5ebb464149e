"""The same cell, read differently by the loop around it: dropout, zoneout and teacher forcing are rewritings of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from recurra.cells.notation import Node
from recurra.compiler.trace import reach
from recurra.errors import ConfigurationError, check_choice

if TYPE_CHECKING:
    from recurra.compiler.program import Program


def with_dropout(program: Program, states: tuple[str, ...]) -> Program:
    """Every full product of the named states reads mask * value."""
    for state in states:
        check_choice(program.name, "state", state, program.states)
    new = _Rewriting(program)
    for n, node in enumerate(program.nodes):
        new.copy(n, node)
        read = next((s for s in states if node.op == "product" and new.reads(node, s)), None)
        if read is not None:
            source, size = new.to[node.args[0]], program.sizes[node.args[0]]
            scalar = new.nodes[source].scalar
            mask = new.add(Node("mask", (), read, scalar), size)
            dropped = new.add(Node("mul", (mask, source), None, scalar), size)
            new.reread(n, dropped)
    return new.result(new.to[n] for n in program.new)


def with_zoneout(program: Program, rates: Mapping[str, float], training: bool) -> Program:
    """A share of each state keeps its old value: where the input zoneout_<state> is not 0 in training, else on average."""
    new = _Rewriting(program)
    for n, node in enumerate(program.nodes):
        new.copy(n, node)
    renewed = [new.to[n] for n in program.new]
    for state, rate in rates.items():
        check_choice(program.name, "state", state, program.states)
        j, old = program.states.index(state), new.to[program.leaves["state", state]]
        renewed[j] = new.mixed(state, rate, training, old, renewed[j])
    return new.result(renewed, [f"zoneout_{s}" for s in rates] if training else [])


def with_forcing(program: Program, state: str) -> Program:
    """What the full products read of a state's last value is the input forced_<state> instead."""
    check_choice(program.name, "state", state, program.states)
    new = _Rewriting(program)
    for n, node in enumerate(program.nodes):
        new.copy(n, node)
        if node.op == "product" and new.reads(node, state):
            source = node.args[0]
            forced = new.add(Node("input", (), f"forced_{state}", program.nodes[source].scalar), program.sizes[source])
            new.reread(n, forced)
    if not any(n.op == "input" and n.attr == f"forced_{state}" for n in new.nodes):
        raise ConfigurationError(f"{program.name}: no full product reads {state}, so there is nothing to force")
    return new.result((new.to[n] for n in program.new), [f"forced_{state}"])


class _Rewriting:
    """Builds a program from another one, node by node; `to` maps old nodes to new ones."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.nodes: list[Node] = []
        self.sizes: list[str] = []
        self.to: dict[int, int] = {}

    def add(self, node: Node, size: str) -> int:
        """Append a node, or find the equal one."""
        if node in self.nodes:
            return self.nodes.index(node)
        self.nodes.append(node)
        self.sizes.append(size)
        return len(self.nodes) - 1

    def copy(self, n: int, node: Node) -> None:
        """Take over a node of the old program, its arguments moved."""
        self.to[n] = self.add(replace(node, args=tuple(self.to[a] for a in node.args)), self.program.sizes[n])

    def reread(self, n: int, source: int) -> None:
        """Let the product that was just copied read another vector."""
        self.to[n] = self.add(replace(self.program.nodes[n], args=(source,)), self.program.sizes[n])

    def reads(self, product: Node, state: str) -> bool:
        """Whether a product is a full one of a state (old, renewed, or computed in its name)."""
        matrix, _ = self.program.matrix(product)
        letter = matrix.name.split("_")[0] if "_" in matrix.name else matrix.name[0]
        # What is projected to the state h is named after h too, but has another size.
        same_size = self.program.sizes[product.args[0]] == self.program.sizes[self.program.leaves["state", state]]
        return letter == state and same_size and not matrix.diagonal

    def mixed(self, state: str, rate: float, training: bool, old: int, new: int) -> int:
        """The old value where the mask says so, or the average of old and new."""
        scalar, size = self.nodes[old].scalar, self.sizes[old]
        if training:
            keep = self.add(Node("input", (), f"zoneout_{state}", scalar), size)
            return self.add(Node("where", (keep, old, new), None, scalar), size)
        shares = [self.add(Node("number", (), share, True), "one") for share in (rate, 1.0 - rate)]
        kept, renewed = (self.add(Node("mul", pair, None, scalar), size) for pair in zip(shares, (old, new), strict=True))
        return self.add(Node("add", (kept, renewed), None, scalar), size)

    def result(self, new: Iterable[int], inputs: Iterable[str] = ()) -> Program:
        """The program of the nodes that are still needed, with further inputs."""
        names, renewed = (*self.program.inputs, *inputs), tuple(new)
        leaves = (n for n, node in enumerate(self.nodes) if node.op in ("input", "state"))
        kept = sorted({*leaves, *reach(self.nodes, renewed)})
        to = {n: j for j, n in enumerate(kept)}
        nodes = tuple(replace(self.nodes[n], args=tuple(to[a] for a in self.nodes[n].args)) for n in kept)
        sizes = tuple(self.sizes[n] for n in kept)
        return replace(self.program, nodes=nodes, sizes=sizes, new=tuple(to[n] for n in renewed), inputs=names)
