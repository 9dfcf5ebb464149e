"""`recurra bench layers`: ours beside the peer, with bars."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.commands.bench.bars import judged
from recurra.commands.bench.machine import CHECKOUT, commit, load, machine
from recurra.commands.bench.measuring import measure
from recurra.commands.bench.plan import plan
from recurra.commands.bench.processes import Settings
from recurra.commands.bench.rows import Row
from recurra.commands.bench.shapes import shapes_of
from recurra.errors import ConfigurationError
from recurra.files import atomic_write


@dataclass(frozen=True)
class Report:
    """What was measured, where, when, on which commit; `notes` say what was not."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    settings: Settings
    machine: dict[str, Any]
    date: str
    commit: str
    load: tuple[float | None, float | None]

    def to_data(self) -> dict[str, Any]:
        """Plain data for a JSON text; load is the average of a minute, before and after."""
        rows = [row.to_data() for row in self.rows]
        return {**vars(self), "settings": vars(self.settings), "rows": rows}

    @property
    def verdict(self) -> tuple[int, int]:
        """How many bars there are, and how many are met."""
        bars = [bar.met for row in self.rows for bar in row.bars]
        return len(bars), sum(bars)


def bench_layers(
    *,
    cells: Sequence[str] | None = None,
    shapes: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    settings: Settings | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Measure layers beside their peers: interleaved call by call, medians, the middle one of fresh processes.

    cells: names, or my.py:ugrnn; shapes: texts as 100/1/128/128; None stands for all. `tell` hears of each job before it begins.
    Raises ConfigurationError before anything is measured, BackendError where a measurement fails or ours differs from the peer.
    """
    settings = settings or Settings()
    jobs, notes = plan(cells, None if shapes is None else shapes_of(shapes), groups)
    before, began = load(), time.monotonic()
    rows = []
    for number, job in enumerate(jobs, 1):
        tell(f"{number}/{len(jobs)}  {time.monotonic() - began:.0f} s  {job}")
        rows += measure(job, settings)
    today = datetime.date.today().isoformat()
    return Report(tuple(judged(rows)), tuple(notes), settings, machine(), today, commit(), (before, load()))


def results_folder() -> Path:
    """Where a checkout keeps results. Raises ConfigurationError outside of one."""
    if not (CHECKOUT / "benchmarks").is_dir():
        raise ConfigurationError("bench: --save writes into benchmarks/results of a checkout, and this is none. Use -o FILE.")
    return CHECKOUT / "benchmarks" / "results"


def save(report: Report, path: Path) -> None:
    """Write a report as JSON. Raises FileError."""
    atomic_write(path, json.dumps(report.to_data(), indent=1, ensure_ascii=False) + "\n")


def save_in_checkout(report: Report) -> Path:
    """Write benchmarks/results/DATE-COMMIT-layers.json; returns where. Raises ConfigurationError, FileError."""
    folder = results_folder()
    folder.mkdir(exist_ok=True)
    path = folder / f"{report.date}-{report.commit}-layers.json"
    save(report, path)
    return path
