"""What the forward keeps for the backward: the fewest numbers from which the rest follows by pointwise equations.

A minimum cut between what cannot be computed again for nothing (products, row functions, states) and what the backward reads.
The states that are given out are free: the user holds them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations

from recurra.cells.notation import REDUCTIONS, ROW_FUNCTIONS, Node
from recurra.compiler.derivative import Gradient, differentiate, frontier
from recurra.compiler.program import Program

# Costs a unit and step: a vector, one number a row, and what may never be kept.
VECTOR, NUMBER, NEVER = 1000, 10, 10**9
# What the caller holds at every step anyway, or what is the same at every step.
FREE = frozenset({"number", "unit", "learned", "gain", "shift", "mask", "step", "input", "weight", "width"})


@dataclass(frozen=True)
class Saved:
    """`states` whose course is kept (old and new values), and further `nodes` kept at every step."""

    states: tuple[str, ...]
    nodes: tuple[int, ...]


@cache
def save(program: Program) -> Saved:
    """The cheapest choice of states and nodes; ties go to fewer states."""
    gradient = differentiate(program)
    best: tuple[int, Saved] | None = None
    for kept in chain.from_iterable(combinations(program.states, k) for k in range(len(program.states) + 1)):
        price, nodes = _cut(program, gradient, kept)
        price += sum(_price_of_state(program, name) for name in kept)
        if best is None or price < best[0]:
            best = price, Saved(kept, nodes)
    assert best is not None
    return best[1]


def _price_of_state(program: Program, name: str) -> int:
    if name in program.output:
        return 1
    return NUMBER if program.nodes[program.leaves["state", name]].scalar else VECTOR


def known(gradient: Gradient) -> frozenset[int]:
    """The nodes that no gradient is needed for: the forward's, and what the rules derive from them alone (a row's deviation)."""
    tied: set[int] = set()
    for n, node in enumerate(gradient.nodes):
        if node.op in ("cotangent", "back") or any(a in tied for a in node.args):
            tied.add(n)
    return frozenset(range(len(gradient.nodes))) - tied


def needed(program: Program, gradient: Gradient) -> list[int]:
    """The values that the backward reads, and the sources of the products that the loop's weights are learned from."""
    given = known(gradient)
    reads: set[int] = set()
    seen: set[int] = set()
    todo = list(gradient.targets)
    while todo:
        n = todo.pop()
        if n not in seen:
            seen.add(n)
            if n in given:
                reads.add(n)
            else:
                todo += gradient.nodes[n].args
    reads |= {program.nodes[n].args[0] for n in gradient.products}
    reads |= {program.nodes[n].args[0] for n in gradient.leaves if program.nodes[n].op == "product" and n not in frontier(program)}
    return sorted(n for n in reads if gradient.nodes[n].op not in FREE)


def _cut(program: Program, gradient: Gradient, kept: tuple[str, ...]) -> tuple[int, tuple[int, ...]]:
    free = {program.leaves["state", k] for k in kept} | {program.new[program.states.index(k)] for k in kept}
    given = sorted(known(gradient))
    source, sink = 2 * len(gradient.nodes), 2 * len(gradient.nodes) + 1
    flow = _Flow(2 * len(gradient.nodes) + 2)
    for n in given:
        node = gradient.nodes[n]
        flow.connect(2 * n, 2 * n + 1, _price(node, n, free))
        if not node.args or node.op == "product" or node.op in REDUCTIONS or node.op in ROW_FUNCTIONS:
            flow.connect(source, 2 * n, NEVER * 10)
        else:
            for a in node.args:
                flow.connect(2 * a + 1, 2 * n, NEVER * 10)
    for n in needed(program, gradient):
        flow.connect(2 * n + 1, sink, NEVER * 10)
    price = flow.run(source, sink)
    # Of several smallest cuts the one nearest to the backward: it keeps a sigmoid's value, not what the sigmoid is taken of.
    below = flow.reaching(sink)
    cut = (n for n in given if 2 * n not in below and 2 * n + 1 in below and _price(gradient.nodes[n], n, free) > 0)
    return price, tuple(cut)


def _price(node: Node, n: int, free: set[int]) -> int:
    if n in free or node.op in FREE:
        return 0
    if node.op == "state":
        return NEVER
    return NUMBER if node.scalar else VECTOR


class _Flow:
    """Maximum flow by shortest augmenting paths (Edmonds & Karp 1972); the graphs have some hundred nodes."""

    def __init__(self, nodes: int) -> None:
        self.room: list[dict[int, int]] = [{} for _ in range(nodes)]

    def connect(self, a: int, b: int, room: int) -> None:
        self.room[a][b] = self.room[a].get(b, 0) + room
        self.room[b].setdefault(a, 0)

    def _paths(self, source: int) -> dict[int, int]:
        before, queue = {source: source}, deque([source])
        while queue:
            a = queue.popleft()
            for b, room in self.room[a].items():
                if room > 0 and b not in before:
                    before[b] = a
                    queue.append(b)
        return before

    def run(self, source: int, sink: int) -> int:
        """The largest flow, which is the price of the smallest cut."""
        flow = 0
        while sink in (before := self._paths(source)):
            path, at = [], sink
            while at != source:
                path.append((before[at], at))
                at = before[at]
            room = min(self.room[a][b] for a, b in path)
            for a, b in path:
                self.room[a][b] -= room
                self.room[b][a] += room
            flow += room
        return flow

    def reaching(self, sink: int) -> set[int]:
        """The sink's side of the smallest cut that is nearest to it."""
        seen, queue = {sink}, deque([sink])
        while queue:
            b = queue.popleft()
            for a in self.room[b]:
                if a not in seen and self.room[a].get(b, 0) > 0:
                    seen.add(a)
                    queue.append(a)
        return seen
