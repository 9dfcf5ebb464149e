"""The matrix product that every kernel calls: rows by address, weights packed in panels, sums in one fixed order.

Each element of the result is its start value plus one fused multiply-add after another along k, whatever the tile, so its bits
depend on nothing but its row and its column.
"""

from __future__ import annotations

from dataclasses import dataclass

from recurra.engine.cpu.code import LANES, Code, Module, Number, Variable, Vector

# products(addresses of the rows, rows, k, packed weights, panels, target, its stride, bias or 0, ranges or 0)
# ranges: two i64 a panel, the first k that counts and the one behind the last; a panel whose first is negative is left alone.
PRODUCTS_ARGUMENTS = 9
# pack(weights, their stride, columns, k, packed weights), both counts multiples of 16
PACK_ARGUMENTS = 5
UNROLL = 4


@dataclass(frozen=True)
class Tile:
    """How many rows, and how many vectors of 16 columns, stay in registers; `together`: panels at once for one row alone."""

    rows: tuple[int, ...]
    vectors: int
    together: int

    @property
    def panel(self) -> int:
        """Columns of a panel of packed weights."""
        return self.vectors * LANES


def tile_for(features: str) -> Tile:
    """32 registers of 16 floats hold 6 rows by 4 vectors; 16 registers of 8 floats hold 6 rows by 1 vector."""
    return Tile((6, 4, 2, 1), 4, 4) if "+avx512f" in features else Tile((6, 4, 2, 1), 1, 4)


def narrow_tile_for(features: str) -> Tile:
    """One vector of columns, for products that are due in part: many rows, so that sums need not wait for each other."""
    return Tile((12, 8, 4, 2, 1), 1, 1) if "+avx512f" in features else Tile((6, 4, 2, 1), 1, 1)


def products_module(tile: Tile, ranged: bool = False) -> Module:
    """The function `products`: target[r, :] = (bias, or what stands there) + row r times the packed weights.

    A `ranged` one reads ranges; the others have none.
    """
    module = Module("products")
    code = Code(module, "products", PRODUCTS_ARGUMENTS)
    addresses, rows, depth, packed, panels, target, stride, bias, ranges = code.arguments
    zero, one = code.integer(0), code.integer(1)
    call = _Call(code, tile, addresses, depth, packed, target, stride, bias)
    if ranged:
        with code.flushed(), code.loop(zero, panels, one) as panel:
            at = code.add(panel, panel)
            first, last = code.load_integer(ranges, at), code.load_integer(ranges, code.add(at, one))
            with code.when(code.less(code.integer(-1), first)):
                call.rows(rows, panel, first, last)
        code.end()
        _pack(module, tile)
        return module
    with code.flushed():
        panel = code.variable(zero)
        # One row alone leaves most registers free: it takes several panels at once, whose sums do not wait for each other.
        together = code.sub(panels, code.integer(tile.together - 1))
        together = code.choose(code.equal(rows, one), together, zero)
        with code.repeat(lambda: code.less(panel.get(), together)):
            call.tile(1, tile.together, zero, panel.get(), zero, depth)
            panel.set(code.add(panel.get(), code.integer(tile.together)))
        with code.repeat(lambda: code.less(panel.get(), panels)):
            call.rows(rows, panel.get(), zero, depth)
            panel.set(code.add(panel.get(), one))
    code.end()
    _pack(module, tile)
    return module


def _pack(module: Module, tile: Tile) -> None:
    """The function `pack`: a weight [columns, k] in panels [panel, k, column], 16 by 16 numbers turned over in registers."""
    code = Code(module, "pack", PACK_ARGUMENTS)
    weights, stride, columns, depth, packed = code.arguments
    zero, lanes, panel = code.integer(0), code.integer(LANES), code.integer(tile.panel)
    with code.loop(zero, columns, lanes) as column, code.loop(zero, depth, lanes) as k:
        inside = code.remainder(column, panel)
        start = code.add(code.mul(code.sub(column, inside), depth), inside)
        rows = [code.load(weights, code.add(code.mul(code.add(column, code.integer(m)), stride), k)) for m in range(LANES)]
        for _ in range(4):
            # Each round turns the number of a row and lane, read as eight bits, by one bit; four rounds exchange row and lane.
            rows = [half for m in range(LANES // 2) for half in rows[m].interleave(rows[m + LANES // 2])]
        for m, row in enumerate(rows):
            code.store(row, packed, code.add(start, code.mul(code.add(k, code.integer(m)), panel)))
    code.end()


@dataclass(frozen=True)
class _Call:
    """The arguments of one product."""

    code: Code
    shape: Tile
    addresses: Number
    depth: Number
    packed: Number
    target: Number
    stride: Number
    bias: Number

    def rows(self, rows: Number, panel: Number, first: Number, last: Number) -> None:
        """All rows times one panel, tile after tile."""
        code = self.code
        row = code.variable(code.integer(0))
        for height in self.shape.rows:
            fits = code.sub(rows, code.integer(height - 1))
            with code.repeat(lambda fits=fits: code.less(row.get(), fits)):  # type: ignore[misc]
                self.tile(height, 1, row.get(), panel, first, last)
                row.set(code.add(row.get(), code.integer(height)))

    def tile(self, height: int, panels: int, row: Number, panel: Number, first: Number, last: Number) -> None:
        """`height` rows times `panels` panels, all sums in registers; along k from `first` to before `last`."""
        code, width = self.code, self.shape.vectors
        sources = [code.load_integer(self.addresses, code.add(row, code.integer(m))) for m in range(height)]
        columns = [code.mul(code.add(panel, code.integer(p)), code.integer(self.shape.panel)) for p in range(panels)]
        weights = [code.address(self.packed, code.mul(column, self.depth)) for column in columns]
        lines = [code.address(self.target, code.mul(code.add(row, code.integer(m)), self.stride)) for m in range(height)]
        given = code.equal(self.bias, code.integer(0))
        sums: dict[tuple[int, int, int], Variable] = {}
        for m in range(height):
            # Without a bias the sum goes on from what stands in the target.
            start = code.choose(given, lines[m], self.bias)
            for p in range(panels):
                for v in range(width):
                    sums[m, p, v] = code.variable(code.load(start, code.add(columns[p], code.integer(v * LANES))))
        self._depth(sums, sources, weights, first, last)
        for (m, p, v), total in sums.items():
            code.store(total.get(), lines[m], code.add(columns[p], code.integer(v * LANES)))

    def _depth(
        self, sums: dict[tuple[int, int, int], Variable], sources: list[Number], weights: list[Number], first: Number, last: Number
    ) -> None:
        """Along k, one fused multiply-add after another."""
        code = self.code
        k = code.variable(first)
        for unroll in (UNROLL, 1):
            end = code.sub(last, code.integer(unroll - 1))
            with code.repeat(lambda end=end: code.less(k.get(), end)):  # type: ignore[misc]
                at = k.get()
                for u in range(unroll):
                    self._step(sums, sources, weights, code.add(at, code.integer(u)))
                k.set(code.add(at, code.integer(unroll)))

    def _step(self, sums: dict[tuple[int, int, int], Variable], sources: list[Number], weights: list[Number], k: Number) -> None:
        """One k: a row of each panel times one number of each row."""
        code = self.code
        base = code.mul(k, code.integer(self.shape.panel))
        numbers = [code.load_one(source, k) for source in sources]
        for p, panel in enumerate(weights):
            for v in range(self.shape.vectors):
                line: Vector = code.load(panel, code.add(base, code.integer(v * LANES)))
                for m, number in enumerate(numbers):
                    sums[m, p, v].set(number.fma(line, sums[m, p, v].get()))
