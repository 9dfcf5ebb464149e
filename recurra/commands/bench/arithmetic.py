"""Means, middles, and how many operations a call has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from recurra.commands.bench.shapes import Shape
from recurra.compiler import Program

T = TypeVar("T")


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean of ratios: 2 and 0.5 make 1."""
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))


def middle(results: Sequence[T], key: Callable[[T], float]) -> T:
    """The one in the middle by `key`; of two the lower."""
    return sorted(results, key=key)[(len(results) - 1) // 2]


def operations(program: Program, shape: Shape, training: bool, steps: int | None = None) -> int:
    """Floating-point operations of all matrix products; `steps`: how many steps all rows have together, T * B if they are full.

    A multiply-add is two. Backward, a product costs two more of its size: for the gradient of its source and of its matrix.
    A matrix that is full of zeros by structure (triangular) counts in full, as the eager loop computes it; blocks count as they are.
    """
    shapes = program.parameters(shape.sizes(program))
    numbers = sum(math.prod(shapes[f"weight_{m.name}"]) for m in program.matrices if not m.diagonal)
    return 2 * numbers * (shape.steps * shape.batch if steps is None else steps) * (3 if training else 1)
