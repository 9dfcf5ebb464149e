"""What the parameters of a layer are before training, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from recurra.compiler import Program
from recurra.errors import ConfigurationError, check_choice

Parameters = Mapping[str, Tensor]


def check_initialisation(who: str, program: Program, init: str, forget_bias: float | None, max_length: int | None) -> None:
    """Raise ConfigurationError for an unknown name, and for one that the cell gives no meaning."""
    check_choice(who, "init", init, INITIALISATIONS)
    if init == "chrono" and forget_bias is not None:
        raise ConfigurationError(f"{who}: init='chrono' sets the bias of the gate f, so forget_bias cannot.")
    if (init == "chrono") != (max_length is not None):
        raise ConfigurationError(f"{who}: max_length, the longest dependence in steps, belongs to init='chrono': give both or neither.")
    if max_length is not None and max_length < 3:
        raise ConfigurationError(f"{who}: max_length must be at least 3 steps, got {max_length}.")
    if (init == "chrono" or forget_bias is not None) and not any(m.bias and "f" in m.gates for m in program.matrices):
        wish = "init='chrono'" if init == "chrono" else "forget_bias"
        raise ConfigurationError(f"{who}: {wish} needs a bias of a gate called f, and {program.name} has none.")


@torch.no_grad()
def start(
    program: Program, sizes: Mapping[str, int], parameters: Parameters, init: str, forget_bias: float | None, max_length: int | None
) -> None:
    """Fill the parameters of one layer and direction.

    `torch`: uniform within 1 / sqrt(hidden_size), in torch's order, so that one seed gives torch's weights. `orthogonal`: each gate's
    block of a recurrent matrix orthogonal (Saxe et al. 2014), input matrices by Glorot & Bengio 2010, biases 0. `chrono`: torch's, and
    the biases of f and i as in Tallec & Ollivier 2018. What a cell starts at a number (gains, shifts, learned constants) stays there.
    """
    INITIALISATIONS[init](program, sizes, parameters)
    for name, value in program.starts(sizes).items():
        parameters[name].fill_(value)
    if forget_bias is not None:
        _set_bias(program, parameters, "f", forget_bias)
    if max_length is not None:
        _chrono(program, parameters, max_length)


def _torch(program: Program, sizes: Mapping[str, int], parameters: Parameters) -> None:
    bound = 1.0 / math.sqrt(sizes["hidden_size"]) if sizes["hidden_size"] > 0 else 0.0
    fixed = program.starts(sizes)
    for name, value in parameters.items():
        if name not in fixed:
            nn.init.uniform_(value, -bound, bound)


def _orthogonal(program: Program, sizes: Mapping[str, int], parameters: Parameters) -> None:
    _torch(program, sizes, parameters)
    for matrix in program.matrices:
        weight = parameters[f"weight_{matrix.name}"]
        if matrix.bias:
            parameters[f"bias_{matrix.name}"].zero_()
        # A vector has no direction to keep: it stays uniform.
        if matrix.diagonal:
            continue
        fill = nn.init.xavier_uniform_ if _reads_input(program, matrix.name) else nn.init.orthogonal_
        # A matrix of `heads` blocks is stored [gates * heads * rows, columns of one block].
        heads = getattr(matrix.structure, "count", 1)
        for block in weight.chunk(len(matrix.gates) * heads):
            fill(block)


def _reads_input(program: Program, matrix: str) -> bool:
    source = matrix.split("_")[0] if "_" in matrix else matrix[0]
    return source in ("i", *program.inputs[1:])


def _chrono(program: Program, parameters: Parameters, max_length: int) -> None:
    """b_f = log u, b_i = -log u with u uniform from 1 to max_length - 1: the units forget over all scales up to max_length."""
    value = torch.empty_like(_biases(program, parameters, "f")[0]).uniform_(1, max_length - 1).log()
    _set_bias(program, parameters, "f", value)
    _set_bias(program, parameters, "i", -value)


def _set_bias(program: Program, parameters: Parameters, gate: str, value: Tensor | float) -> None:
    """Share a value out to the biases of one gate, so that their sum is it."""
    biases = _biases(program, parameters, gate)
    for bias in biases:
        bias.copy_(torch.as_tensor(value, dtype=bias.dtype, device=bias.device) / len(biases))


def _biases(program: Program, parameters: Parameters, gate: str) -> list[Tensor]:
    """The rows of a gate in every bias that has them."""
    holders = [m for m in program.matrices if m.bias and gate in m.gates]
    return [parameters[f"bias_{m.name}"].chunk(len(m.gates))[m.gates.index(gate)] for m in holders]


INITIALISATIONS: dict[str, Callable[[Program, Mapping[str, int], Parameters], None]] = {
    "torch": _torch,
    "orthogonal": _orthogonal,
    "chrono": _torch,
}
