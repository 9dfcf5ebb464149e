"""What the engine refuses, in full."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from recurra.engine import run
from recurra.errors import ConfigurationError, RecurraError, ShapeError
from tests.cells.cases import draw, program_of

WRONG: dict[str, tuple[dict[str, Any], type[RecurraError], str]] = {
    "no input": ({"inputs": {}}, ConfigurationError, "lstm: the input 'x' must be given, a tensor (T, B, n)"),
    "two axes": ({"inputs": {"x": torch.zeros(3, 4)}}, ShapeError, "lstm: x must have shape (T=3, B=4, n), got (3, 4)."),
    "backend": ({"backend": "cpus"}, ConfigurationError, "lstm: unknown backend 'cpus'; did you mean 'cpu'?"),
    "fractions": (
        {"lengths": torch.ones(3)},
        ConfigurationError,
        "lstm: lengths must be whole numbers, got torch.float32. Use lengths.long()",
    ),
    "too long": ({"lengths": torch.tensor([1, 2, 6])}, ShapeError, "lstm: lengths must lie in 0..5, got 1..6."),
    "negative": ({"lengths": torch.tensor([-1, 2, 5])}, ShapeError, "lstm: lengths must lie in 0..5, got -1..5."),
    "too few lengths": ({"lengths": torch.tensor([1, 2])}, ShapeError, "lstm: lengths must have shape (B=3), got (2)."),
    "resets": ({"resets": torch.zeros(3, 5)}, ShapeError, "lstm: resets must have shape (T=5, B=3), got (3, 5)."),
}


@pytest.mark.parametrize(("changes", "kind", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(changes: dict[str, Any], kind: type[RecurraError], message: str) -> None:
    d = draw(program_of("lstm"))
    arguments = {"inputs": d.inputs, "state": d.state, "parameters": d.parameters, **changes}
    with pytest.raises(kind) as caught:
        run(d.program, **arguments)
    assert str(caught.value) == message
