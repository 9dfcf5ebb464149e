"""The share of the machine's limit, by shape and cell, as a picture."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recurra.commands.bench.layers import Report
from recurra.commands.bench.plan import MODES
from recurra.commands.bench.rows import Row
from recurra.errors import ConfigurationError, FileError

ENDINGS = (".svg", ".png", ".pdf")
# Told apart without colours too: each cell has a mark of its own.
MARKS = "osD^v<>pPXh*dH8"


def check_plot(path: Path) -> None:
    """Raise ConfigurationError where a plot cannot be drawn: before anything is measured."""
    if path.suffix not in ENDINGS:
        raise ConfigurationError(f"bench: --plot must end in {' or '.join(ENDINGS)}, got {str(path)!r}.")
    if find_spec("matplotlib") is None:
        raise ConfigurationError("bench: --plot needs matplotlib, the extra plot: pip install 'recurra[plot]'.")
    if not path.absolute().parent.is_dir():
        raise FileError(f"{path}: cannot be written: there is no folder {path.parent}.")


def plot(report: Report, path: Path) -> None:
    """Two panels, training and inference: for each shape the share of each of our cells, and torch's LSTM in grey."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, panels = pyplot.subplots(1, len(MODES), figsize=(13, 5.5), sharey=True, layout="constrained")
    for mode, panel in zip(MODES, panels, strict=True):
        _panel(panel, mode, shares(report.rows, mode))
    panels[0].set_ylabel("share of a large product's GFLOP/s")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    figure.suptitle(f"{report.machine['cpu']}, {report.settings.threads} threads, {report.date}, {report.commit}", fontsize=10)
    figure.savefig(path)
    pyplot.close(figure)


def shares(rows: Sequence[Row], mode: str) -> dict[str, dict[str, float]]:
    """For each cell, and torch's LSTM, the share at each shape; full batches only."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.what == mode and row.share is not None and row.group != "ragged" and row.peer != "lax.scan":
            found.setdefault(row.cell, {})[row.shape] = row.share
            if row.peer == "torch.nn.LSTM" and row.their_share is not None:
                found.setdefault(row.peer, {})[row.shape] = row.their_share
    return found


def _panel(panel: Any, mode: str, found: Mapping[str, Mapping[str, float]]) -> None:
    shapes = list(dict.fromkeys(shape for values in found.values() for shape in values))
    for number, (cell, values) in enumerate(found.items()):
        places = [shapes.index(shape) for shape in values]
        style = {"color": "0.6", "linewidth": 2.5} if cell.startswith("torch") else {"linewidth": 0.8}
        panel.plot(places, list(values.values()), marker=MARKS[number % len(MARKS)], label=cell, **style)
    panel.set_xticks(range(len(shapes)), shapes, rotation=30, ha="right")
    panel.set_ylim(bottom=0)
    panel.set_title(f"{mode} (T/B/I/H)")
    panel.grid(axis="y", linewidth=0.4)
