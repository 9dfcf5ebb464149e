"""Results as tables for people."""

from __future__ import annotations

from rich.table import Table

from recurra.commands.compare import Comparison, Measured
from recurra.tasks import Prediction

# A smaller share would read 0.0%.
SHOWN = 0.0005


def comparison_table(comparison: Comparison) -> Table:
    """A row for each cell, a column for each score."""
    runs = f", {len(comparison.seeds)} seeds, mean ± standard deviation" if len(comparison.seeds) > 1 else ""
    table = Table(title=f"{comparison.recipe}: {comparison.part} part{runs}", title_justify="left")
    names = list(comparison.rows[0].scores)
    table.add_column("cell", no_wrap=True)
    for column in (*names, "parameters", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in comparison.rows:
        numbers = ("" if row.parameters is None else f"{row.parameters:,}", "" if row.seconds is None else f"{row.seconds:.1f}")
        table.add_row(row.cell, *(_percent(row.scores.get(name), len(comparison.seeds)) for name in names), *numbers)
    return table


def prediction_table(prediction: Prediction, most: int = 3) -> Table:
    """Every word with its slot, and the `most` probable labels with their probabilities."""
    table = Table()
    for column in ("word", "slot", "probabilities"):
        table.add_column(column, no_wrap=True)
    for (word, label), row in zip(prediction, prediction.probabilities, strict=True):
        shares = "  ".join(f"{name} {share:.1%}" for name, share in list(row.items())[:most] if share >= SHOWN)
        table.add_row(word, label, shares)
    return table


def _percent(score: Measured | None, seeds: int) -> str:
    if score is None:
        return ""
    return f"{100 * score.mean:.2f}" + (f" ± {100 * score.spread:.2f}" if seeds > 1 and score.spread else "")
