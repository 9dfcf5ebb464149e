"""The matrix product that every kernel calls: rows by address, weights packed in panels, sums in one fixed order.

Each element of the result is its start value plus one fused multiply-add after another along k, whatever the tile, so its bits
depend on nothing but its row and its column.
"""

from __future__ import annotations

from dataclasses import dataclass

from recurra.engine.cpu.code import LANES, Code, Module, Number, Variable, Vector

# products(addresses of the rows, rows, k, packed weights, panels, target, its stride, bias or 0)
PRODUCTS_ARGUMENTS = 8
UNROLL = 4


@dataclass(frozen=True)
class Tile:
    """How many rows, and how many vectors of 16 columns, stay in registers."""

    rows: tuple[int, ...]
    vectors: int

    @property
    def panel(self) -> int:
        """Columns of a panel of packed weights."""
        return self.vectors * LANES


def tile_for(features: str) -> Tile:
    """32 registers of 16 floats hold 6 rows by 4 vectors; 16 registers of 8 floats hold 6 rows by 1 vector."""
    return Tile((6, 4, 2, 1), 4) if "+avx512f" in features else Tile((6, 4, 2, 1), 1)


def products_module(tile: Tile) -> Module:
    """The function `products`: target[r, :] = (bias, or what stands there) + row r times the packed weights."""
    module = Module("products")
    code = Code(module, "products", PRODUCTS_ARGUMENTS)
    addresses, rows, depth, packed, panels, target, stride, bias = code.arguments
    zero, one = code.integer(0), code.integer(1)
    with code.flushed(), code.loop(zero, panels, one) as panel:
        column = code.mul(panel, code.integer(tile.panel))
        weights = code.address(packed, code.mul(column, depth))
        row = code.variable(zero)
        for height in tile.rows:
            fits = code.sub(rows, code.integer(height - 1))
            with code.repeat(lambda fits=fits: code.less(row.get(), fits)):  # type: ignore[misc]
                _tile(code, tile, height, row.get(), addresses, depth, weights, target, stride, bias, column)
                row.set(code.add(row.get(), code.integer(height)))
    code.end()
    return module


def _tile(
    code: Code, tile: Tile, height: int, row: Number, addresses: Number, depth: Number, weights: Number, target: Number,
    stride: Number, bias: Number, column: Number,
) -> None:  # fmt: skip
    """`height` rows times one panel."""
    sources = [code.load_integer(addresses, code.add(row, code.integer(m))) for m in range(height)]
    targets = [code.address(target, code.add(code.mul(code.add(row, code.integer(m)), stride), column)) for m in range(height)]
    given = code.equal(bias, code.integer(0))
    sums: list[list[Variable]] = []
    for m in range(height):
        # Without a bias the sum goes on from what stands in the target.
        start = code.choose(given, targets[m], code.address(bias, column))
        sums.append([code.variable(code.load(start, code.integer(v * LANES))) for v in range(tile.vectors)])
    k = code.variable(code.integer(0))
    for unroll in (UNROLL, 1):
        end = code.sub(depth, code.integer(unroll - 1))
        with code.repeat(lambda end=end: code.less(k.get(), end)):  # type: ignore[misc]
            at = k.get()
            for u in range(unroll):
                _step(code, tile, sums, sources, weights, code.add(at, code.integer(u)))
            k.set(code.add(at, code.integer(unroll)))
    for m in range(height):
        for v in range(tile.vectors):
            code.store(sums[m][v].get(), targets[m], code.integer(v * LANES))


def _step(code: Code, tile: Tile, sums: list[list[Variable]], sources: list[Number], weights: Number, k: Number) -> None:
    """One k: the panel's row of weights times one number of each row."""
    base = code.mul(k, code.integer(tile.panel))
    lines = [code.load(weights, code.add(base, code.integer(v * LANES))) for v in range(tile.vectors)]
    for m, source in enumerate(sources):
        number: Vector = code.load_one(source, k)
        for v, line in enumerate(lines):
            sums[m][v].set(number.fma(line, sums[m][v].get()))
