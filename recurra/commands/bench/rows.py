"""One line of the results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """What was asked for, and whether it is met."""

    text: str
    met: bool


def at_least(value: float, bound: float, what: str = "") -> Bar:
    """A ratio that may not be lower."""
    return Bar(f"{what}{bound:g}x or more", value >= bound)


def at_most(value: float, bound: float, unit: str) -> Bar:
    """A time or an amount that may not be higher."""
    return Bar(f"{bound:,g} {unit} or less", value <= bound)


@dataclass(frozen=True)
class Row:
    """Ours beside a peer, both in `unit`; ratio is peer / ours, share is ours of the machine's limit.

    A mean has a ratio alone; a row with a remark is reported without a bar.
    """

    group: str
    cell: str
    what: str
    shape: str
    peer: str = ""
    ours: float | None = None
    theirs: float | None = None
    unit: str = "ms"
    ratio: float | None = None
    gflops: float | None = None
    share: float | None = None
    their_share: float | None = None
    bars: tuple[Bar, ...] = ()
    remark: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data, without what is not there."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", ())}
