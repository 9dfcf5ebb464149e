"""Every cell, built in and sample, with the constants, sizes and random values that the tests run it with."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recurra.cells import registry
from recurra.compiler import Program, compile_cell
from tests.cells.samples import samples

# Sizes that all differ, so that no two can be mistaken for each other.
T, B, I, H = 5, 3, 4, 6  # noqa: E741
SIZES = {
    "input_size": I,
    "hidden_size": H,
    "output_size": 5,
    "context_size": 7,
    "proj_size": 2,
    "rank_size": 3,
    "memory_size": 8,
    "d_size": 9,
}
CELLS = {**registry, **samples}
CONSTANTS: dict[str, dict[str, Any]] = {
    "clockwork": {"period": [1, 1, 2, 2, 4, 4]},
    "lstm_variational": {"mask": [0.0, 2.0, 2.0, 0.0, 2.0, 0.0]},
    "slstm": {"num_heads": 2},
}


@dataclass(frozen=True)
class Drawn:
    """A program with random inputs, state, parameters and another state for the resets."""

    program: Program
    sizes: Mapping[str, int]
    inputs: dict[str, Tensor]
    state: dict[str, Tensor]
    initial: dict[str, Tensor]
    parameters: dict[str, Tensor]


def program_of(name: str, hidden: int = H) -> Program:
    """The compiled cell; array constants fit only H units, so another size takes one number for all."""
    constants = CONSTANTS.get(name, {})
    if hidden != H:
        constants = {k: v[:1] * hidden if isinstance(v, list) else 1 for k, v in constants.items()}
    return compile_cell(CELLS[name], constants=constants)


def sizes_of(program: Program, **sizes: int) -> dict[str, int]:
    """A number for each size of a program."""
    every = {**SIZES, **sizes}
    if program.same_size:
        every["input_size"] = every["hidden_size"]
    return {name: every[name] for name in program.size_names}


def draw(
    program: Program, *, steps: int = T, batch: int = B, dtype: torch.dtype = torch.float64, scale: float = 0.7, **sizes: int
) -> Drawn:
    """Random values, the same for the same program and sizes."""
    random = torch.Generator().manual_seed(zlib.crc32(program.name.encode()))
    numbers = sizes_of(program, **sizes)

    def normal(*shape: int) -> Tensor:
        return (torch.randn(*shape, generator=random, dtype=torch.float64) * scale).to(dtype)

    def states() -> dict[str, Tensor]:
        drawn = {k: normal(batch, program.state_size(k, numbers)) for k in program.states}
        if program.name == "slstm":
            # The normaliser of an sLSTM is never negative.
            drawn["n"] = drawn["n"].abs() + 0.5
        return drawn | ({"t": torch.randint(0, 9, (batch,), generator=random)} if program.uses_step else {})

    starts = program.starts(numbers)
    inputs = {k: normal(steps, batch, program.input_size(k, numbers)) for k in program.inputs}
    parameters = {k: normal(*shape) * (0.2 if k in starts else 1) + starts.get(k, 0) for k, shape in program.parameters(numbers).items()}
    return Drawn(program, numbers, inputs, states(), states(), parameters)
