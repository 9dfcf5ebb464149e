"""Three cells that nobody wrote: equations drawn at random from the operations of the notation."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import torch

from recurra.cells import Cell, cell
from recurra.cells.notation import (
    POINTWISE,
    REDUCTIONS,
    ROW_FUNCTIONS,
    Symbol,
    cos,
    exp,
    largest,
    log,
    log_sigmoid,
    maximum,
    mean,
    minimum,
    norm,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    stop,
    tanh,
    total,
    where,
)  # fmt: skip
from recurra.compiler import compile_cell
from recurra.engine.cpu.kernels import launches
from tests.cells.cases import draw
from tests.engine.cpu.comparison import assert_agree, everything

# Each takes two vectors to one that is small again: what is compared is the equations, not how far they overflow.
MOVES: list[Callable[[Symbol, Symbol], Symbol]] = [
    lambda a, b: tanh(a + b),
    lambda a, b: sigmoid(a) * b,
    lambda a, b: relu(a - b) - 0.5 * b,
    lambda a, b: exp(-abs(a)) * b,
    lambda a, b: log(softplus(a) + 0.1) * 0.3 + b,
    lambda a, b: sqrt(a * a + 0.1) / (1 + exp(b)),
    lambda a, b: sin(a) + cos(b),
    lambda a, b: maximum(a, 0.5 * b) - minimum(b, a * 0.3),
    lambda a, b: where(a > b, tanh(a), b * 0.5),
    lambda a, b: where(a <= 0.1, b, stop(a) * b),
    lambda a, b: tanh(log_sigmoid(a) + b) / (1.5 + abs(b)),
    lambda a, b: norm(a + b),
    lambda a, b: norm.n(a) * 0.3 + b,
    lambda a, b: softmax(a) * b,
    lambda a, b: a * sigmoid(mean(b)) + total(a * b) * 0.05,
    lambda a, b: tanh(a - largest(b)),
    lambda a, b: tanh(a) % 0.9 + where(b < a, 0.1, where(b >= 0.4, 0.2, where(b == a, 0.3, where(b != a, 0.4, 0.5)))),
]


SEEDS = (30, 61, 92)


def made_up(seed: int) -> Cell:
    """A cell of two states and six products, of a third of the moves each, so that three seeds in turn have all of them."""

    def drawn(x, h, c):  # type: ignore[no-untyped-def]
        random = Random(seed)
        moves = MOVES[seed % 3 :: 3]
        random.shuffle(moves)
        values = [x.a + h.a, tanh(x.b + c.b), h, c]
        for j, move in enumerate(moves):
            a, b = random.sample(values, 2)
            values.append(move(a, b))
            if j == 1:
                # A computed vector is mapped again, beside one of the input.
                values.append(sigmoid(x.d + tanh(values[-1]).d))
        return tanh(values[-1] + values[-2] * values[4]), 0.5 * c + 0.5 * tanh(values[-3] + values[-4] * values[5])

    drawn.__name__ = drawn.__qualname__ = f"made_up_{seed}"
    return cell(drawn)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_equals_the_reference(seed: int) -> None:
    d = draw(compile_cell(made_up(seed)), steps=6, batch=5, dtype=torch.float32, scale=0.3, hidden_size=19, input_size=7)
    lengths, resets = torch.tensor([6, 3, 0, 5, 1]), torch.rand(6, 5, generator=torch.Generator().manual_seed(seed)) < 0.3
    for loop in ({}, {"lengths": lengths}, {"resets": resets}, {"lengths": lengths, "resets": resets}):
        for reverse in (False, True):
            before = launches["forward"], launches["backward"]
            got = everything(d, "cpu", torch.float32, reverse=reverse, **loop)
            assert (launches["forward"], launches["backward"]) > before
            assert_agree(got, everything(d, "reference", torch.float64, reverse=reverse, **loop))


def test_together_they_have_every_operation() -> None:
    used = {node.op for seed in SEEDS for node in compile_cell(made_up(seed)).nodes}
    # a - b and -a, a > b and b < a: either will do; the other reductions are parts of the derivative of norm.
    assert {*POINTWISE, *ROW_FUNCTIONS, *REDUCTIONS} - used <= {"rstd", "width"}


@cell
def stopped(x, h):
    """A gate behind stop()."""
    return tanh(x.a + h.a) * stop(sigmoid(x.b + h.b))


@cell
def decided(x, h):
    """A gate in a condition."""
    return where(x.b + h.b > 0, tanh(x.a + h.a), h * 0.5)


@cell
def half_stopped(x, h):
    """A gate that the input reaches with a gradient and the state without one, and one the other way round."""
    return tanh(x.a + stop(h.a)) + sigmoid(stop(x.b) + h.b) * h


@cell(gates="a b c")
def stopped_between(x, h):
    """A gate without a gradient between two that read different vectors."""
    return tanh(x.a + h.a) * stop(sigmoid(x.b + h.b)) * tanh(x.c + (h * 0.5).c)


@cell
def forgotten(x, h):
    """Nothing flows back through the state."""
    return tanh(x.a) + stop(h.b)


@pytest.mark.parametrize("made", [stopped, decided, half_stopped, stopped_between, forgotten], ids=lambda made: made.name)
def test_gates_that_no_gradient_reaches(made: Cell) -> None:
    d = draw(compile_cell(made), dtype=torch.float32, scale=0.5)
    for loop in ({}, {"lengths": torch.tensor([2, 5, 0])}):
        # What was in memory before must not matter.
        rubbish = [torch.full((size,), float("nan")) for size in range(8, 2000, 8)]
        del rubbish
        assert_agree(everything(d, "cpu", torch.float32, **loop), everything(d, "reference", torch.float64, **loop))
