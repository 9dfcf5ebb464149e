"""Derivatives of the reference, numerically, in float64: of inputs, parameters, initial states and the state of the resets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recurra.engine import run
from tests.cells.cases import CELLS, Drawn, draw, program_of

LENGTHS = torch.tensor([3, 5, 0])
RESETS = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=torch.bool)


def check(d: Drawn, *, fast: bool, **loop: Tensor | bool) -> None:
    """gradcheck of all outputs and final states by everything that can be differentiated by."""
    groups = [d.inputs, d.state, d.parameters, *([d.initial] if "resets" in loop else [])]
    where = [(j, k) for j, group in enumerate(groups) for k in group if k != "t"]
    leaves = [groups[j][k].clone().requires_grad_() for j, k in where]

    def outputs(*values: Tensor) -> tuple[Tensor, ...]:
        filled = [dict(group) for group in groups]
        for (j, k), value in zip(where, values, strict=True):
            filled[j][k] = value
        initial = filled[3] if len(filled) > 3 else None
        y, final = run(d.program, filled[0], filled[1], filled[2], initial=initial, **loop)  # type: ignore[arg-type]
        return y, *(final[k] for k in d.program.states)

    assert torch.autograd.gradcheck(outputs, leaves, fast_mode=fast)


@pytest.mark.parametrize("name", CELLS)
def test_every_cell(name: str) -> None:
    check(draw(program_of(name)), fast=True)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_with_lengths_and_resets(name: str, reverse: bool) -> None:
    check(draw(program_of(name)), fast=True, lengths=LENGTHS, resets=RESETS, reverse=reverse)


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("clockwork", "lstm_variational", "slstm")])
def test_every_cell_with_one_of_everything(name: str) -> None:
    check(draw(program_of(name, 1), steps=1, batch=1, hidden_size=1), fast=False)


def test_slstm_with_one_unit_a_head() -> None:
    check(draw(program_of("slstm"), steps=1, batch=1, hidden_size=2), fast=False)


@pytest.mark.parametrize("name", ["lstm", "gru", "scrn"])
def test_second_derivatives(name: str) -> None:
    d = draw(program_of(name), steps=2, batch=2)
    x = d.inputs["x"].clone().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda v: run(d.program, {"x": v}, d.state, d.parameters)[0], [x], fast_mode=True)


def test_the_step_number_is_passed_on_without_a_gradient() -> None:
    d = draw(program_of("clockwork"))
    parameters = {k: v.requires_grad_() for k, v in d.parameters.items()}
    _, final = run(d.program, d.inputs, d.state, parameters)
    assert final["t"].dtype == torch.int64
    assert final["t"].tolist() == (d.state["t"] + 5).tolist()
