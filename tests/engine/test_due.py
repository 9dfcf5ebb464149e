"""A network whose units run at different speeds computes only what is due."""

import pytest
import torch

import recurra
from tests.tolerances import assert_near

STEPS, UNITS = 128, 128


def _multiply_adds(layer, x):
    before = recurra.launches()["multiply_adds"]
    with torch.no_grad():
        layer(x, backend="cpu")
    return recurra.launches()["multiply_adds"] - before


@pytest.mark.parametrize("batch", [1, 7])
def test_eight_groups_cost_at_most_a_quarter(batch):
    x = torch.randn(STEPS, batch, UNITS)
    due, all_of_it = _multiply_adds(recurra.Clockwork(UNITS, UNITS), x), _multiply_adds(recurra.Elman(UNITS, UNITS), x)
    assert all_of_it == STEPS * batch * 2 * UNITS * UNITS
    assert 0 < due <= 0.25 * all_of_it


@pytest.mark.parametrize("units", [7, 16, 100, 128])
@pytest.mark.parametrize("period", [None, "mixed", "long"])
def test_what_is_left_out_is_not_missed(units, period):
    constants = {}
    if period == "mixed":
        constants["period"] = [float(1 + (3 * j) % 5) for j in range(units)]
    elif period == "long":
        constants["period"] = [1000.0] * units
    layer, x = recurra.Clockwork(5, units, **constants), torch.randn(40, 3, 5)
    with torch.no_grad():
        y, state = layer(x, backend="cpu")
        want, want_state = layer(x, backend="reference")
    assert_near(y, want)
    assert_near(state.h, want_state.h)


def test_rows_at_different_steps_of_their_own_are_right():
    layer, x = recurra.Clockwork(5, 32), torch.randn(20, 4, 5)
    resets = torch.zeros(20, 4, dtype=torch.bool)
    resets[3, 0] = resets[7, 1] = resets[8, 1] = True
    with torch.no_grad():
        y, state = layer(x, resets=resets, backend="cpu")
        want, want_state = layer(x, resets=resets, backend="reference")
    assert_near(y, want)
    assert torch.equal(state.t, want_state.t)
