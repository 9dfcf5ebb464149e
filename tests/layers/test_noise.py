"""Dropout of every kind, and zoneout: one mask for all steps, the right shares, the right means, nothing in evaluation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recurra.cells import registry
from recurra.layers import LSTM, Recurrent
from tests.cells.cases import H, I
from tests.cells.samples import samples
from tests.layers.cases import LENGTHS, assert_all_near, gradients, layer_of, random_input, random_state
from tests.tolerances import assert_near

WITH_MATRIX = [name for name in registry if name not in ("feedforward", "indrnn", "min_gru", "min_lstm")]
WIDE = (4, 50, I)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(17)


def near_share(kept: Tensor, share: float) -> bool:
    """A share of at least 1,000 values, within 5 standard deviations."""
    return kept.numel() >= 1000 and abs(kept.double().mean() - share) < 5 * (share * (1 - share) / kept.numel()) ** 0.5


def test_input_dropout_has_one_mask_for_all_steps() -> None:
    layer, x = (
        Recurrent("elman", 40, H, input_dropout=0.3, dtype=torch.float64),
        torch.ones(4, 50, 40, dtype=torch.float64).requires_grad_(),
    )
    (gradient,) = gradients([layer(x)[0]], [x])
    dropped = gradient == 0
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert near_share(dropped[0], 0.3)


def test_input_dropout_scales_what_is_left_and_reaches_every_layer() -> None:
    layer = Recurrent("elman", I, H, 2, input_dropout=0.5, dtype=torch.float64)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            value.copy_(torch.eye(*value.shape) if name == "weight_ih_l0" else torch.zeros_like(value))
        layer.weight_ih_l1.copy_(torch.eye(H))
    below = set(torch.tanh(torch.tensor([0.0, 2.0], dtype=torch.float64)).tolist())
    want = {round(float(torch.tanh(torch.tensor(2.0 * v, dtype=torch.float64))), 9) for v in below} | {0.0}
    y, _ = layer(torch.ones(WIDE, dtype=torch.float64))
    assert {round(v, 9) for v in y.unique().tolist()} == want


def test_output_dropout_has_one_mask_for_all_steps_and_spares_the_state() -> None:
    layer, x = layer_of("lstm", output_dropout=0.25), random_input(*WIDE)
    y, state = layer(x)
    plain, same = layer.eval()(x)
    dropped = y == 0
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert_near(y[~dropped], plain[~dropped] / 0.75)
    assert_all_near(list(state.values()), list(same.values()))
    many, _ = layer.train()(random_input(1, 400, I))
    assert near_share(many == 0, 0.25)


def test_dropout_stands_between_layers_only() -> None:
    layer, x = layer_of("elman", num_layers=2, dropout=1.0), random_input()
    y, state = layer(x)
    nothing, _ = layer(torch.full_like(x, 3.0))
    assert_near(y, nothing)
    assert_near(state.h[:1], layer.eval()(x)[1].h[:1])


def test_recurrent_dropout_is_the_variational_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a known mask it is the cell in which Gal & Ghahramani's dropout is written out."""
    values = [0.0, 2.0, 2.0, 0.0, 2.0, 0.0]
    monkeypatch.setattr("recurra.layers.layer.mask", lambda shape, rate, like: like.new_tensor(values).expand(shape))
    layer, written = layer_of("lstm", recurrent_dropout=0.5), layer_of(samples["lstm_variational"], mask=values)
    written.load_state_dict(layer.state_dict())
    x, state = random_input(), random_state(layer)
    results = []
    for module in (layer, written):
        y, final = module(x, state, lengths=LENGTHS)
        results.append([y, *final.values(), *gradients([y, *final.values()], list(module.parameters()))])
    assert_all_near(*results)


@pytest.mark.parametrize("cell", WITH_MATRIX)
def test_recurrent_dropout_of_every_cell(cell: str) -> None:
    layer, x = layer_of(cell, num_layers=2, bidirectional=True, recurrent_dropout=0.5), random_input()
    first, second = layer(x, lengths=LENGTHS)[0], layer(x, lengths=LENGTHS)[0]
    assert first.isfinite().all()
    assert not torch.equal(first, second)
    plain = layer_of(cell, num_layers=2, bidirectional=True)
    assert_near(layer.eval()(x)[0], plain(x)[0])


@pytest.mark.parametrize("cell", [name for name in registry if registry[name].states])
def test_zoneout_in_evaluation_is_the_mean(cell: str) -> None:
    """One step: each state is a mixture of its old value and the renewed one."""
    layer, plain = layer_of(cell, zoneout=0.3).eval(), layer_of(cell).eval()
    x, state = random_input(1, 3, I), random_state(plain)
    _, mixed = layer(x, state)
    _, renewed = plain(x, state)
    for name in layer.program.states:
        assert_near(mixed[name], 0.3 * state[name] + 0.7 * renewed[name])


@pytest.mark.parametrize("cell", [name for name in registry if registry[name].states])
def test_zoneout_in_training_keeps_a_share(cell: str) -> None:
    layer, plain = layer_of(cell, zoneout=0.4), layer_of(cell)
    x, state = random_input(1, 600, I), random_state(plain, 600)
    _, mixed = layer(x, state)
    _, renewed = plain(x, state)
    for name in layer.program.states:
        kept = mixed[name] == state[name]
        assert_near(mixed[name], torch.where(kept, state[name], renewed[name]))
        # What does not change in a step cannot be told from what was kept.
        changed = renewed[name] != state[name]
        assert near_share(kept[changed], 0.4)


def test_zoneout_by_state_and_step() -> None:
    layer, x = layer_of("lstm", zoneout={"c": 0.5}), random_input(*WIDE)
    _, state = layer(x)
    _, final = layer.step(x[0], state)
    assert (final.c == state.c).any()
    assert not (final.h == state.h).any()
    assert repr(layer) == "Recurrent(lstm, 4, 6, zoneout={'c': 0.5})"


def test_zoneout_draws_anew_at_every_step() -> None:
    layer, x = layer_of("elman", zoneout=0.5), random_input(3, 200, I)
    y, _ = layer(x)
    kept = y[1:] == y[:-1]
    assert not torch.equal(kept[0], kept[1])
    assert near_share(kept, 0.5)


def test_nothing_is_dropped_in_evaluation() -> None:
    rates = {"dropout": 0.5, "input_dropout": 0.5, "output_dropout": 0.5, "recurrent_dropout": 0.5}
    noisy, plain, x = layer_of("gru", num_layers=2, **rates), layer_of("gru", num_layers=2), random_input()
    assert torch.equal(noisy.eval()(x)[0], plain.eval()(x)[0])
    assert not torch.equal(noisy.train()(x)[0], plain.train()(x)[0])


def test_torch_s_classes_have_it_too() -> None:
    torch.manual_seed(1)
    layer = LSTM(I, H, input_dropout=0.5, output_dropout=0.5, recurrent_dropout=0.5, zoneout=0.1)
    x = random_input().float()
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])
