"""Scheduling: at which stage and pass each value of a lowered graph is computed, and what must wait in a buffer."""

from __future__ import annotations

from collections.abc import Sequence

from recurra.cells.notation import Node
from recurra.compiler.lowering import Lowering, condition_of, keys, users_of
from recurra.compiler.plan import Access, Key, Loop, Pass, Plan, Products, Stage, Store, Term

Output = tuple[int, Access, bool]


def schedule(name: str, lowering: Lowering, outputs: Sequence[Output]) -> Plan:
    """Schedule what the outputs (node of the source, where to, add or not) need."""
    lowered = [lowering.lower(n) for n, _, _ in outputs]
    moved = lowering.fuse(lowered)
    stores = [Store(moved[n], to, add) for n, (_, to, add) in zip(lowered, outputs, strict=True)]
    return _Schedule(lowering, stores).plan(name)


class _Schedule:
    """Decides for every node at which stage and pass it is computed, and what must wait in a buffer."""

    def __init__(self, lowering: Lowering, stores: list[Store]) -> None:
        self.lowering, self.stores = lowering, stores
        self.nodes, self.sizes = lowering.graph.nodes, lowering.graph.sizes
        self.known = keys(self.nodes, self.sizes)
        self.uses: dict[int, list[Key]] = {}
        self.home: list[Key] = [(0, 0)] * len(self.nodes)

    def plan(self, name: str) -> Plan:
        lowering = self.lowering
        self._homes()
        products = self._products()
        crossing = self._crossing()
        needed = [n for n in range(len(self.nodes)) if n in self.uses]
        last = max([self.known[n] for n in needed] + [self.home[n] for n in needed], default=(0, 0))
        stages = []
        for stage in range(last[0] + 1):
            deepest = max([k[1] for n in needed for k in (self.home[n],) if k[0] == stage], default=0)
            passes = tuple(self._pass((stage, p)) for p in range(deepest + 1))
            stages.append(Stage(tuple(products.get(stage, ())), passes))
        names = {b.size for b in lowering.buffers} | set(self.sizes)
        names |= {str(n.attr) for n in self.nodes if n.op == "width"}
        return Plan(
            name, tuple(self.nodes), tuple(self.sizes), tuple(lowering.buffers), dict(lowering.leaves), crossing,
            {n: self.home[n] for n in crossing}, tuple(stages), lowering.backward, tuple(sorted(names - {"one"})),
            over=self._over(),
        )  # fmt: skip

    def _homes(self) -> None:
        """A value is computed where it is first needed; what a product or a sum reads, as soon as it is known."""
        for store in self.stores:
            self.uses.setdefault(store.node, []).append(self.known[store.node])
        for n in reversed(range(len(self.nodes))):
            if n not in self.uses:
                continue
            node = self.nodes[n]
            self.home[n] = self.known[n] if node.op in ("product", "total", "largest") else min(self.uses[n])
            for a in node.args:
                eager = node.op in ("product", "total", "largest")
                self.uses.setdefault(a, []).append(self.known[a] if eager else self.home[n])

    def _free(self, n: int) -> bool:
        """Whether a value can be had at any pass: a leaf, a number, the target of a product."""
        return not self.nodes[n].args or self.nodes[n].op == "product"

    def _crossing(self) -> dict[int, Access]:
        """The computed values that a later pass reads: they wait in a buffer."""
        crossing = {n for n, keys in self.uses.items() if not self._free(n) and any(k > self.home[n] for k in keys)}
        places: dict[int, Access] = {}
        for n in sorted(crossing):
            size = self.sizes[n]
            access = Access(self.lowering.buffer(f"crossing:{n}", "row", size))
            places[n] = access
            self.stores.append(Store(n, access))
        return places

    def _products(self) -> dict[int, list[Products]]:
        """The products of each stage: gates that read the same vectors through the same matrices are one."""
        groups: dict[tuple[int, str, tuple[tuple[int, str, bool], ...]], list[int]] = {}
        for n, node in enumerate(self.nodes):
            if node.op == "product" and n in self.uses:
                terms = tuple(
                    (a, self._matrix(label), label.endswith("^T")) for a, label in zip(node.args, str(node.attr).split("+"), strict=True)
                )
                groups.setdefault((self.known[n][0], self.sizes[n], terms), []).append(n)
        result: dict[int, list[Products]] = {}
        for j, ((stage, size, terms), members) in enumerate(groups.items()):
            # In the order of the matrix, so that a whole matrix is packed and biased as it stands.
            members.sort(key=lambda n: self._gate(n))
            target = self.lowering.buffer(f"product:{j}", "row", size, len(members))
            for part, n in enumerate(members):
                self.lowering.leaves[n] = Access(target, part)
            labels = [str(self.nodes[n].attr).split("+") for n in members]
            made = tuple(
                Term(self._place(a), tuple(label[k].removesuffix("^T") for label in labels), back, self._columns(labels[0][k], back))
                for k, (a, _, back) in enumerate(terms)
            )
            due = self._due(members[0]) if len(members) == 1 else None
            result.setdefault(stage, []).append(Products(target, made, due))
        return result

    def _over(self) -> dict[str, Access]:
        """Where a saved value may lie: over a hoisted one of its size that is read for the last time in the pass that stores it."""
        buffers, places = self.lowering.buffers, {}
        hoisted = {n: a for n, a in self.lowering.leaves.items() if buffers[a.buffer].name.startswith("hoisted:")}
        free = {n: access for n, access in hoisted.items() if n in self.uses}
        for store in self.stores:
            name = buffers[store.to.buffer].name
            for n, access in free.items() if name.startswith("saved:") else ():
                if self.sizes[n] == buffers[store.to.buffer].size and set(self.uses[n]) == {self.home[store.node]}:
                    places[name] = access
                    del free[n]
                    break
        return places

    def _due(self, product: int) -> int | None:
        """The condition on the step number under which alone a product is used."""
        lowering = self.lowering
        constant = lambda m: m in lowering.leaves and lowering.buffers[lowering.leaves[m].buffer].place == "unit"  # noqa: E731
        return condition_of(self.nodes, users_of(self.nodes, self.uses), product, constant)

    def _gate(self, product: int) -> int:
        label = str(self.nodes[product].attr).split("+")[0].removesuffix("^T")
        return self.lowering.program.matrix(Node("product", (), label))[1]

    @staticmethod
    def _matrix(label: str) -> str:
        # Transposed products of different gates read different vectors anyway; side by side stand gates of one matrix.
        return label.split(".")[0] if not label.endswith("^T") else label

    def _columns(self, label: str, transposed: bool) -> str:
        matrix, _ = self.lowering.program.matrix(Node("product", (), label.removesuffix("^T")))
        return matrix.rows if transposed else matrix.columns

    def _place(self, n: int) -> Access:
        """Where a product finds the rows of its vector: in the buffer of a leaf, or of a value stored for it."""
        if n in self.lowering.leaves:
            return self.lowering.leaves[n]
        stored = next((s.to for s in self.stores if s.node == n and not s.add and self._whole(s.to, n)), None)
        if stored is None:
            stored = Access(self.lowering.buffer(f"source:{n}", "row", self._width_of(n)))
            self.stores.append(Store(n, stored))
        return stored

    def _whole(self, access: Access, n: int) -> bool:
        return self.lowering.buffers[access.buffer].size == self._width_of(n)

    def _width_of(self, n: int) -> str:
        """The size at which a product reads a value: a number a row may stand for a whole vector."""
        for node in self.nodes:
            if node.op == "product" and n in node.args:
                label = str(node.attr).split("+")[node.args.index(n)]
                return self._columns(label, label.endswith("^T"))
        return self.sizes[n]

    def _pass(self, key: Key) -> Pass:
        stores = [s for s in self.stores if (self.home[s.node] if s.node in self.uses else (0, 0)) == key]
        buffers = self.lowering.buffers
        sums = [n for n in range(len(self.nodes)) if n in self.uses and self.nodes[n].op in ("total", "largest")]
        sums = [n for n in sums if self.known[n] == (key[0], key[1] + 1)]
        loops = []
        sizes = [buffers[s.to.buffer].size for s in stores] + [self.sizes[self.nodes[n].args[0]] for n in sums]
        for size in sorted(set(sizes) - {"one"}):
            mine = tuple(s for s in stores if buffers[s.to.buffer].size == size)
            loops.append(Loop(size, mine, tuple((n, self.nodes[n].args[0]) for n in sums if self.sizes[self.nodes[n].args[0]] == size)))
        return Pass(tuple(s for s in stores if buffers[s.to.buffer].size == "one"), tuple(loops))
