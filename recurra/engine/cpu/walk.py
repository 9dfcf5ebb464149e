"""A plan becomes one function that walks all steps of a share of the sequences: walk(table, first, last, scratch).

Sequences are sorted by length, so those that live at a step are the first ones of the share. `scratch` holds one i64 a sequence;
behind them a count of what conditional products did, in units of 16 multiply-adds, and two i64 a panel.
"""

from __future__ import annotations

from recurra.cells.notation import COMPARISONS, POINTWISE
from recurra.compiler.plan import Access, Loop, Pass, Plan, Products, Store
from recurra.engine.cpu.code import LANES, Code, Mask, Module, Number, Vector
from recurra.engine.cpu.mathematics import COMPARISON, INFINITY, MEANING, maximum
from recurra.engine.cpu.products import Tile
from recurra.engine.cpu.table import Table

WALK_ARGUMENTS = 4
Key = tuple[int, int]


def walk_module(plan: Plan, tile: Tile) -> Module:
    """The function `walk` of a plan."""
    module = Module(f"walk_{'backward' if plan.backward else 'forward'}")
    _Walk(module, plan).build()
    return module


class _Walk:
    """Everything that is known once a call: the table's entries, and the step that is being walked."""

    def __init__(self, module: Module, plan: Plan) -> None:
        self.plan, self.table = plan, Table(plan)
        self.code = Code(module, "walk", WALK_ARGUMENTS)
        self.address, self.first, self.last, self.scratch = self.code.arguments
        self.step: Number = None
        self.living: Number = None

    def entry(self, position: int) -> Number:
        return self.code.load_integer(self.address, self.code.integer(position))

    def head(self, name: str) -> Number:
        return self.entry(self.table.head(name))

    def build(self) -> None:
        code = self.code
        zero, one = code.integer(0), code.integer(1)
        with code.flushed():
            steps, lengths = self.head("steps"), self.head("length")
            living = code.variable(self.first if self.plan.backward else self.last)
            with code.loop(zero, steps, one) as count:
                self.step = code.sub(code.sub(steps, one), count) if self.plan.backward else count
                self._count_living(living, lengths)
                self.living = living.get()
                with code.when(code.less(self.first, self.living)):
                    self._stages()
        code.end()

    def _count_living(self, living: object, lengths: Number) -> None:
        """Forward, the shortest sequences end; backward, they join."""
        code = self.code
        one = code.integer(1)
        if self.plan.backward:
            # The length behind the last sequence of a share is never read: the bound is checked on a clamped place.
            last = code.sub(self.last, one)

            def joins() -> object:
                at = living.get()  # type: ignore[attr-defined]
                inside = code.less(at, self.last)
                return code.both(inside, code.less(self.step, code.load_integer(lengths, code.choose(inside, at, last))))

            with code.repeat(joins):
                living.set(code.add(living.get(), one))  # type: ignore[attr-defined]
            return

        def ends() -> object:
            at = living.get()  # type: ignore[attr-defined]
            inside = code.less(self.first, at)
            place = code.choose(inside, code.sub(at, one), self.first)
            return code.both(inside, code.less(code.load_integer(lengths, place), code.add(self.step, one)))

        with code.repeat(ends):
            living.set(code.sub(living.get(), one))  # type: ignore[attr-defined]

    def _stages(self) -> None:
        code = self.code
        number = 0
        for s, stage in enumerate(self.plan.stages):
            for products in stage.products:
                self._products(number, products)
                number += 1
            if any(p.stores or p.loops for p in stage.passes):
                with code.loop(self.first, self.living, code.integer(1)) as sequence:
                    row = _Row(self, sequence)
                    for p, one_pass in enumerate(stage.passes):
                        row.walk((s, p), one_pass)

    def _products(self, number: int, products: Products) -> None:
        code, table = self.code, self.table
        stride = self.entry(table.buffer(products.target, 1))
        target = code.address(self.entry(table.buffer(products.target)), code.mul(self.first, stride))
        panels, bias = self.entry(table.bias(number) + 1), self.entry(table.bias(number))
        rows = code.sub(self.living, self.first)
        for k, term in enumerate(products.terms):
            with code.loop(self.first, self.living, code.integer(1)) as sequence:
                code.store_integer(_Row(self, sequence).place(term.source), self.scratch, code.sub(sequence, self.first))
            depth = self.entry(table.size(term.size, False)) if term.size != "one" else code.integer(1)
            start, weights = bias if k == 0 else code.integer(0), self.entry(table.weights(number, k))
            function, ranges = self.head("products"), code.integer(0)
            if products.due is not None:
                function, ranges = self.head("narrow"), self._ranges(number, k, products.due, panels, rows)
            code.call(function, self.scratch, rows, depth, weights, panels, target, stride, start, ranges)

    def _ranges(self, number: int, term: int, due: int, panels: Number, rows: Number) -> Number:
        """Which columns are due at this step, and which part of k they read: behind the addresses in the scratch, then a count."""
        code = self.code
        one, behind = code.integer(1), code.sub(self.last, self.first)
        given = self.entry(self.table.weights(number, term) + 1)
        apart = code.equal(self.head("together"), code.integer(0))
        with code.loop(code.integer(0), panels, one) as panel:
            mask = _Row(self, self.first).mask(due, code.mul(panel, code.integer(LANES)))
            at = code.add(panel, panel)
            first, last = code.load_integer(given, at), code.load_integer(given, code.add(at, one))
            counts = code.either(apart, mask.any())
            place = code.add(behind, code.add(at, one))
            code.store_integer(code.choose(counts, first, code.integer(-1)), self.scratch, place)
            code.store_integer(last, self.scratch, code.add(place, one))
            done = code.choose(counts, code.mul(rows, code.sub(last, first)), code.integer(0))
            code.store_integer(code.add(code.load_integer(self.scratch, behind), done), self.scratch, behind)
        return code.add(self.scratch, code.mul(code.add(behind, one), code.integer(8)))


class _Row:
    """One sequence at one step: where its rows stand, and the values that are known of it."""

    def __init__(self, walk: _Walk, sequence: Number) -> None:
        self.walker, self.plan, self.code, self.table = walk, walk.plan, walk.code, walk.table
        self.sequence = sequence
        self.places: dict[Access, Number] = {}
        self.numbers: dict[int, Vector] = {}
        self.key: Key = (0, 0)

    # -- places

    def _time(self) -> Number:
        """The row of this step among the steps of all sequences."""
        first = self.code.load_integer(self.walker.head("first_row"), self.sequence)
        return self.code.add(first, self.code.mul(self.walker.step, self.walker.head("stride")))

    def place(self, access: Access) -> Number:
        """The address of the first unit of a part."""
        if access not in self.places:
            self.places[access] = self._place(access)
        return self.places[access]

    def _place(self, access: Access) -> Number:
        code, entry, table = self.code, self.walker.entry, self.table
        buffer = self.plan.buffers[access.buffer]
        base, stride = entry(table.buffer(access.buffer)), entry(table.buffer(access.buffer, 1))
        further = entry(table.buffer(access.buffer, 2))
        if buffer.place == "unit":
            row = code.integer(0)
        elif buffer.place == "row":
            row = self.sequence
        elif buffer.place == "time" or (buffer.place == "course" and access.new):
            row = self._time()
        elif buffer.place == "course":
            start = code.equal(self.walker.step, code.integer(0))
            row = code.choose(start, self.sequence, code.sub(self._time(), self.walker.head("stride")))
            base = code.choose(start, further, base)
        else:
            later = access.new != self.plan.backward
            half = code.odd(code.add(self.walker.step, code.integer(1)) if later else self.walker.step)
            base = code.address(base, code.mul(half, further))
            row = self.sequence
        offset = code.mul(row, stride)
        if access.part:
            offset = code.add(offset, code.mul(code.integer(access.part), self._padded(buffer.size)))
        return code.address(base, offset)

    def _padded(self, size: str) -> Number:
        return self.code.integer(1) if size == "one" else self.walker.entry(self.table.size(size, True))

    # -- values

    def walk(self, key: Key, one_pass: Pass) -> None:
        """One pass over this row."""
        self.key = key
        self.numbers = {n: v for n, v in self.numbers.items() if self.plan.nodes[n].op in ("total", "largest")}
        for store in one_pass.stores:
            self._store_number(store)
        for loop in one_pass.loops:
            self._prepare(loop)
            self._loop(loop)

    def _store_number(self, store: Store) -> None:
        value, place = self._value(store.node, None, {}), self.place(store.to)
        self.code.store_one(value + self.code.load_one(place) if store.add else value, place)

    def _prepare(self, loop: Loop) -> None:
        """What does not change from unit to unit is computed before the loop: addresses, and the numbers of the row."""
        todo = [s.node for s in loop.stores] + [a for _, a in loop.sums]
        seen: set[int] = set()
        for store in loop.stores:
            self.place(store.to)
        while todo:
            n = todo.pop()
            if n in seen:
                continue
            seen.add(n)
            if self.plan.sizes[n] == "one":
                self._value(n, None, {})
            elif (access := self._kept(n)) is not None:
                self.place(access)
            else:
                todo += self.plan.nodes[n].args

    def _kept(self, n: int) -> Access | None:
        """Where a value is read, unless it is computed in this pass."""
        if n in self.plan.crossing:
            return self.plan.crossing[n] if self.key > self.plan.homes[n] else None
        return self.plan.leaves.get(n)

    def _loop(self, loop: Loop) -> None:
        code = self.code
        count, padded = self.walker.entry(self.table.size(loop.size, False)), self._padded(loop.size)
        empty = {"total": 0.0, "largest": -INFINITY}
        sums = [code.variable(code.constant(empty[self.plan.nodes[n].op])) for n, _ in loop.sums]
        with code.loop(code.integer(0), padded, code.integer(LANES)) as unit:
            values: dict[int, Vector | Mask] = {}
            results = [self._value(s.node, unit, values) for s in loop.stores]
            inside = code.lanes_below(code.sub(count, unit)) if sums else None
            for total, (n, argument) in zip(sums, loop.sums, strict=True):
                value = self._value(argument, unit, values)
                assert inside is not None
                if self.plan.nodes[n].op == "total":
                    total.set(total.get() + inside.choose(value, code.constant(0.0)))
                else:
                    total.set(maximum(total.get(), inside.choose(value, code.constant(-INFINITY))))
            for store, value in zip(loop.stores, results, strict=True):
                place = self.place(store.to)
                code.store(value + code.load(place, unit) if store.add else value, place, unit)
        for total, (n, _) in zip(sums, loop.sums, strict=True):
            join = (lambda a, b: a + b) if self.plan.nodes[n].op == "total" else maximum
            self.numbers[n] = total.get().reduce(join)

    def _value(self, n: int, unit: Number | None, values: dict[int, Vector | Mask]) -> Vector:
        value = self._any(n, unit, values)
        return value.number() if isinstance(value, Mask) else value

    def _any(self, n: int, unit: Number | None, values: dict[int, Vector | Mask]) -> Vector | Mask:
        single = self.plan.sizes[n] == "one"
        known = self.numbers if single else values
        if n not in known:
            known[n] = self._compute(n, None if single else unit, values)  # type: ignore[assignment]
        return known[n]

    def _compute(self, n: int, unit: Number | None, values: dict[int, Vector | Mask]) -> Vector | Mask:
        code, node = self.code, self.plan.nodes[n]
        access = self._kept(n)
        if access is not None:
            place = self.place(access)
            return code.load_one(place) if unit is None else code.load(place, unit)
        if node.op == "number":
            return code.constant(float(node.attr or 0.0))
        if node.op == "step":
            return code.float_of(self._step())
        if node.op == "width":
            return code.float_of(self.walker.entry(self.table.size(str(node.attr), False)) if node.attr != "one" else code.integer(1))
        if node.op == "where":
            return self._mask(node.args[0], unit, values).choose(
                self._value(node.args[1], unit, values), self._value(node.args[2], unit, values)
            )
        if node.op == "mod" and self.plan.nodes[node.args[0]].op == "step":
            return code.doubles_of(self._step()).remainder(self._value(node.args[1], unit, values))
        arguments = [self._value(a, unit, values) for a in node.args]
        if node.op in COMPARISONS:
            return arguments[0].compare(COMPARISON[node.op], arguments[1])
        assert node.op in POINTWISE or node.op == "spread", node.op
        return MEANING[node.op](*arguments)

    def mask(self, n: int, unit: Number) -> Mask:
        """A condition on the step number, for the units from `unit` on."""
        return self._mask(n, unit, {})

    def _mask(self, n: int, unit: Number | None, values: dict[int, Vector | Mask]) -> Mask:
        value = self._any(n, unit, values)
        return value if isinstance(value, Mask) else value.compare("!=", 0.0)

    def _step(self) -> Number:
        """The step number of the sequence, which goes on counting from one call to the next."""
        return self.code.add(self.code.load_integer(self.walker.head("first_step"), self.sequence), self.walker.step)
