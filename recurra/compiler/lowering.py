"""Lowering: what is left of a graph is leaves, products, sums over a row, and pointwise equations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recurra.cells.notation import POINTWISE, Node
from recurra.compiler.plan import Access, Buffer, Key
from recurra.compiler.program import Program
from recurra.compiler.trace import reach

# The number that keeps the normalisation of a constant row finite; torch's layer_norm has the same.
NORM_EPSILON = 1e-5


@dataclass
class Graph:
    """Lowered nodes: row functions are written out, sums of products are one, everything else is pointwise or a leaf."""

    program: Program
    nodes: list[Node] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    known: dict[tuple[Node, str], int] = field(default_factory=dict)
    # Products by their node in here: (matrix and gate, transposed).
    gates: dict[int, tuple[str, bool]] = field(default_factory=dict)

    def add(self, op: str, args: tuple[int, ...] = (), attr: str | float | int | None = None, size: str | None = None) -> int:
        if size is None:
            size = next((self.sizes[a] for a in args if self.sizes[a] != "one"), "one")
        node = Node(op, args, attr, size == "one")
        if (node, size) not in self.known:
            self.known[node, size] = len(self.nodes)
            self.nodes.append(node)
            self.sizes.append(size)
        return self.known[node, size]

    def number(self, value: float) -> int:
        return self.add("number", (), value, "one")

    def total(self, values: Sequence[int]) -> int:
        parts = [self.add("total", (v,), None, "one") if self.sizes[v] != "one" else v for v in values]
        return self._fold("add", parts)

    def largest(self, values: Sequence[int]) -> int:
        parts = [self.add("largest", (v,), None, "one") if self.sizes[v] != "one" else v for v in values]
        return self._fold("maximum", parts)

    def _fold(self, op: str, parts: Sequence[int]) -> int:
        result = parts[0]
        for part in parts[1:]:
            result = self.add(op, (result, part))
        return result

    def width(self, values: Sequence[int]) -> int:
        return self._fold("add", [self.add("width", (), self.sizes[v], "one") for v in values])

    def mean(self, values: Sequence[int]) -> int:
        return self.add("div", (self.total(values), self.width(values)))

    def rstd(self, values: Sequence[int]) -> int:
        mean = self.mean(values)
        apart = [self.add("sub", (v, mean)) for v in values]
        variance = self.add("div", (self.total([self.add("mul", (a, a)) for a in apart]), self.width(values)))
        root = self.add("sqrt", (self.add("add", (variance, self.number(NORM_EPSILON))),))
        return self.add("div", (self.number(1.0), root))

    def softmax(self, v: int) -> int:
        powers = self.add("exp", (self.add("sub", (v, self.largest([v]))),))
        return self.add("div", (powers, self.total([powers])))

    def norm(self, values: Sequence[int], j: int) -> int:
        return self.add("mul", (self.add("sub", (values[j], self.mean(values))), self.rstd(values)))


def condition_of(nodes: Sequence[Node], users: Mapping[int, Sequence[int]], n: int, constant: Callable[[int], bool]) -> int | None:
    """The condition on the step number under which alone a value is used: where(condition, f(value), ...). None if there is none."""
    while len(users.get(n, ())) == 1:
        user = users[n][0]
        node = nodes[user]
        if node.op == "where" and node.args[1] == n != node.args[0]:
            leaves = [m for m in reach(nodes, [node.args[0]]) if not nodes[m].args]
            timed = any(nodes[m].op == "step" for m in leaves)
            return node.args[0] if timed and all(nodes[m].op in ("step", "number") or constant(m) for m in leaves) else None
        if node.op not in POINTWISE or node.op == "where":
            return None
        n = user
    return None


def users_of(nodes: Sequence[Node], among: Iterable[int]) -> dict[int, list[int]]:
    """Which of some nodes read each node."""
    users: dict[int, list[int]] = {}
    for n in among:
        for a in set(nodes[n].args):
            users.setdefault(a, []).append(n)
    return users


class Lowering:
    """Lowers the nodes that some targets need, and schedules them."""

    def __init__(self, program: Program, nodes: Sequence[Node], sizes: Sequence[str], backward: bool) -> None:
        self.program, self.source_nodes, self.source_sizes, self.backward = program, nodes, sizes, backward
        self.graph = Graph(program)
        self.buffers: list[Buffer] = []
        self.leaves: dict[int, Access] = {}
        self.given: dict[int, int] = {}

    # -- buffers and leaves

    def buffer(self, name: str, place: str, size: str, parts: int = 1) -> int:
        found = next((j for j, b in enumerate(self.buffers) if b.name == name), None)
        if found is None:
            self.buffers.append(Buffer(name, place, size, parts))
            return len(self.buffers) - 1
        return found

    def leaf(self, access: Access, size: str) -> int:
        """The node that reads a place."""
        n = self.graph.add("leaf", (), f"{access.buffer}.{access.part}.{int(access.new)}", size)
        self.leaves[n] = access
        return n

    def gate(self, kind: str, attr: str, place: str) -> Access:
        """The part of a matrix's buffer that belongs to one of its gates."""
        matrix, part = self.program.matrix(Node("product", (), attr))
        return Access(self.buffer(f"{kind}:{matrix.name}", place, matrix.rows, len(matrix.gates)), part)

    # -- lowering

    def lower(self, n: int) -> int:
        """A node of the program or of its gradient, in the graph of the plan."""
        if n not in self.given:
            self.given[n] = self._lower(n)
        return self.given[n]

    def _lower(self, n: int) -> int:
        node, size, graph = self.source_nodes[n], self.source_sizes[n], self.graph
        if not node.args and node.op != "number":
            return self._leaf(n)
        if node.op == "number":
            return graph.number(float(node.attr or 0.0))
        if node.op == "stop":
            return self.lower(node.args[0])
        if node.op == "product" and self.program.matrix(node)[0].diagonal:
            return graph.add("mul", (self.leaf(self.gate("weight", str(node.attr), "unit"), size), self.lower(node.args[0])))
        if node.op in ("product", "back"):
            product = graph.add("product", (self.lower(node.args[0]),), f"{node.attr}{'^T' if node.op == 'back' else ''}", size)
            graph.gates[product] = str(node.attr), node.op == "back"
            return product
        args = tuple(self.lower(a) for a in node.args)
        if node.op == "norm":
            return graph.norm(args, int(node.attr or 0))
        if node.op == "softmax":
            return graph.softmax(args[0])
        if node.op in ("total", "mean", "largest", "rstd", "width"):
            return int(getattr(graph, node.op)(args))
        if node.op == "spread":
            return graph.add("spread", args[:1], None, graph.sizes[args[1]])
        return graph.add(node.op, args, None, size if size != "one" else None)

    def _leaf(self, n: int) -> int:
        node, size = self.source_nodes[n], self.source_sizes[n]
        name = str(node.attr)
        if node.op == "step":
            return self.graph.add("step", (), None, "one")
        if node.op == "weight":
            return self.leaf(self.gate("weight", name, "unit"), size)
        if node.op == "input":
            return self.leaf(Access(self.buffer(f"input:{name}", "time", size)), size)
        if node.op == "mask":
            return self.leaf(Access(self.buffer(f"mask:{name}", "row", size)), size)
        if node.op == "state":
            return self.leaf(Access(self.buffer(f"state:{name}", "pair", size)), size)
        if node.op == "cotangent":
            return self._cotangent(name, size)
        kind = "unit" if node.op == "unit" else "vector"
        vector = name if node.op in ("unit", "learned") else f"{node.op}_{name}"
        return self.leaf(Access(self.buffer(f"{kind}:{vector}", "unit", size)), size)

    def _cotangent(self, state: str, size: str) -> int:
        later = self.leaf(Access(self.buffer(f"cotangent:{state}", "pair", size)), size)
        if state not in self.program.output:
            return later
        return self.graph.add("add", (later, self.leaf(Access(self.buffer(f"output:{state}", "time", size)), size)))

    # -- sums of products

    def fuse(self, targets: Iterable[int]) -> dict[int, int]:
        """Sums of products become one product of several terms; returns where each target went."""
        uses: dict[int, int] = {}
        for node in self.graph.nodes:
            for a in node.args:
                uses[a] = uses.get(a, 0) + 1
        for t in targets:
            uses[t] = uses.get(t, 0) + 1
        key = keys(self.graph.nodes, self.graph.sizes)
        old, self.graph = self.graph, Graph(self.program)
        to: dict[int, int] = {}
        leaves, self.leaves = self.leaves, {}

        def summands(n: int) -> list[int]:
            node = old.nodes[n]
            if node.op != "add" or uses.get(n, 0) > 1:
                return [n]
            return [s for a in node.args for s in summands(a)]

        def move(n: int) -> int:
            if n in to:
                return to[n]
            node, size = old.nodes[n], old.sizes[n]
            parts = [s for a in node.args for s in summands(a)] if node.op == "add" else []
            joined = [s for s in parts if s in old.gates and uses[s] == 1 and old.sizes[s] == size]
            joined = [s for s in joined if key[s] == key[joined[0]] and old.gates[s][1] == old.gates[joined[0]][1]]
            if len(joined) > 1:
                args = tuple(move(old.nodes[s].args[0]) for s in joined)
                label = "+".join(str(old.nodes[s].attr) for s in joined)
                result = self.graph.add("product", args, label, size)
                for other in (s for s in parts if s not in joined):
                    result = self.graph.add("add", (move(other), result), None, size)
            else:
                result = self.graph.add(node.op, tuple(move(a) for a in node.args), node.attr, size)
            if n in leaves:
                self.leaves[result] = leaves[n]
            to[n] = result
            return result

        return {t: move(t) for t in targets}


def keys(nodes: Sequence[Node], sizes: Sequence[str]) -> list[Key]:
    """At which stage and pass each value can be known."""
    known: list[Key] = []
    for node in nodes:
        last = max((known[a] for a in node.args), default=(0, 0))
        if node.op == "product":
            known.append((last[0] + 1, 0))
        elif node.op in ("total", "largest"):
            known.append((last[0], last[1] + 1))
        else:
            known.append(last)
    return known
