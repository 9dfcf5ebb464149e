"""Every registered cell in a stack of two layers and two directions: the laws of lengths, padding, resets and steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.cells import registry
from recurra.engine import run
from recurra.layers import Recurrent, State
from tests.cells.cases import B, I, T
from tests.cells.samples import samples
from tests.layers.cases import LENGTHS, assert_all_near, gradients, layer_of, random_input, random_state
from tests.tolerances import assert_near

each_cell = pytest.mark.parametrize("cell", registry)
RESETS = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=torch.bool)


def deep(cell: str, **options: Any) -> Recurrent:
    return layer_of(cell, num_layers=2, bidirectional=True, **options)


def leaves_of(layer: Recurrent, *more: Tensor) -> list[Tensor]:
    return [*more, *layer.parameters()]


def learning(state: State) -> State:
    """The same state, as leaves that want gradients."""
    return State({k: v.clone().requires_grad_() if v.is_floating_point() else v for k, v in state.items()})


def floats(state: State) -> list[Tensor]:
    return [v for v in state.values() if v.is_floating_point()]


@each_cell
def test_a_stack_is_its_parts(cell: str) -> None:
    """The output, final states and every gradient equal those of four single walks put together by hand."""
    layer, x, state = deep(cell), random_input().requires_grad_(), learning(random_state(deep(cell)))
    y, final = layer(x, state, lengths=LENGTHS)
    below, finals = x, []
    for number in range(2):
        parts = []
        for direction in range(2):
            suffix = f"_l{number}" + "_reverse" * direction
            parameters = {name.removesuffix(suffix): value for name, value in layer.named_parameters() if name.endswith(suffix)}
            start = {k: v[2 * number + direction] for k, v in state.items()}
            part, end = run(layer.program, {"x": below}, start, parameters, lengths=LENGTHS, reverse=bool(direction))
            parts.append(part)
            finals.append(end)
        below = torch.cat(parts, -1)
    by_hand = State({k: torch.stack([end[k] for end in finals]) for k in layer.state_names})
    leaves = leaves_of(layer, x, *floats(state))
    got = [y, *final.values(), *gradients([y, *floats(final)], leaves)]
    assert_all_near(got, [below, *by_hand.values(), *gradients([below, *floats(by_hand)], leaves)])
    assert y.shape == (T, B, layer.output_size)


@each_cell
@pytest.mark.parametrize("padding", [float("nan"), 1e30])
def test_padding_changes_nothing(cell: str, padding: float) -> None:
    layer, valid = deep(cell, residual=True), torch.arange(T)[:, None] < LENGTHS
    results = []
    for filling in (0.0, padding):
        x = random_input().masked_fill(~valid[..., None], filling).requires_grad_()
        state = learning(random_state(layer))
        y, final = layer(x, state, lengths=LENGTHS)
        assert not y[~valid].any()
        results.append([y, *floats(final), *gradients([y, *floats(final)], leaves_of(layer, x, *floats(state)))])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert all(bool(t.isfinite().all()) for t in results[1])


@each_cell
def test_nan_in_a_valid_input_comes_out(cell: str) -> None:
    layer, x = deep(cell), random_input()
    x[1, 0] = torch.nan
    y, _ = layer(x, lengths=LENGTHS)
    assert y[:3, 0].isnan().any()
    assert not y[:, 1].isnan().any()


@each_cell
def test_lengths_are_rows_on_their_own(cell: str) -> None:
    layer, x = deep(cell), random_input()
    state = random_state(layer)
    y, final = layer(x, state, lengths=LENGTHS)
    for b, n in enumerate(LENGTHS.tolist()):
        want, end = layer(x[:n, b], state.rows(b))
        assert_near(y[:n, b], want)
        assert_all_near([v[:, b] for v in final.values()], list(end.values()))


@each_cell
def test_a_row_of_length_0_keeps_its_state(cell: str) -> None:
    layer = deep(cell)
    state = random_state(layer)
    _, final = layer(random_input(), state, lengths=torch.zeros(B, dtype=torch.long))
    assert all(torch.equal(state[k], final[k]) for k in state)


@each_cell
@pytest.mark.parametrize("learned", [False, True], ids=["zeros", "learned"])
def test_resets_equal_separate_sequences_in_both_directions(cell: str, learned: bool) -> None:
    layer = deep(cell, learned_state=learned and bool(registry[cell].states))
    x, state = random_input(), random_state(layer)
    y, final = layer(x, state, resets=RESETS)
    for b in range(B):
        starts = [0, *(t for t in range(1, T) if RESETS[t, b]), T]
        rows = []
        for first, last in pairwise(starts):
            begin = segment_state(layer, x, state, b, first, last)
            out, end = layer(x[first:last, b], begin)
            rows.append(out)
            for k in final:
                if last == T:
                    assert_all_near([final[k][0::2, b]], [end[k][0::2]])
                if first == 0:
                    assert_all_near([final[k][1::2, b]], [end[k][1::2]])
        assert_near(y[:, b], torch.cat(rows))


def segment_state(layer: Recurrent, x: Tensor, state: State, b: int, first: int, last: int) -> State:
    """What a segment begins with: the passed state at the outer ends, the initial one elsewhere; walks forward are even places."""
    _, initial = layer(x[:0, b])
    forward = state.rows(b) if first == 0 and not RESETS[0, b] else initial
    reverse = state.rows(b) if last == T else initial
    return State({k: torch.where(alternating(v), reverse[k], forward[k]) for k, v in initial.items()})


def alternating(value: Tensor) -> Tensor:
    odd = torch.arange(value.shape[0]) % 2 == 1
    return odd.reshape(-1, *[1] * (value.dim() - 1)).expand_as(value)


@each_cell
def test_step_by_step_is_the_whole(cell: str) -> None:
    layer, x = layer_of(cell, num_layers=2), random_input()
    begin = random_state(layer)
    y, final = layer(x, begin)
    state, outputs = begin, []
    for x_t in x:
        y_t, state = layer.step(x_t, state)
        outputs.append(y_t)
    assert_near(torch.stack(outputs), y)
    assert_all_near(list(state.values()), list(final.values()))
    for cut in range(T + 1):
        first, middle = layer(x[:cut], begin)
        second, last = layer(x[cut:], middle)
        assert_near(torch.cat([first, second]), y)
        assert_all_near(list(last.values()), list(final.values()))


@each_cell
def test_forms_of_the_input(cell: str) -> None:
    layer, first = deep(cell), deep(cell, batch_first=True)
    x, lengths = random_input(), torch.tensor([3, 5, 1])
    state = random_state(layer)
    y, final = layer(x, state, lengths=lengths, resets=RESETS)
    swapped, same = first(x.transpose(0, 1), state, lengths=lengths, resets=RESETS.T)
    assert_near(swapped.transpose(0, 1), y)
    packed, end = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), state, resets=RESETS)
    assert_near(pad_packed_sequence(packed)[0], y)
    for other in (same, end):
        assert_all_near(list(other.values()), list(final.values()))
    alone, one = first(x[:3, 0], state.rows(0), resets=RESETS[:3, 0])
    assert_near(alone, y[:3, 0])
    assert_all_near(list(one.values()), [v[:, 0] for v in final.values()])


@each_cell
def test_gradcheck(cell: str) -> None:
    layer = layer_of(cell)
    state = learning(random_state(layer))
    names = list(dict(layer.named_parameters()))

    def function(x: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        given = State({**state, **dict(zip(layer.program.states, values, strict=False))})
        weights = dict(zip(names, values[len(floats(state)) :], strict=True))
        y, final = torch.func.functional_call(layer, weights, (x, given), {"lengths": torch.tensor([2, 3, 0])})
        return y, *floats(final)

    leaves = (random_input(3, B, I).requires_grad_(), *floats(state), *layer.parameters())
    assert torch.autograd.gradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@each_cell
def test_dtypes(cell: str, dtype: torch.dtype) -> None:
    layer = deep(cell).to(dtype)
    y, final = layer(random_input().to(dtype))
    assert {y.dtype, *(v.dtype for v in floats(final))} == {dtype}
    assert y.isfinite().all()


@each_cell
def test_no_steps_and_no_rows(cell: str) -> None:
    layer = deep(cell)
    state = random_state(layer)
    y, final = layer(random_input(0, B, I), state)
    assert y.shape == (0, B, layer.output_size)
    assert all(torch.equal(state[k], final[k]) for k in state)
    y, final = layer(random_input(T, 0, I))
    assert y.shape == (T, 0, layer.output_size)
    assert all(v.shape[1] == 0 for v in final.values())


def test_lengths_as_int32_and_all_full() -> None:
    layer, x = deep("lstm"), random_input()
    assert torch.equal(layer(x, lengths=torch.full((B,), T, dtype=torch.int32))[0], layer(x)[0])


def test_residual_adds_the_input_of_the_second_layer() -> None:
    layer, x = layer_of("elman", num_layers=2, residual=True), random_input()
    y, state = layer(x)
    first, second = layer_of("elman"), Recurrent("elman", 6, 6, dtype=torch.float64)
    first.load_state_dict({k: v for k, v in layer.state_dict().items() if k.endswith("l0")})
    second.load_state_dict({k.replace("l1", "l0"): v for k, v in layer.state_dict().items() if k.endswith("l1")})
    below, _ = first(x)
    above, final = second(below)
    assert_near(y, below + above)
    assert_near(state.h[1:], final.h)


def test_every_layer_reads_the_further_inputs() -> None:
    layer, a = layer_of(samples["augru"], num_layers=2, bidirectional=True), random_input(T, B, 1, seed=8).requires_grad_()
    x = random_input()
    y, _ = layer(x, inputs={"a": a}, lengths=LENGTHS)
    (gradient,) = gradients([y], [a])
    assert gradient[:3, 0].all()
    assert not gradient[3:, 0].any()
    first = layer_of(samples["augru"], num_layers=2, bidirectional=True, batch_first=True)
    assert_near(first(x.transpose(0, 1), inputs={"a": a.transpose(0, 1)}, lengths=LENGTHS)[0].transpose(0, 1), y)
    one = layer_of(samples["augru"], num_layers=2)
    assert_near(one.step(x[0], inputs={"a": a[0]})[0], one(x[:1], inputs={"a": a[:1]})[0][0])


def test_forced_replaces_what_the_matrices_read() -> None:
    """A layer forced with its own past is the free layer; forced with zeros it forgets."""
    layer, x = layer_of("jordan"), random_input()
    y, _ = layer(x)
    fed_back = torch.softmax(torch.cat([torch.zeros_like(y[:1]), y[:-1]]), -1)
    assert_near(layer(x, forced={"y": fed_back})[0], y)
    forgetful, _ = layer(x, forced={"y": torch.zeros_like(y)})
    assert_near(forgetful[3], layer(x[3:4], forced={"y": torch.zeros_like(y[:1])})[0][0])
    both = layer_of("jordan", bidirectional=True)
    truth = random_input(T, B, 10, seed=9).requires_grad_()
    out, _ = both(x, forced={"y": truth})
    left, right = out.chunk(2, -1)
    assert not gradients([left], [truth])[0][..., 5:].any()
    assert not gradients([right], [truth])[0][..., :5].any()
