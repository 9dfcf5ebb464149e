"""Calling a cell's function with symbols: what comes back is its graph, not yet sized or named."""

from __future__ import annotations

import inspect
import math
import numbers
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.cells.declaration import REQUIRED, Cell, blocks, learned, octaves
from recurra.cells.notation import NONLINEARITIES, Node, Trace, tracing
from recurra.errors import CellError, suggest

Units = tuple[float, ...] | octaves


@dataclass(frozen=True)
class Traced:
    """A cell's nodes, the nodes of its renewed states (or its one result), and what its constants became."""

    nodes: tuple[Node, ...]
    new: tuple[int, ...]
    units: Mapping[str, Units]
    starts: Mapping[str, float]


def trace(cell: Cell, constants: Mapping[str, Any]) -> Traced:
    """Trace twice: a cell that is random, or keeps state between calls, gives two different graphs and is refused."""
    first, second = _trace_once(cell, constants), _trace_once(cell, constants)
    if (first.nodes, first.new) != (second.nodes, second.new):
        raise CellError(
            f"{cell.name}: two traces gave two different cells: a cell may not be random or keep state; dropout belongs to the layer"
        )
    return first


def reach(nodes: Sequence[Node], targets: Iterable[int], stop: frozenset[int] | set[int] = frozenset()) -> list[int]:
    """The nodes that `targets` are computed from, themselves included, in order; not what lies below `stop`."""
    seen: set[int] = set()
    todo = list(targets)
    while todo:
        n = todo.pop()
        if n not in seen:
            seen.add(n)
            todo += () if n in stop else nodes[n].args
    return sorted(seen)


def _trace_once(cell: Cell, constants: Mapping[str, Any]) -> Traced:
    record = Trace(cell.scalars)
    leaves = [record.symbol("input", attr=k, scalar=k in cell.scalars) for k in cell.inputs]
    leaves += [record.symbol("state", attr=k, scalar=k in cell.scalars) for k in cell.states]
    with tracing(record):
        try:
            values, units, starts = _bind(cell, constants, record)
            result = cell.function(*leaves, **values)
            new = tuple(record.lift(v) for v in _results(cell, result))
        except CellError as error:
            raise CellError(f"{cell.name}: {error}{_line(cell, error)}") from None
        except Exception as error:
            raise CellError(f"{cell.name}: {type(error).__name__}: {error}{_line(cell, error)}") from error
    return _pruned(record.nodes, new, len(leaves), units, starts)


def _pruned(nodes: list[Node], new: tuple[int, ...], leaves: int, units: dict[str, Units], starts: dict[str, float]) -> Traced:
    """Without what no state needs; inputs and states stay, read or not."""
    kept = sorted({*range(leaves), *reach(nodes, new)})
    to = {n: j for j, n in enumerate(kept)}
    moved = tuple(Node(v.op, tuple(to[a] for a in v.args), v.attr, v.scalar) for v in (nodes[n] for n in kept))
    return Traced(moved, tuple(to[n] for n in new), units, starts)


def _bind(cell: Cell, given: Mapping[str, Any], record: Trace) -> tuple[dict[str, Any], dict[str, Units], dict[str, float]]:
    """The constants as the function sees them: plain numbers and functions stay Python, the rest become symbols."""
    if "t" in given and cell.constants.get("t") is REQUIRED:
        raise CellError("t is the step number, which the loop counts")
    counts = {s.count for s in cell.structure.values() if isinstance(s, blocks)}
    for key in given:
        if key not in cell.constants and key not in counts:
            raise CellError(f"no constant {key!r}{suggest(key, cell.constants) if cell.constants else '; it has none'}")
    values: dict[str, Any] = {}
    units: dict[str, Units] = {}
    starts: dict[str, float] = {}
    for key, value in {**cell.constants, **{k: v for k, v in given.items() if k in cell.constants}}.items():
        if key == "t" and value is REQUIRED:
            values[key] = record.symbol("step", attr="t", scalar=True)
        elif value is REQUIRED:
            raise CellError(f"{key} must be given: Recurrent({cell.name}, ..., {key}=...)")
        elif value is learned or isinstance(value, learned):
            starts[key] = float(getattr(value, "start", 0.0)) if value is not learned else 0.0
            values[key] = record.symbol("learned", attr=key, scalar=False)
        elif isinstance(value, str) and callable(cell.constants[key]):
            if value not in NONLINEARITIES:
                raise CellError(f"unknown {key} {value!r}{suggest(value, NONLINEARITIES)}")
            values[key] = NONLINEARITIES[value]
        elif isinstance(value, bool | numbers.Real | str) or callable(value) or value is None:
            values[key] = value
        else:
            units[key] = value if isinstance(value, octaves) else _array(key, value)
            values[key] = record.symbol("unit", attr=key, scalar=False)
    return values, units, starts


def _array(key: str, value: Any) -> tuple[float, ...]:
    """An array constant, one finite number a unit."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    try:
        if not isinstance(listed, list | tuple):
            raise TypeError(key)
        numbers_ = tuple(float(v) for v in listed)
    except (TypeError, ValueError):
        raise CellError(f"{key} must be a number, a function, learned(start) or one number a unit, got {type(value).__name__}") from None
    if not all(map(math.isfinite, numbers_)):
        raise CellError(f"{key} must be finite")
    return numbers_


def _results(cell: Cell, result: Any) -> tuple[Any, ...]:
    """What the function returned, one value a state; a function without a state returns its one output."""
    want = ", ".join(cell.states) or "one value"
    if result is None:
        raise CellError(f"returned nothing; it must return {want}")
    if isinstance(result, list | dict | set):
        raise CellError(f"must return {want}, got a {type(result).__name__}")
    values = result if isinstance(result, tuple) else (result,)
    if len(values) != max(1, len(cell.states)):
        # A required constant that stands among the states is the likeliest reason for too few values.
        hint = ". Constants stand after *" if len(values) < len(cell.states) else ""
        raise CellError(f"must return {want}, got {len(values)} value{'s' * (len(values) != 1)}{hint}")
    if "t" in cell.states:
        raise CellError("no state may be called t: it is the step number, a constant: put it after *")
    return values


def _line(cell: Cell, error: BaseException) -> str:
    """Where in the user's file it happened: the last line of that file in the traceback, else the line of the function."""
    try:
        file = inspect.getfile(cell.function)
    except TypeError:
        return ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}, line {lines[-1] if lines else cell.function.__code__.co_firstlineno})"
