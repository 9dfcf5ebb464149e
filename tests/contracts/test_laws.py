"""Worked examples with numbers that anyone can check with a pencil."""

from __future__ import annotations

import math

import pytest
import torch

from recurra.cells import find
from recurra.compiler import compile_cell
from recurra.engine import run
from tests.cells.cases import draw, program_of
from tests.tolerances import assert_near

LINEAR = {"nonlinearity": "identity"}
ORDERS = [([1, 1, 2], [4, 12, 32]), ([2, 1, 1], [8, 20, 44])]


@pytest.mark.parametrize(("inputs", "outputs"), ORDERS)
def test_two_linear_units_remember_the_order(inputs: list[int], outputs: list[int]) -> None:
    """All weights 1, no bias, a memory that starts at 0; the output layer adds the two units up."""
    hidden, head = compile_cell(find("elman"), constants=LINEAR, bias=""), compile_cell(find("feedforward"), constants=LINEAR, bias="")
    ones = torch.ones(2, 2, dtype=torch.float64)
    x = torch.tensor(inputs, dtype=torch.float64)[:, None, None].expand(-1, 1, 2)
    h, _ = run(hidden, {"x": x}, {"h": torch.zeros(1, 2, dtype=torch.float64)}, {"weight_ih": ones, "weight_hh": ones})
    y, _ = run(head, {"x": h}, {}, {"weight_ih": ones})
    assert y[:, 0].tolist() == [[v, v] for v in outputs]


def test_the_same_net_with_its_output_as_memory() -> None:
    program = compile_cell(find("jordan"), constants={**LINEAR, "feedback": "identity"}, bias="")
    ones = torch.ones(2, 2, dtype=torch.float64)
    x = torch.tensor([1.0, 1, 2], dtype=torch.float64)[:, None, None].expand(-1, 1, 2)
    parameters = {"weight_ih": ones, "weight_yh": ones, "weight_hy": ones}
    y, _ = run(program, {"x": x}, {"y": torch.zeros(1, 2, dtype=torch.float64)}, parameters)
    assert y[:, 0].tolist() == [[v, v] for v in (4, 20, 88)]


@pytest.mark.parametrize(
    ("w", "value", "derivative"), [(1.0, 1.0, 999.0), (1.01, 20_751.64, 2.05256e7), (0.99, 4.36073e-5, 0.0440038), (0.01, 0.0, 0.0)]
)
def test_a_thousand_steps_through_one_weight(w: float, value: float, derivative: float) -> None:
    program = compile_cell(find("elman"), constants=LINEAR, bias="")
    weight = torch.tensor([[w]], dtype=torch.float64, requires_grad=True)
    x = torch.zeros(1000, 1, 1, dtype=torch.float64)
    x[0] = 1
    parameters = {"weight_ih": torch.ones(1, 1, dtype=torch.float64), "weight_hh": weight}
    y, _ = run(program, {"x": x}, {"h": torch.zeros(1, 1, dtype=torch.float64)}, parameters)
    (grad,) = torch.autograd.grad(y[-1].sum(), weight)
    # As printed, to the digits given; then to all digits.
    assert y[-1].item() == pytest.approx(value, rel=1e-6, abs=1e-300)
    assert grad.item() == pytest.approx(derivative, rel=3e-6, abs=1e-300)
    assert y[-1].item() == pytest.approx(math.pow(w, 999), rel=1e-11)
    assert grad.item() == pytest.approx(999 * math.pow(w, 998), rel=1e-11)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "ugrnn"])
def test_the_stacked_matrix(name: str) -> None:
    """[x, h] times the stacked matrix [G * H, I + H] equals x U + h W, in one step of a cell that is nothing but its gates."""
    d = draw(program_of(name), steps=1)
    x, h, U, W = d.inputs["x"][0], d.state["h"], d.parameters["weight_ih"], d.parameters["weight_hh"]
    assert_near(torch.cat([x, h], -1) @ torch.cat([U, W], 1).T, x @ U.T + h @ W.T)
    elman = compile_cell(find("elman"), constants=LINEAR, bias="")
    y, _ = run(elman, {"x": d.inputs["x"]}, {"h": h}, {"weight_ih": U[:6], "weight_hh": W[:6]})
    assert_near(y[0], (torch.cat([x, h], -1) @ torch.cat([U, W], 1).T)[:, :6])
