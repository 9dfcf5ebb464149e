"""`recurra bench`: what is measured, as lines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from recurra.cli.settings import parse_names
from recurra.cli.showing import columns, show
from recurra.commands.bench.layers import Report, bench_layers, results_folder, save, save_in_checkout
from recurra.commands.bench.picture import check_plot, plot
from recurra.commands.bench.processes import Settings
from recurra.commands.bench.rows import Row

FULL_STREAM = 1_000_000
TITLE = ("group", "cell", "what", "T/B/I/H", "ours", "peer's", "", "ratio", "GFLOP/s", "share", "bar")


def run(
    cells: str | None, shapes: str | None, groups: str | None, settings: Settings, json: bool,
    output: Path | None, picture: Path | None, keep: bool,
) -> None:  # fmt: skip
    """Measure, print, and write what was asked for; what cannot be written is said before anything is measured."""
    if picture is not None:
        check_plot(picture)
    if keep:
        results_folder()
    given = [None if text is None else parse_names(text) for text in (cells, shapes, groups)]
    report = bench_layers(cells=given[0], shapes=given[1], groups=given[2], settings=settings, tell=_tell)
    show(json, report.to_data(), report_lines(report))
    if output is not None:
        save(report, output)
    if keep:
        _tell(str(save_in_checkout(report)))
    if picture is not None:
        plot(report, picture)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def report_lines(report: Report) -> list[str]:
    """Where and how, a line for each row, and how many bars are met."""
    machine, settings, (bars, met) = report.machine, report.settings, report.verdict
    width = f", {machine['vector_bits']}-bit vectors" if machine["vector_bits"] else ""
    load = " to ".join(f"{value:.1f}" for value in report.load if value is not None)
    return [
        f"{machine['cpu']}, {machine['cores']} cores{width}, torch {machine['torch']}, {report.date}, commit {report.commit}, load {load}",
        f"{settings.threads} threads, float32, medians of {settings.calls} calls, the middle one of {settings.processes} fresh processes",
        *columns([TITLE, *map(row_texts, report.rows)]),
        *report.notes,
        f"bars: {met} of {bars} met",
    ]


def row_texts(row: Row) -> Sequence[str]:
    """A row's columns."""
    numbers = [_number(row.ours, row.unit), _number(row.theirs, row.unit), row.peer, _text(row.ratio, "{:.2f}x")]
    bars = "; ".join(f"{bar.text}: {'met' if bar.met else 'MISSED'}" for bar in row.bars)
    share = [_text(row.gflops, "{:.1f}"), _text(row.share, "{:.0%}")]
    return (row.group, row.cell, row.what, row.shape, *numbers, *share, bars or row.remark)


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def _text(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
