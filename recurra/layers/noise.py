"""What a layer drops, and how its program is rewritten for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from recurra.compiler import Program
from recurra.errors import ConfigurationError, check_choice
from recurra.layers.checks import check_rate


@dataclass(frozen=True)
class Noise:
    """The variational rates (one mask for all steps of a row: Gal & Ghahramani 2016) and zoneout's (Krueger et al. 2017) by state."""

    input: float
    output: float
    recurrent: float
    zoneout: Mapping[str, float]
    # The states that recurrent dropout masks; none where its rate is 0.
    masked: tuple[str, ...] = ()

    @property
    def variational(self) -> bool:
        """Whether a mask must be the same for all steps, so that single steps cannot be trained."""
        return max(self.input, self.output, self.recurrent) > 0


def noise_of(
    who: str, program: Program, input_dropout: float, output_dropout: float, recurrent_dropout: float, zoneout: float | Mapping[str, float]
) -> Noise:
    """The rates of a layer, checked. Raises ConfigurationError for a rate that the cell gives no meaning."""
    for name, rate in (("input_dropout", input_dropout), ("output_dropout", output_dropout), ("recurrent_dropout", recurrent_dropout)):
        check_rate(who, name, rate)
    rates = dict(zoneout) if isinstance(zoneout, Mapping) else dict.fromkeys(program.states, zoneout)
    for state, rate in rates.items():
        check_choice(who, "state in zoneout", state, program.states)
        check_rate(who, "zoneout", rate)
    if not isinstance(zoneout, Mapping):
        check_rate(who, "zoneout", zoneout)
        if zoneout and not program.states:
            raise ConfigurationError(f"{who}: zoneout keeps values of the state, and {program.name} has no state.")
    masked = _read_by_matrices(program) if recurrent_dropout else ()
    if recurrent_dropout and not masked:
        raise ConfigurationError(f"{who}: recurrent_dropout drops what a matrix reads of the state, and {program.name} has no such matrix.")
    return Noise(input_dropout, output_dropout, recurrent_dropout, {k: rate for k, rate in rates.items() if rate}, masked)


def _read_by_matrices(program: Program) -> tuple[str, ...]:
    """The states that a full matrix reads: what recurrent dropout can drop."""
    leaves = program.with_dropout(program.states).leaves
    return tuple(state for state in program.states if ("mask", state) in leaves)


def noisy(program: Program, noise: Noise, training: bool, forced: tuple[str, ...]) -> Program:
    """The program that a layer runs: teacher forcing first, since what is forced is dropped too."""
    for state in forced:
        program = program.with_forcing(state)
    if training and noise.masked:
        program = program.with_dropout(noise.masked)
    if noise.zoneout:
        program = program.with_zoneout(noise.zoneout, training)
    return program


def mask(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """0 for a share `rate` of the values, 1 / (1 - rate) for the others: a mean of 1."""
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - rate).div_(1 - rate)


def dropped(value: Tensor, rate: float) -> Tensor:
    """A sequence [T, B, n] under one mask for all its steps."""
    return value * mask((1, *value.shape[1:]), rate, value)


def kept(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """Zoneout's choice: True for a share `rate` of the values, which keep what they were."""
    return torch.empty(shape, dtype=torch.bool, device=like.device).bernoulli_(rate)
