"""What is measured: which cell, at which shape, beside whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from recurra.cells import find, names
from recurra.cells.notation import REDUCTIONS, ROW_FUNCTIONS
from recurra.commands.bench.shapes import LARGE, RAGGED, ROUND, SHAPES, SMALL, STEP, Shape
from recurra.compiler import Program, compile_cell
from recurra.compiler.phases import phases
from recurra.errors import ConfigurationError, check_choice

GROUPS = ("single", "batched", "ragged", "cells", "compile", "memory", "stream")
# The cells that torch has, and what it calls them.
TORCH = {"lstm": "LSTM", "gru": "GRU", "elman": "RNN"}
OWN = f"{Path(__file__).with_name('own.py')}:ugrnn"
MODES = ("training", "inference")
CACHES = ("empty", "disk")


@dataclass(frozen=True)
class Job:
    """One thing to measure in fresh processes: `kind` names the module of `child` that does it, `peer` what stands beside ours."""

    kind: str
    group: str
    cell: str
    shape: Shape
    peer: str = ""
    mode: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.group, label(self.cell), str(self.shape), self.peer, self.mode) if word)


def plan(cells: Sequence[str] | None, shapes: Sequence[Shape] | None, groups: Sequence[str] | None) -> tuple[list[Job], list[str]]:
    """The jobs in their order, and sentences about what cannot be measured here; None stands for all.

    Raises ConfigurationError for an unknown cell or group, a shape that a cell cannot have, and where nothing is left.
    """
    chosen = [*names(), OWN] if cells is None else list(cells)
    wanted = GROUPS if groups is None else tuple(groups)
    for group in wanted:
        check_choice("bench", "group", group, GROUPS)
    jobs = [job for group in GROUPS if group in wanted for job in _jobs(group, chosen, shapes)]
    notes = []
    if any(job.peer == "scan" for job in jobs) and find_spec("jax") is None:
        jobs = [job for job in jobs if job.peer != "scan"]
        notes.append("lax.scan is not measured: jax is not installed.")
    if not jobs:
        raise ConfigurationError("bench: nothing to measure: none of the cells and shapes belongs to these groups.")
    for job in jobs:
        _check(job)
    return jobs, notes


def _jobs(group: str, cells: Sequence[str], shapes: Sequence[Shape] | None) -> list[Job]:
    known, others = [c for c in cells if c in TORCH], [c for c in cells if c not in TORCH]
    every = SHAPES if shapes is None else shapes
    if group in ("single", "batched"):
        of_kind = [shape for shape in every if shape.kind == group]
        jobs = [Job("speed", group, cell, shape, "torch") for cell in known for shape in of_kind]
        return jobs + [Job("speed", group, "lstm", shape, "scan") for shape in of_kind if group == "batched" and "lstm" in known]
    if group == "ragged":
        return [Job("speed", group, cell, shape, "packed") for cell in known for shape in (RAGGED if shapes is None else shapes)]
    if group == "cells":
        jobs = [Job("speed", group, cell, shape, "loop") for cell in others for shape in every]
        return jobs + [Job("speed", group, cell, ROUND, "elman") for cell in others if cell == "clockwork"]
    if group == "compile":
        return [Job("first", group, cell, SMALL, cache, mode) for cell in cells for cache in CACHES for mode in MODES]
    if group == "memory":
        return [Job("peak", group, "lstm", shape, "torch") for shape in (LARGE if shapes is None else shapes) if "lstm" in known]
    return [Job("stream", group, cell, STEP, "torch") for cell in known]


def _check(job: Job) -> None:
    program = compile_cell(find(job.cell))
    if len(program.inputs) != 1:
        raise ConfigurationError(f"bench: {label(job.cell)} reads {' and '.join(program.inputs)}: only cells with one input are measured.")
    program.parameters(job.shape.sizes(program))


def label(cell: str) -> str:
    """A cell's name, or the file's and the function's."""
    return Path(cell).name


def remark(program: Program) -> str:
    """Why there is no bar for a program beside its loop, or nothing."""
    if not program.states or not any("U" in phase for phase in phases(program).forward):
        return "no recurrent product"
    return "row-wise operations" if any(node.op in (*REDUCTIONS, *ROW_FUNCTIONS) for node in program.nodes) else ""
