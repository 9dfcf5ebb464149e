"""The bars that concern single rows by cell, and the means over shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recurra.commands.bench.arithmetic import geometric_mean
from recurra.commands.bench.plan import MODES
from recurra.commands.bench.rows import Bar, Row, at_least
from recurra.commands.bench.shapes import Shape


@dataclass(frozen=True)
class Ask:
    """How many times as fast as the peer: the means over shapes with one row and with more, and the least at any shape."""

    single: float | None
    batched: float | None
    least: float | None = None


# By peer, mode and cell; "" stands for the other cells.
ASKED = {
    ("torch.nn.LSTM", "training", "lstm"): Ask(2.5, 1.2, 1.0),
    ("torch.nn.GRU", "training", "gru"): Ask(10, 2.0, 1.0),
    ("torch.nn.RNN", "training", "elman"): Ask(5, 1.6, 0.9),
    ("torch.nn.LSTM", "inference", "lstm"): Ask(2, 1.0, 0.85),
    ("torch.nn.GRU", "inference", "gru"): Ask(5, 1.6),
    ("torch.nn.RNN", "inference", "elman"): Ask(5, 1.6),
    **{("PackedSequence", mode, ""): Ask(2, 2) for mode in MODES},
    **{("eager loop", mode, ""): Ask(10, 4, 2.5) for mode in MODES},
    **{("lax.scan", mode, "lstm"): Ask(None, 2) for mode in MODES},
}
# The share of our LSTM's GFLOP/s, at the same shape, that every other cell with a bar reaches.
OF_THE_LSTM = 0.5


def judged(rows: Sequence[Row]) -> list[Row]:
    """The rows with their bars, and after them the means, one for each cell, peer, mode and kind of shape; never one over both kinds."""
    rates = {(row.what, row.shape): row.gflops for row in rows if row.cell == "lstm" and row.peer == "torch.nn.LSTM"}
    return [*(_judged(row, rates.get((row.what, row.shape))) for row in rows), *_means(rows)]


def asked(row: Row) -> Ask | None:
    """What is asked of a row, or of the mean that it belongs to."""
    if row.remark or row.gflops is None:
        return None
    return ASKED.get((row.peer, row.what, row.cell)) or ASKED.get((row.peer, row.what, ""))


def _judged(row: Row, lstm: float | None) -> Row:
    ask = asked(row)
    if ask is None or row.ratio is None or row.gflops is None:
        return row
    bars = list(row.bars)
    if ask.least is not None:
        bars.append(at_least(row.ratio, ask.least))
    if row.peer == "eager loop" and lstm is not None:
        share = row.gflops / lstm
        bars.append(Bar(f"{OF_THE_LSTM:.0%} or more of the LSTM's GFLOP/s ({share:.0%})", share >= OF_THE_LSTM))
    return replace(row, bars=tuple(bars))


def _means(rows: Sequence[Row]) -> list[Row]:
    families: dict[tuple[str, str, str, str, str], list[Row]] = {}
    for row in rows:
        if row.ratio is not None and row.gflops is not None:
            kind = Shape.parse(row.shape).kind
            families.setdefault((row.group, row.cell, row.what, kind, row.peer), []).append(row)
    return [_mean(*family, members) for family, members in families.items()]


def _mean(group: str, cell: str, what: str, kind: str, peer: str, rows: Sequence[Row]) -> Row:
    mean, ask = geometric_mean([row.ratio for row in rows if row.ratio is not None]), asked(rows[0])
    bound = None if ask is None else ask.single if kind == "single" else ask.batched
    bars = () if bound is None else (at_least(mean, bound),)
    shapes = f"mean, {len(rows)} {kind}"
    return Row(group, cell, what, shapes, peer, ratio=mean, bars=bars, remark=rows[0].remark)
