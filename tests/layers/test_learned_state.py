"""A learned initial state: used where none is passed and at resets, and never in the place of one that is passed."""

from __future__ import annotations

import pytest
import torch

from recurra.cells import registry
from recurra.layers import GRU, LSTM, State
from tests.cells.cases import B, H, I, T
from tests.layers.cases import assert_all_near, gradients, layer_of, random_input, random_state
from tests.tolerances import assert_near

with_state = pytest.mark.parametrize("cell", [name for name in registry if registry[name].states])


@with_state
def test_used_when_none_is_passed(cell: str) -> None:
    layer, x = layer_of(cell, num_layers=2, bidirectional=True, learned_state=True), random_input()
    names = [f"l{n}{end}" for n in range(2) for end in ("", "_reverse")]
    begin = {k: torch.stack([getattr(layer, f"initial_{k}_{n}").expand(B, -1) for n in names]) for k in layer.program.states}
    if layer.program.uses_step:
        begin["t"] = torch.zeros(4, B, dtype=torch.int64)
    leaves = list(layer.parameters())
    results = []
    for state in (None, State(begin)):
        y, final = layer(x, state)
        results.append([y, *final.values(), *gradients([y, *(v for v in final.values() if v.is_floating_point())], leaves)])
    assert_all_near(*results)
    learned = [g for (name, _), g in zip(layer.named_parameters(), results[0][-len(leaves) :], strict=True) if name.startswith("initial")]
    assert len(learned) == 4 * len(layer.program.states)
    assert all(g.any() for g in learned)


@with_state
def test_a_reset_restores_it_and_never_the_one_passed(cell: str) -> None:
    layer, x = layer_of(cell, learned_state=True), random_input()
    resets = torch.zeros(T, B, dtype=torch.bool)
    resets[2] = True
    passed = random_state(layer)
    y, final = layer(x, passed, resets=resets)
    after, end = layer(x[2:])
    assert_near(y[2:], after)
    assert_all_near(list(final.values()), list(end.values()))
    before, _ = layer(x[:2], passed)
    assert_near(y[:2], before)
    other, _ = layer(x, random_state(layer, seed=5), resets=resets)
    assert torch.equal(other[2:], y[2:])
    assert not torch.equal(other[0], y[0])


def test_a_passed_state_is_not_mixed_with_it() -> None:
    layer = layer_of("lstm", learned_state=True)
    y, _ = layer(random_input(), random_state(layer))
    for name, gradient in zip(dict(layer.named_parameters()), gradients([y], list(layer.parameters())), strict=True):
        assert bool(gradient.any()) != name.startswith("initial")


def test_starts_at_zero_and_leaves_torch_s_seed_alone() -> None:
    torch.manual_seed(2)
    learned = LSTM(I, H, 2, learned_state=True)
    torch.manual_seed(2)
    plain = LSTM(I, H, 2)
    names = list(learned.state_dict())
    assert names[:6] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "initial_h_l0", "initial_c_l0"]
    assert all(torch.equal(learned.state_dict()[k], v) for k, v in plain.state_dict().items())
    assert not any(v.any() for k, v in learned.state_dict().items() if k.startswith("initial"))
    assert [len(row) for row in learned.all_weights] == [4, 4]
    assert torch.equal(learned(random_input().float())[0], plain(random_input().float())[0])


def test_the_same_in_every_form() -> None:
    layer = GRU(I, H, learned_state=True, dtype=torch.float64)
    torch.nn.init.normal_(layer.initial_h_l0)
    x = random_input()
    y, h = layer(x)
    alone, one = layer(x[:, 1])
    assert_near(alone, y[:, 1])
    assert_near(one, h[:, 1])
    assert_near(layer.step(x[0])[0], y[0])
