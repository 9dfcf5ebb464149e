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
    "two axes": ({"inputs": {"x": torch.zeros(3, 4)}}, ShapeError, "lstm: x must have shape (T, B, n), got (3, 4)."),
    "unknown input": (
        {"inputs": {"x": torch.zeros(5, 3, 4), "xx": torch.zeros(5, 3, 4)}},
        ConfigurationError,
        "lstm: unknown input 'xx'; did you mean 'x'?",
    ),
    "width": (
        {"inputs": {"x": torch.zeros(5, 3, 7)}},
        ShapeError,
        "lstm: x must have shape (T=5, B=3, input_size=4), got (5, 3, 7).",
    ),
    "no state": ({"state": {}}, ConfigurationError, "lstm: the state 'h' must be given, a tensor (B, n)"),
    "half a state": ({"state": {"h": torch.zeros(3, 6)}}, ConfigurationError, "lstm: the state 'c' must be given, a tensor (B, n)"),
    "unknown state": (
        {"state": {"h": torch.zeros(3, 6), "c": torch.zeros(3, 6), "s": torch.zeros(3, 6)}},
        ConfigurationError,
        "lstm: unknown state 's'; expected one of h c",
    ),
    "narrow state": (
        {"state": {"h": torch.zeros(3, 6), "c": torch.zeros(3, 5)}},
        ShapeError,
        "lstm: state c must have shape (B=3, hidden_size=6), got (3, 5).",
    ),
    "a state for one row": (
        {"state": {"h": torch.zeros(1, 6), "c": torch.zeros(3, 6)}},
        ShapeError,
        "lstm: state h must have shape (B=3, hidden_size=6), got (1, 6).",
    ),
    "a state with layers": (
        {"state": {"h": torch.zeros(1, 3, 6), "c": torch.zeros(3, 6)}},
        ShapeError,
        "lstm: state h must have shape (B=3, hidden_size=6), got (1, 3, 6).",
    ),
    "unknown initial": ({"initial": {"hh": torch.zeros(6)}}, ConfigurationError, "lstm: unknown initial state 'hh'; did you mean 'h'?"),
    "wide initial": (
        {"initial": {"h": torch.zeros(3, 7)}},
        ShapeError,
        "lstm: initial h must have shape (B=3, hidden_size=6), got (3, 7).",
    ),
    "no parameter": ({"parameters": {}}, ConfigurationError, "lstm: the parameter 'weight_ih' must be given"),
    "a mask that nobody asked for": ({"masks": {"h": torch.ones(3, 6)}}, ConfigurationError, "lstm: there is no mask, got 'h'"),
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


def test_parameters_must_agree() -> None:
    d = draw(program_of("lstm"))
    for name, shape, message in (
        ("weight_hh", (24, 5), "lstm: weight_hh must have shape (24, 6), got (24, 5)."),
        ("weight_ih", (23, 4), "lstm: weight_ih must have shape (20, 4), got (23, 4)."),
        ("weight_hh", (24,), "lstm: weight_hh must have shape (24, 6), got (24)."),
        ("bias_hh", (6,), "lstm: bias_hh must have shape (24), got (6)."),
    ):
        with pytest.raises(ShapeError) as caught:
            run(d.program, d.inputs, d.state, {**d.parameters, name: torch.zeros(shape, dtype=torch.float64)})
        assert str(caught.value) == message


def test_masks_must_fit() -> None:
    d = draw(program_of("lstm"))
    program = d.program.with_dropout(["h"])
    for masks, kind, message in (
        ({}, ConfigurationError, "lstm: the mask 'h' must be given, a tensor (B, n)"),
        ({"c": torch.ones(3, 6)}, ConfigurationError, "lstm: unknown mask 'c'; expected one of h"),
        ({"h": torch.ones(3, 5)}, ShapeError, "lstm: mask h must have shape (B=3, hidden_size=6), got (3, 5)."),
    ):
        with pytest.raises(kind) as caught:
            run(program, d.inputs, d.state, d.parameters, masks=masks)
        assert str(caught.value) == message


def test_a_step_number_must_be_one_a_row() -> None:
    d = draw(program_of("clockwork"))
    for t, kind, message in (
        (None, ConfigurationError, "clockwork: the state 't' must be given, a tensor (B)"),
        (torch.zeros(3, 1, dtype=torch.int64), ShapeError, "clockwork: state t must have shape (B=3), got (3, 1)."),
        (torch.zeros(3), ConfigurationError, "clockwork: state t must be whole numbers, got torch.float32. Use t.long()"),
    ):
        with pytest.raises(kind) as caught:
            run(d.program, d.inputs, {"h": d.state["h"]} | ({} if t is None else {"t": t}), d.parameters)
        assert str(caught.value) == message


def test_one_initial_state_may_stand_for_all_rows() -> None:
    d = draw(program_of("lstm"))
    resets = torch.ones(5, 3, dtype=torch.bool)
    one = {k: v[:1] for k, v in d.initial.items()}
    want, _ = run(d.program, d.inputs, d.state, d.parameters, resets=resets, initial={k: v.expand(3, -1) for k, v in one.items()})
    for initial in (one, {k: v[0] for k, v in one.items()}):
        assert torch.equal(run(d.program, d.inputs, d.state, d.parameters, resets=resets, initial=initial)[0], want)
