"""What turns the output of a recurrent layer into scores: a program without a state, so it runs in the engine like the layer below it."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor, nn

from recurra.cells import cell
from recurra.compiler import compile_cell
from recurra.engine import run


@cell(output_size="y", source="a linear layer")
def affine(x: Any) -> Any:
    """One learned map."""
    return x.y


@final
class Head(nn.Module):
    """A linear layer over each step; starts as torch.nn.Linear does, uniform within 1 / sqrt(input_size)."""

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.program = compile_cell(affine)
        self.sizes = {"input_size": input_size, "hidden_size": output_size, "output_size": output_size}
        for name, shape in self.program.parameters(self.sizes).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.sizes["input_size"])
        for value in self.parameters():
            nn.init.uniform_(value, -bound, bound)

    def forward(self, x: Tensor, lengths: Tensor | None = None, backend: str | None = None) -> Tensor:
        """[T, B, input_size] to [T, B, output_size], 0 beyond `lengths` [B]."""
        y, _ = run(self.program, {"x": x}, {}, dict(self.named_parameters()), lengths=lengths, backend=backend)
        return y
