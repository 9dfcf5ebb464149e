"""What the loop around a cell promises: lengths, resets, directions, the step number, shapes without steps or rows, dtypes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recurra.cells import cell, find
from recurra.cells.notation import where
from recurra.compiler import compile_cell
from recurra.engine import run
from tests.cells.cases import CELLS, SIZES, B, T, draw, program_of
from tests.tolerances import assert_near

LENGTHS = torch.tensor([3, 5, 0])
VALID = torch.arange(T)[:, None] < LENGTHS[None, :]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("rubbish", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", CELLS)
def test_padding_is_never_read(name: str, rubbish: float, reverse: bool) -> None:
    """Outputs, final states and all gradients have the same bits, whatever stands beyond the lengths."""
    answers = []
    for fill in (0.0, rubbish):
        d = draw(program_of(name))
        inputs = {k: torch.where(VALID[..., None], v, fill).requires_grad_() for k, v in d.inputs.items()}
        leaves = [*inputs.values(), *d.parameters.values(), *(v for k, v in d.state.items() if k != "t")]
        for leaf in leaves:
            leaf.requires_grad_()
        y, final = run(d.program, inputs, d.state, d.parameters, lengths=LENGTHS, reverse=reverse)
        assert not y[~VALID].any()
        random = torch.Generator().manual_seed(2)
        # What flows back into the padding must not matter either.
        cotangent = torch.where(VALID[..., None], torch.randn(y.shape, generator=random, dtype=y.dtype), fill)
        ends = [final[k] for k in d.program.states]
        grads = torch.autograd.grad([y, *ends], leaves, [cotangent, *map(torch.ones_like, ends)], allow_unused=True)
        answers.append([y, *final.values(), *(g for g in grads if g is not None)])
        for value, grad in zip(inputs.values(), grads, strict=False):
            assert grad is None or not grad[~VALID].any(), value.shape
    for clean, dirty in zip(*answers, strict=True):
        assert torch.equal(clean, dirty)


@pytest.mark.parametrize("name", CELLS)
def test_an_empty_row_keeps_its_state(name: str) -> None:
    d = draw(program_of(name))
    _, final = run(d.program, d.inputs, d.state, d.parameters, lengths=LENGTHS)
    for k, value in final.items():
        assert torch.equal(value[2], d.state[k][2])


@pytest.mark.parametrize("name", CELLS)
def test_nan_in_a_valid_input_comes_out(name: str) -> None:
    d = draw(program_of(name))
    clean, _ = run(d.program, d.inputs, d.state, d.parameters)
    for key in d.inputs:
        inputs = {k: v.clone() for k, v in d.inputs.items()}
        # The last row only: all its units, of which the slowest of a clockwork network are renewed at some step.
        inputs[key][:, 2] = float("nan")
        y, _ = run(d.program, inputs, d.state, d.parameters)
        assert y[:, 2].isnan().any()
        assert torch.equal(y[:, :2], clean[:, :2])


# Two rows hold the segments of five sequences, one after another.
SEGMENTS = ((2, 3), (1, 3, 1))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", CELLS)
def test_packed_segments_equal_separate_sequences(name: str, reverse: bool) -> None:
    d = draw(program_of(name), batch=2)
    resets = torch.zeros(T, 2, dtype=torch.bool)
    for b, segments in enumerate(SEGMENTS):
        for start in torch.tensor(segments).cumsum(0)[:-1]:
            resets[start, b] = True
    y, final = run(d.program, d.inputs, d.initial, d.parameters, resets=resets, initial=d.initial, reverse=reverse)
    for b, segments in enumerate(SEGMENTS):
        start = 0
        for length in segments:
            alone = {k: v[start : start + length, b : b + 1] for k, v in d.inputs.items()}
            state = {k: v[b : b + 1] for k, v in d.initial.items()}
            want, end = run(d.program, alone, state, d.parameters, reverse=reverse)
            assert_near(y[start : start + length, b : b + 1], want)
            start += length
            if (start == length) if reverse else (start == T):
                for k, value in end.items():
                    torch.testing.assert_close(final[k][b : b + 1], value)


@pytest.mark.parametrize("name", CELLS)
def test_a_reset_restores_zeros_unless_told_otherwise(name: str) -> None:
    d = draw(program_of(name))
    resets = torch.zeros(T, B, dtype=torch.bool)
    resets[0] = True
    y, final = run(d.program, d.inputs, d.state, d.parameters, resets=resets)
    zeros = {k: torch.zeros_like(v) for k, v in d.state.items()}
    want, end = run(d.program, d.inputs, zeros, d.parameters)
    assert torch.equal(y, want)
    assert all(torch.equal(final[k], end[k]) for k in end)


@cell
def clock(x, h, *, t):
    """Gives out the step number, and whether it is even."""
    return where(t % 2 == 0, 1, -1) * (t + 1) + 0 * (x.h + h.h)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_step_number_belongs_to_the_state(dtype: torch.dtype) -> None:
    d = draw(compile_cell(clock), batch=2, dtype=dtype)
    state = {**d.state, "t": torch.tensor([0, 7])}
    resets = torch.zeros(T, 2, dtype=torch.bool)
    resets[2, 1] = True
    y, final = run(d.program, d.inputs, state, d.parameters, resets=resets)
    assert y.dtype == dtype
    assert y[:, 0, 0].tolist() == [1, -2, 3, -4, 5]
    assert y[:, 1, 0].tolist() == [-8, 9, 1, -2, 3]
    assert final["t"].tolist() == [5, 3]


@cell
def every_301_steps(x, h, *, t, late):
    """Periods and steps that bfloat16 cannot write down."""
    return where(t % 301 == 0, 1, 0) + where(t + 1 > late, 2, 0) + 0 * (x.h + h.h)


def test_periods_are_exact_in_a_narrow_dtype() -> None:
    d = draw(compile_cell(every_301_steps, constants={"late": [305.0] * 6}), steps=6, batch=1, dtype=torch.bfloat16)
    y, _ = run(d.program, d.inputs, {**d.state, "t": torch.tensor([300])}, d.parameters)
    assert y[:, 0, 0].tolist() == [0, 1, 0, 0, 0, 2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_step_number_counts_on_for_ever(dtype: torch.dtype) -> None:
    """As float32 it would stop at 2 ** 24, as bfloat16 at 256."""
    d = draw(program_of("clockwork"), dtype=dtype)
    for start in (2**8, 2**24, 2**40):
        far, near = ({**d.state, "t": torch.full((B,), t)} for t in (start, 0))
        y, final = run(d.program, d.inputs, far, d.parameters)
        assert torch.equal(y, run(d.program, d.inputs, near, d.parameters)[0])
        assert final["t"].tolist() == [start + T] * B


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (5, 0), (0, 0), (1, 1)])
def test_without_steps_or_rows(name: str, steps: int, batch: int) -> None:
    d = draw(program_of(name), steps=steps, batch=batch)
    for lengths in (None, torch.full((batch,), steps)):
        y, final = run(d.program, d.inputs, d.state, d.parameters, lengths=lengths)
        assert y.shape == (steps, batch, d.program.output_width(d.sizes))
        for k, value in final.items():
            assert value.shape == d.state[k].shape
            assert steps or torch.equal(value, d.state[k])


def test_lengths_may_all_be_zero() -> None:
    d = draw(program_of("lstm"))
    y, final = run(d.program, d.inputs, d.state, d.parameters, lengths=torch.zeros(B, dtype=torch.int32))
    assert y.shape == (T, B, 6)
    assert not y.any()
    assert torch.equal(final["c"], d.state["c"])


@pytest.mark.parametrize("name", CELLS)
def test_memory_order_does_not_matter(name: str) -> None:
    d = draw(program_of(name))

    def strided(v: Tensor) -> Tensor:
        return torch.stack([v, v], -1)[..., 0] if v.dim() < 2 else v.transpose(0, 1).contiguous().transpose(0, 1)

    values = [{k: strided(v) for k, v in group.items()} for group in (d.inputs, d.state, d.parameters)]
    y, final = run(d.program, *values)
    want, end = run(d.program, d.inputs, d.state, d.parameters)
    assert_near(y, want)
    for k in d.program.states:
        assert_near(final[k], end[k])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", CELLS)
def test_dtypes(name: str, dtype: torch.dtype) -> None:
    # Small weights: those of a linear memory must not grow what was rounded.
    narrow, wide = (draw(program_of(name), steps=2, dtype=d, scale=0.3) for d in (dtype, torch.float64))
    y, final = run(narrow.program, narrow.inputs, narrow.state, narrow.parameters)
    assert y.dtype == dtype
    assert all(v.dtype == (torch.int64 if k == "t" else dtype) for k, v in final.items())
    rounded = [{k: v if k == "t" else v.double() for k, v in g.items()} for g in (narrow.inputs, narrow.state, narrow.parameters)]
    assert_near(y, run(wide.program, *rounded)[0].to(dtype))


# A memory without a forget gate, a line or an exponential may be large, but of these inputs never infinite.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [-100.0, 100.0])
@pytest.mark.parametrize("name", CELLS)
def test_large_inputs_stay_finite(name: str, size: float, dtype: torch.dtype) -> None:
    """From the zero state too, where an sLSTM could divide 0 by 0; and so do all gradients."""
    d = draw(program_of(name), dtype=dtype)
    inputs = {k: torch.full_like(v, size).requires_grad_() for k, v in d.inputs.items()}
    state = {k: torch.zeros_like(v) for k, v in d.state.items()}
    leaves = [*inputs.values(), *(v.requires_grad_() for v in d.parameters.values())]
    y, final = run(d.program, inputs, state, d.parameters)
    assert y.isfinite().all()
    assert all(v.isfinite().all() for v in final.values())
    for grad in torch.autograd.grad(y.sum(), leaves, allow_unused=True):
        assert grad is None or grad.isfinite().all()


@pytest.mark.parametrize("name", CELLS)
def test_each_row_of_a_reverse_walk_starts_at_its_own_end(name: str) -> None:
    d = draw(program_of(name), batch=2)
    y, final = run(d.program, d.inputs, d.state, d.parameters, lengths=torch.tensor([5, 2]), reverse=True)
    for b, length in enumerate((5, 2)):
        flipped = {k: v[:length, b : b + 1].flip(0) for k, v in d.inputs.items()}
        want, end = run(d.program, flipped, {k: v[b : b + 1] for k, v in d.state.items()}, d.parameters)
        assert_near(y[:length, b : b + 1], want.flip(0))
        for k in d.program.states:
            assert_near(final[k][b : b + 1], end[k])


def test_octaves_fit_any_number_of_units() -> None:
    program = compile_cell(find("clockwork"))
    assert program.unit_values("period", {**SIZES, "hidden_size": 10}) == (1, 1, 2, 4, 8, 16, 16, 32, 64, 128)
    d = draw(program, hidden_size=10)
    assert run(program, d.inputs, d.state, d.parameters)[0].shape == (T, B, 10)
