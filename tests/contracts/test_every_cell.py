"""What holds for every cell, built in or written by a user: alone = in a batch, padded = unpadded, whole = in pieces, forked = both."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recurra.engine import run
from tests.cells.cases import CELLS, B, Drawn, T, draw, program_of
from tests.tolerances import assert_near


def steps(d: Drawn, state: dict[str, Tensor], start: int, end: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Some steps of the sequence from a state."""
    return run(d.program, {k: v[start:end] for k, v in d.inputs.items()}, state, d.parameters)


def assert_same(got: tuple[Tensor, dict[str, Tensor]], want: tuple[Tensor, dict[str, Tensor]]) -> None:
    """Outputs and final states agree."""
    assert_near(got[0], want[0])
    assert got[1].keys() == want[1].keys()
    for k, value in want[1].items():
        torch.testing.assert_close(got[1][k], value)


@pytest.mark.parametrize("name", CELLS)
def test_alone_equals_in_a_batch(name: str) -> None:
    d = draw(program_of(name))
    y, final = steps(d, d.state, 0, T)
    for b in range(B):
        inputs, state = {k: v[:, b : b + 1] for k, v in d.inputs.items()}, {k: v[b : b + 1] for k, v in d.state.items()}
        alone = run(d.program, inputs, state, d.parameters)
        assert_same(alone, (y[:, b : b + 1], {k: v[b : b + 1] for k, v in final.items()}))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", CELLS)
def test_padded_equals_unpadded(name: str, reverse: bool) -> None:
    d = draw(program_of(name))
    lengths = torch.tensor([2, 5, 4])
    y, final = run(d.program, d.inputs, d.state, d.parameters, lengths=lengths, reverse=reverse)
    for b, length in enumerate(lengths.tolist()):
        inputs, state = {k: v[:length, b : b + 1] for k, v in d.inputs.items()}, {k: v[b : b + 1] for k, v in d.state.items()}
        alone = run(d.program, inputs, state, d.parameters, reverse=reverse)
        assert_same((y[:length, b : b + 1], {k: v[b : b + 1] for k, v in final.items()}), alone)
        assert not y[length:, b].any()


@pytest.mark.parametrize("name", CELLS)
def test_whole_equals_any_split(name: str) -> None:
    d = draw(program_of(name))
    whole = steps(d, d.state, 0, T)
    # The bits of a number say after which steps it is cut: all 16 ways.
    for cuts in range(2 ** (T - 1)):
        ends = [t for t in range(1, T) if cuts >> (t - 1) & 1] + [T]
        state, outputs, start = d.state, [], 0
        for end in ends:
            y, state = steps(d, state, start, end)
            outputs.append(y)
            start = end
        assert_same((torch.cat(outputs), state), whole)


@pytest.mark.parametrize("name", CELLS)
def test_a_state_can_be_forked(name: str) -> None:
    """Going on twice from one state gives the same twice: no step changes the state that it was given."""
    d = draw(program_of(name))
    _, middle = steps(d, d.state, 0, 2)
    kept = {k: v.clone() for k, v in middle.items()}
    first, second = steps(d, middle, 2, T), steps(d, middle, 2, T)
    assert torch.equal(first[0], second[0])
    for k, value in kept.items():
        assert torch.equal(middle[k], value)
        assert torch.equal(first[1][k], second[1][k])
