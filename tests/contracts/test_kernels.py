"""The compiled kernels against the reference in float64, and against themselves: every cell, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from recurra.cells import Cell, blocks, cell
from recurra.cells.notation import softmax, tanh, total
from recurra.compiler import compile_cell
from recurra.engine import run
from recurra.engine.cpu import call, threads
from recurra.engine.cpu.kernels import launches
from recurra.engine.cpu.products import Tile
from tests.cells.cases import CELLS, Drawn, draw, program_of
from tests.engine.cpu.comparison import Everything, assert_agree, assert_same_bits, everything, rounded
from tests.engine.cpu.machines import another_process, narrower

WITH_STATE = [name for name in CELLS if program_of(name).states]
SIZES = [(5, 3, 4, 6), (1, 1, 1, 1), (7, 9, 5, 33), (3, 2, 4, 16)]
MODES = ("plain", "lengths", "resets", "both")
INFINITY, NAN = float("inf"), float("nan")


def small(name: str, steps: int = 5, batch: int = 3, inputs: int = 4, hidden: int = 6) -> Drawn:
    """Drawn values, small enough that nothing is added up to what float32 cannot hold."""
    # The heads of an sLSTM share its units evenly.
    hidden += hidden % 2 if name == "slstm" and hidden != 6 else 0
    sizes = {"input_size": inputs, "hidden_size": hidden} if hidden != 6 else {}
    scale = 0.5 if hidden <= 6 else 0.25 if hidden < 50 else 0.1
    return draw(program_of(name, hidden), steps=steps, batch=batch, dtype=torch.float32, scale=scale, **sizes)


def loop_of(mode: str, steps: int, batch: int) -> dict[str, Tensor]:
    """Random lengths, the last row empty, and random resets, on each other's rows and beyond their ends too."""
    random = torch.Generator().manual_seed(1)
    lengths = torch.randint(0, steps + 1, (batch,), generator=random)
    lengths[-1], lengths[0] = 0, steps
    resets = torch.rand(steps, batch, generator=random) < 0.4
    return {k: v for k, v in (("lengths", lengths), ("resets", resets)) if mode in (k, "both")}


def assert_kernels_agree(d: Drawn, **loop: Any) -> None:
    """The kernels ran, and say what the reference says."""
    before = launches["forward"], launches["backward"]
    got = everything(d, "cpu", torch.float32, **loop)
    assert not d.program.states or (launches["forward"], launches["backward"]) > before
    assert_agree(got, everything(d, "reference", torch.float64, **loop))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_agrees(name: str, size: tuple[int, int, int, int]) -> None:
    d = small(name, *size)
    for mode in MODES:
        for reverse in (False, True):
            assert_kernels_agree(d, **loop_of(mode, *size[:2]), reverse=reverse)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "lstm_layernorm", "mgu", "indrnn"])
def test_a_hundred_units(name: str) -> None:
    assert_kernels_agree(small(name, 6, 7, 40, 100), **loop_of("both", 6, 7))


@pytest.mark.parametrize("name", WITH_STATE)
def test_dropout_and_zoneout_agree(name: str) -> None:
    """Both at once: each has leaves of its own."""
    d, random = small(name), torch.Generator().manual_seed(5)
    program = d.program.with_dropout(d.program.states).with_zoneout(dict.fromkeys(d.program.states, 0.3), training=True)
    masks = {k: (torch.rand(d.state[k].shape, generator=random) < 0.6) / 0.6 for op, k in program.leaves if op == "mask"}
    keep = {f"zoneout_{k}": torch.rand(5, *d.state[k].shape, generator=random) < 0.3 for k in d.program.states}
    d = replace(d, program=program, inputs={**d.inputs, **keep})
    assert_kernels_agree(d, masks=masks, **loop_of("both", 5, 3))


SOME = ["elman", "jordan", "lstm", "gru", "scrn", "mgu", "lstm_projected", "lstm_layernorm"]


@pytest.mark.parametrize("name", SOME)
def test_zoneout_on_average_agrees(name: str) -> None:
    d = small(name)
    program = d.program.with_zoneout(dict.fromkeys(d.program.states, 0.3), training=False)
    assert_kernels_agree(replace(d, program=program), **loop_of("both", 5, 3))


@pytest.mark.parametrize("name", SOME)
def test_forcing_agrees(name: str) -> None:
    d = small(name)
    state = d.program.states[0]
    forced = torch.randn(5, *d.state[state].shape, generator=torch.Generator().manual_seed(7))
    d = replace(d, program=d.program.with_forcing(state), inputs={**d.inputs, f"forced_{state}": forced})
    assert_kernels_agree(d, **loop_of("both", 5, 3))


@pytest.mark.parametrize("name", CELLS)
def test_what_stands_in_the_padding_does_not_matter(name: str) -> None:
    d, loop = small(name), loop_of("both", 5, 3)
    valid = torch.arange(5)[:, None] < loop["lengths"][None, :]
    clean = everything(d, "cpu", torch.float32, **loop)
    for rubbish in (NAN, 1e30):
        dirty = replace(d, inputs={k: torch.where(valid[..., None], v, rubbish) for k, v in d.inputs.items()})
        for k, value in everything(dirty, "cpu", torch.float32, **loop).items():
            assert_same(value, clean[k])


def assert_same(got: Tensor, want: Tensor) -> None:
    """Bits of floats, values of step numbers."""
    assert_same_bits(got, want) if got.is_floating_point() else torch.testing.assert_close(got, want)


def strided(value: Tensor) -> Tensor:
    """The same values with gaps between them."""
    return torch.stack([value, value], -1)[..., 0]


@pytest.mark.parametrize("name", CELLS)
def test_gaps_in_memory_do_not_matter(name: str) -> None:
    d = small(name)
    loose = replace(d, **{k: {n: strided(v) for n, v in getattr(d, k).items()} for k in ("inputs", "state", "initial", "parameters")})
    want = run(d.program, d.inputs, d.state, d.parameters, backend="cpu")
    got = run(d.program, loose.inputs, loose.state, loose.parameters, backend="cpu")
    assert_same(got[0], want[0])
    for k, value in want[1].items():
        assert_same(got[1][k], value)
    swapped = {k: v.transpose(0, 1).contiguous().transpose(0, 1) for k, v in d.inputs.items()}
    assert_same(run(d.program, swapped, d.state, d.parameters, backend="cpu")[0], want[0])


@pytest.mark.parametrize("name", CELLS)
def test_gradients_of_any_subset(name: str) -> None:
    """Each alone, and each left out, equals all together."""
    d, loop = small(name), loop_of("both", 5, 3)
    every = everything(d, "cpu", torch.float32, **loop)
    leaves = [k.removeprefix("d ") for k in every if k.startswith("d ")]
    for wanted in [*({k} for k in leaves), *(set(leaves) - {k} for k in leaves)]:
        part = everything(d, "cpu", torch.float32, wanted=frozenset(wanted), **loop)
        for k, value in part.items():
            torch.testing.assert_close(value, every[k], rtol=1e-6, atol=1e-6)


def assert_as_finite(got: Everything, want: Everything) -> None:
    """NaN, infinity and finite numbers stand in the same places."""
    for k, value in want.items():
        # Which of a huge number and infinity comes out may hang on the last bit, but not whether something is a number.
        assert torch.equal(got[k].isnan(), value.isnan()), k
        assert torch.equal(got[k].isinf(), value.isinf()), k


@pytest.mark.parametrize("size", [-100.0, 100.0])
@pytest.mark.parametrize("name", CELLS)
def test_large_inputs(name: str, size: float) -> None:
    d = small(name)
    large = replace(d, inputs={k: torch.full_like(v, size) for k, v in d.inputs.items()})
    assert_as_finite(everything(large, "cpu", torch.float32), everything(large, "reference", torch.float32))


@pytest.mark.parametrize("rubbish", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize("name", CELLS)
def test_nan_and_infinity_come_out_where_they_do_in_the_reference(name: str, rubbish: float) -> None:
    d = small(name)
    for key in d.inputs:
        inputs = {k: v.clone() for k, v in d.inputs.items()}
        inputs[key][2, 1, 0] = rubbish
        broken = replace(d, inputs=inputs)
        assert_as_finite(everything(broken, "cpu", torch.float32), everything(broken, "reference", torch.float32))


@pytest.mark.parametrize("name", WITH_STATE)
def test_nan_in_a_state_comes_out_where_it_does_in_the_reference(name: str) -> None:
    d = small(name)
    for key in d.program.states:
        state = {k: v.clone() for k, v in d.state.items()}
        state[key][1, 0] = NAN
        broken = replace(d, state=state)
        got, want = everything(broken, "cpu", torch.float32), everything(broken, "reference", torch.float32)
        if any(isinstance(m.structure, blocks) for m in d.program.matrices):
            # The kernels write the zeros between the blocks out, and zero times NaN is NaN: it may reach the other blocks too.
            assert all(not (want[k].isnan() & ~got[k].isnan()).any() for k in want)
        else:
            assert_as_finite(got, want)


# -- the same bits at inference


@cell
def head(x):
    """Scores of labels: a function without a state."""
    return x.y


@cell
def scaled_head(x):
    """A hidden layer and a row function."""
    return softmax(tanh(x.h).y) * total(x.y)


@pytest.mark.parametrize("made", [head, scaled_head], ids=lambda made: made.name)
def test_same_bits_of_functions_without_a_state(made: Cell) -> None:
    d = draw(compile_cell(made), steps=7, batch=5, dtype=torch.float32, hidden_size=33)
    y, _ = answer(d, slice(None), slice(None), {})
    for t in range(7):
        for b in range(5):
            assert_same_bits(answer(d, slice(b, b + 1), slice(t, t + 1), {})[0], y[t : t + 1, b : b + 1])
    lengths = torch.tensor([7, 2, 0, 5, 1])
    valid = torch.arange(7)[:, None] < lengths[None, :]
    padded = replace(d, inputs={"x": torch.where(valid[..., None], d.inputs["x"], NAN)})
    assert_same_bits(answer(padded, slice(None), slice(None), {}, lengths=lengths)[0], torch.where(valid[..., None], y, 0.0))
    with another_process(narrower()):
        assert_same_bits(answer(d, slice(None), slice(None), {})[0], y)
    assert_agree(everything(d, "cpu", torch.float32), everything(d, "reference", torch.float64))


def answer(d: Drawn, rows: slice | Tensor, steps: slice, state: dict[str, Tensor], **loop: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Some rows and steps without gradients."""
    with torch.no_grad():
        return run(d.program, {k: v[steps][:, rows] for k, v in d.inputs.items()}, state, d.parameters, backend="cpu", **loop)


@pytest.mark.parametrize("size", [(6, 9, 5, 33), (4, 3, 4, 6)], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_same_bits_alone_and_in_any_batch(name: str, size: tuple[int, int, int, int]) -> None:
    d, batch = small(name, *size), size[1]
    y, final = answer(d, slice(None), slice(None), d.state)
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(1))
    for rows in [torch.tensor([b]) for b in range(batch)] + [order, order[: batch // 2], torch.tensor([0, 0, 1])]:
        part, end = answer(d, rows, slice(None), {k: v[rows] for k, v in d.state.items()})
        assert_same_bits(part, y[:, rows])
        for k, value in end.items():
            assert_same(value, final[k][rows])


@pytest.mark.parametrize("name", CELLS)
def test_same_bits_padded_or_not(name: str) -> None:
    d, lengths = small(name, 6, 4, 5, 33), torch.tensor([2, 6, 0, 5])
    valid = torch.arange(6)[:, None] < lengths[None, :]
    padded = replace(d, inputs={k: torch.where(valid[..., None], v, NAN) for k, v in d.inputs.items()})
    y, final = answer(padded, slice(None), slice(None), d.state, lengths=lengths)
    assert not y[~valid].any()
    for b, length in enumerate(lengths.tolist()):
        alone, end = answer(d, slice(b, b + 1), slice(length), {k: v[b : b + 1] for k, v in d.state.items()})
        assert_same_bits(alone, y[:length, b : b + 1])
        for k, value in end.items():
            assert_same(value, final[k][b : b + 1])


@pytest.mark.parametrize("name", CELLS)
def test_same_bits_whole_in_any_split_and_step_by_step(name: str) -> None:
    d = small(name, 5, 3, 5, 33)
    y, final = answer(d, slice(None), slice(None), d.state)
    # The bits of a number say after which steps it is cut: all 16 ways, the last of them step by step.
    for cuts in range(16):
        state, start, parts = d.state, 0, []
        for end in [t for t in range(1, 5) if cuts >> (t - 1) & 1] + [5]:
            part, state = answer(d, slice(None), slice(start, end), state)
            parts.append(part)
            start = end
        assert_same_bits(torch.cat(parts), y)
        for k, value in final.items():
            assert_same(state[k], value)


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many threads each piece of work was shared by; however little it is, it is shared."""
    seen: list[int] = []
    share, before = call.share, torch.get_num_threads()

    def watched(kernel: Any, parts: Any) -> None:
        seen.append(len(parts))
        share(kernel, parts)

    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(call, "share", watched)
    yield seen
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", CELLS)
def test_same_bits_with_any_number_of_threads(name: str, shares: list[int]) -> None:
    d, answers = small(name, 6, 37, 5, 6), []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        answers.append(answer(d, slice(None), slice(None), d.state, **loop_of("both", 6, 37)))
        assert max(shares) == number
    for other in answers[1:]:
        assert_same_answers(other, answers[0])


@pytest.mark.parametrize("name", SOME)
def test_gradients_agree_with_two_threads(name: str, shares: list[int]) -> None:
    torch.set_num_threads(2)
    assert_kernels_agree(small(name, 3, 37, 5, 6), **loop_of("both", 3, 37))
    assert max(shares) == 2


@pytest.mark.parametrize("name", WITH_STATE)
def test_inference_and_training_agree(name: str) -> None:
    d = rounded(small(name))
    trained = everything(d, "cpu", torch.float32, **loop_of("lengths", 5, 3))
    y, _ = answer(d, slice(None), slice(None), d.state, **loop_of("lengths", 5, 3))
    torch.testing.assert_close(y, trained["y"], rtol=2e-5, atol=5e-6)


def assert_same_answers(got: tuple[Tensor, dict[str, Tensor]], want: tuple[Tensor, dict[str, Tensor]]) -> None:
    """Outputs and final states bit for bit."""
    assert_same(got[0], want[0])
    for k, value in want[1].items():
        assert_same(got[1][k], value)


@pytest.mark.parametrize("name", CELLS)
def test_same_bits_on_a_machine_with_narrower_vectors(name: str) -> None:
    """Kernels for AVX2 alone; where there is no AVX-512 both are the same."""
    d = small(name, 4, 9, 5, 33)
    want = answer(d, slice(None), slice(None), d.state, **loop_of("both", 4, 9))
    with another_process(narrower()):
        assert_same_answers(answer(d, slice(None), slice(None), d.state, **loop_of("both", 4, 9)), want)


@pytest.mark.parametrize("name", ["feedforward", "lstm", "gru", "jordan", "clockwork", "lstm_layernorm", "mgu"])
def test_same_bits_with_another_tile(name: str) -> None:
    d = small(name, 4, 9, 5, 33)
    want = answer(d, slice(None), slice(None), d.state)
    for tile in (Tile((1,), 2, 1), Tile((3, 1), 1, 2)):
        with another_process(tile=tile):
            assert_same_answers(answer(d, slice(None), slice(None), d.state), want)
