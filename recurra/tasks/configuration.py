"""From a cell and the keys of `[model]` to a program and the arguments of a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from recurra.cells import Cell, learned, octaves
from recurra.cells.declaration import REQUIRED
from recurra.compiler import Program, compile_cell
from recurra.errors import ConfigurationError
from recurra.layers import Recurrent
from recurra.models.amounts import Count
from recurra.tasks.schema import Section
from recurra.tasks.task import Task

# What a task decides itself, or what has no meaning for it.
DECIDED = ("batch_first", "bias", "device", "dtype", "input_dropout", "output_dropout")
SPOKEN = {"learned": (learned, float), "octaves": (octaves, int)}


def model_section(task: type[Task], cell: Cell) -> Section:
    """The keys of `[model]`: those of the task and its network, of the layers, and the constants and sizes of the cell."""
    help = f"a constant of {cell.name}, which has its own default"
    own: dict[str, Any] = {
        name: (_kind(default), Field(... if default is REQUIRED else None, description=help)) for name, default in constants(cell).items()
    }
    own |= dict.fromkeys(further_sizes(cell), (Count | None, Field(None, description=f"a size of {cell.name}; by default hidden_size")))
    return Section.of("model", [*task.constructors, Recurrent], DECIDED, own)


def constants(cell: Cell) -> dict[str, Any]:
    """The constants of a cell that a configuration can set, with their defaults: all but the step number."""
    return {name: default for name, default in cell.constants.items() if not (name == "t" and default is REQUIRED)}


def further_sizes(cell: Cell) -> list[str]:
    """The sizes of a cell beside its input, its hidden layer and its answer, such as context_size."""
    return [size for size in dict.fromkeys(cell.sizes.values()) if size not in ("hidden_size", "output_size")]


def compiled(task: type[Task], cell: Cell, model: dict[str, Any]) -> tuple[Program, dict[str, Any]]:
    """The program of a cell, and the keys of `[model]` with every number that it left open. Raises ConfigurationError, CellError."""
    if len(cell.inputs) > 1:
        raise ConfigurationError(f"{task.name}: {cell.name} needs the input {cell.inputs[1]}, which this task does not have.")
    given = {name: _spoken(model[name]) for name in constants(cell) if model[name] is not None}
    return compile_cell(cell, constants=given), {**model, **{size: model[size] or model["hidden_size"] for size in further_sizes(cell)}}


def task_settings(task: type[Task], model: Mapping[str, Any]) -> dict[str, Any]:
    """Those keys of a resolved `[model]` that the task is fitted with."""
    known = Section.of("model", task.constructors[:1]).schema.model_fields
    return {name: value for name, value in model.items() if name in known}


def network_settings(task: type[Task], program: Program, model: Mapping[str, Any]) -> dict[str, Any]:
    """Those keys of a resolved `[model]` that the network is built from; checked anew, since they may come from a file."""
    sizes = {name: (Count, ...) for name in program.size_names if name not in ("input_size", "hidden_size", "output_size")}
    section = Section.of("model", [task.constructors[1], Recurrent], DECIDED, sizes)
    known = section.schema.model_fields
    return section.resolve({name: value for name, value in model.items() if name in known})


def _kind(default: object) -> Any:
    """The type of a constant of which a default is known; None stands for the cell's own default."""
    if isinstance(default, bool):
        return bool | None
    if isinstance(default, int):
        return int | None
    return float | str | list[float] | None


def _spoken(value: Any) -> Any:
    """`learned(0.95)` and `octaves(4)` as they are written in a configuration."""
    found = re.fullmatch(r"(learned|octaves)\((.+)\)", value) if isinstance(value, str) else None
    if not found:
        return value
    kind, number = SPOKEN[found[1]]
    try:
        return kind(number(found[2]))
    except ValueError:
        raise ConfigurationError(f"model: {value!r} must be {found[1]} of a number, as in learned(0.95).") from None
