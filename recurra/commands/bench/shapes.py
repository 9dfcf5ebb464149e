"""The sizes that are measured."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from recurra.compiler import Program
from recurra.errors import ConfigurationError


@dataclass(frozen=True)
class Shape:
    """Steps, batch, inputs and hidden units of a layer's call, written T/B/I/H."""

    steps: int
    batch: int
    inputs: int
    hidden: int

    @classmethod
    def parse(cls, text: str) -> Shape:
        """From `100/1/128/128`. Raises ConfigurationError."""
        if not re.fullmatch(r"\s*[1-9]\d*(/[1-9]\d*){3}\s*", text):
            raise ConfigurationError(f"bench: a shape must be T/B/I/H, four whole numbers above 0 as in 100/1/128/128, got {text!r}.")
        return cls(*map(int, text.split("/")))

    def __str__(self) -> str:
        return f"{self.steps}/{self.batch}/{self.inputs}/{self.hidden}"

    @property
    def kind(self) -> str:
        """One row is `single`, more are `batched`: two means, since they are two problems."""
        return "single" if self.batch == 1 else "batched"

    def sizes(self, program: Program) -> dict[str, int]:
        """The numbers of a program's sizes: every one but the input's is `hidden`."""
        return dict.fromkeys(program.size_names, self.hidden) | {"input_size": self.inputs}

    def lengths(self) -> list[int]:
        """Lengths uniform in 1..T, one a row, the same in every process."""
        draw = random.Random(1)
        return [draw.randint(1, self.steps) for _ in range(self.batch)]


def shapes_of(texts: Sequence[str]) -> tuple[Shape, ...]:
    """Each text as a shape. Raises ConfigurationError."""
    return tuple(map(Shape.parse, texts))


SHAPES = shapes_of(["100/1/128/128", "1000/1/64/64", "100/16/128/128", "28/64/28/128", "50/128/64/64", "100/32/256/256", "64/64/512/512"])
RAGGED = shapes_of(["100/7/100/100", "100/32/256/256"])
LARGE = shapes_of(["100/32/256/256", "64/64/512/512"])
# A few small steps: what takes time there is compiling.
SMALL = Shape(5, 2, 16, 16)
# As many steps as a clock of eight octaves needs to come round.
ROUND = Shape(128, 16, 128, 128)
STEP = Shape(1, 1, 128, 128)
