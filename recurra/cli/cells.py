"""`recurra cells`: what there is to say about a cell."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from recurra.cells import Cell, find, registry
from recurra.cli.showing import columns
from recurra.compiler import compile_cell, describe
from recurra.errors import ConfigurationError, check_choice


def all_cells() -> list[dict[str, str]]:
    """Every built-in cell: its name, states, meaning, source."""
    return [
        {"name": cell.name, "states": " ".join(cell.states) or "-", "meaning": _meaning(cell), "source": cell.source}
        for cell in registry.values()
    ]


def list_lines() -> list[str]:
    """The same as lines."""
    return columns([(row["name"], row["states"], row["meaning"], row["source"]) for row in all_cells()])


def one_cell(name: str, input_size: int, hidden_size: int, others: Mapping[str, Any]) -> dict[str, Any]:
    """A cell described for sizes. Raises ConfigurationError for an unknown cell or size, CellError for a function that is no cell."""
    cell = find(name)
    program = compile_cell(cell)
    sizes = dict.fromkeys(program.size_names, hidden_size) | {"input_size": input_size}
    for size, value in others.items():
        check_choice(cell.name, "size", size, program.size_names)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigurationError(f"{cell.name}: {size} must be a whole number above 0, got {value!r}.")
    return {"meaning": _meaning(cell), **describe(program, {**sizes, **others})}


def cell_lines(found: Mapping[str, Any]) -> list[str]:
    """A described cell as lines."""
    lines = [f"{found['name']}: {found['meaning']}".rstrip(": "), *_indented(found["formulas"])]
    if found["letters"] != found["formulas"]:
        lines += ["with U for the input, W for the memory, V for the output:", *_indented(found["letters"])]
    return [*lines, *columns([(title, text) for title, text in _facts(found) if text])]


def _meaning(cell: Cell) -> str:
    """The first sentence of a cell's docstring."""
    return (inspect.getdoc(cell.function) or "").split("\n")[0]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    kinds = [f"{m['name']} {m['structure']}" for m in found["matrices"] if m["structure"] != "full"]
    stacked = f"{found['matrix_count']}, stacked {found['stacked']}" if found["stacked"] else str(found["matrix_count"])
    return [
        ("gates", " ".join(found["gates"])),
        ("matrices", ", ".join([stacked, *kinds])),
        ("sizes", ", ".join(f"{name} {value}" for name, value in found["sizes"].items())),
        ("parameters", f"{found['parameter_count']:,}: " + ", ".join(f"{name} {shape}" for name, shape in found["parameters"].items())),
        ("state", f"{' '.join(found['states'])}, {found['state_count']:,} numbers" if found["states"] else "none"),
        *_schedule(found),
        ("source", found["source"]),
    ]


def _schedule(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Phases and what is saved; a function without a state has none."""
    if "phases" not in found:
        return []
    phases, saved = found["phases"], found["saved"]
    course = [f"{way} {' / '.join(phases[way]) or 'none'}" for way in ("forward", "backward")]
    kept = ", ".join([*(f"{name} over time" for name in saved["states"]), *saved["values"]]) or "nothing"
    return [
        ("phases", f"{', '.join(course)} (nU: n products with the memory)"),
        ("loops", "  ".join("{" + " ".join(group) + "}" for group in phases["groups"])),
        ("saved", f"{saved['vectors_beyond_the_output']} vectors a step beyond the output: {kept}"),
    ]
