"""A layer as a torch module: copies, pickles, shared and parametrised weights, functional calls, dtypes."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from recurra.cells import registry
from recurra.layers import GRU, LSTM, Recurrent
from tests.cells.cases import H, I
from tests.cells.samples import samples
from tests.layers.cases import NEEDS, gradients, layer_of, random_input, randomised
from tests.tolerances import assert_near


@pytest.mark.parametrize("cell", registry)
def test_deepcopy_pickle_and_save(cell: str) -> None:
    layer, x, buffer = layer_of(cell, num_layers=2, bidirectional=True), random_input(), io.BytesIO()
    y, _ = layer(x)
    torch.save(layer, buffer)
    buffer.seek(0)
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(buffer, weights_only=False)):
        assert torch.equal(again(x)[0], y)
        assert again.program == layer.program
        assert repr(again) == repr(layer)
        randomised(again)
    assert torch.equal(layer(x)[0], y)


def test_a_pickle_holds_no_function_of_the_cell() -> None:
    layer = layer_of(samples["mgu"], recurrent_dropout=0.5, zoneout=0.1)
    layer(random_input())
    stored = pickle.dumps(layer)
    assert b"tests.cells.samples" not in stored
    assert b"recurra.compiler" not in stored
    assert pickle.loads(stored).noise == layer.noise


def test_a_layer_is_rebuilt_from_its_program_and_sizes() -> None:
    layer, x = layer_of("clockwork", num_layers=2), random_input()
    again = Recurrent(layer.program, **layer.sizes, num_layers=2, dtype=torch.float64)
    again.load_state_dict(layer.state_dict(), strict=True)
    assert torch.equal(again(x)[0], layer(x)[0])


def test_tied_weights() -> None:
    layer, x = layer_of("lstm", num_layers=2, bidirectional=True), random_input()
    layer.weight_hh_l1 = layer.weight_hh_l0
    layer.weight_ih_l0_reverse = layer.weight_ih_l0
    y, _ = layer(x)
    (together,) = gradients([y], [layer.weight_hh_l0])
    apart = copy.deepcopy(layer)
    apart.weight_hh_l1 = nn.Parameter(layer.weight_hh_l0.detach().clone())
    assert torch.equal(apart(x)[0], y)
    assert_near(together, sum(gradients([apart(x)[0]], [apart.weight_hh_l0, apart.weight_hh_l1])))
    assert len(list(layer.parameters())) == 14


@pytest.mark.parametrize("name", ["orthogonal", "weight_norm", "spectral_norm"])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_parametrised_weights(kind: type[nn.Module], name: str) -> None:
    torch.manual_seed(0)
    layer, x = kind(I, H, 2, dtype=torch.float64), random_input()
    getattr(parametrizations, name)(layer, "weight_hh_l0")
    layer.eval()
    plain = kind(I, H, 2, dtype=torch.float64)
    weights = {k: getattr(layer, k).detach().clone() for k in plain.state_dict()}
    plain.load_state_dict(weights)
    y, _ = layer(x)
    assert_near(y, plain(x)[0])
    learned = list(layer.parametrizations["weight_hh_l0"].parameters())
    assert learned
    assert all(g.any() for g in gradients([y], learned))
    parametrize.remove_parametrizations(layer, "weight_hh_l0")
    assert_near(layer(x)[0], y)


def test_functional_call() -> None:
    layer, x = layer_of("gru", learned_state=True), random_input()
    other = {name: torch.randn_like(value) for name, value in layer.named_parameters()}
    y, _ = torch.func.functional_call(layer, other, (x,))
    layer.load_state_dict(other)
    assert torch.equal(layer(x)[0], y)


def test_replaced_parameters_are_the_ones_that_run() -> None:
    layer, x = layer_of("elman"), random_input()
    before, _ = layer(x)
    layer.bias_ih_l0 = nn.Parameter(layer.bias_ih_l0 + 1)
    assert not torch.equal(layer(x)[0], before)


@pytest.mark.parametrize("cell", registry)
def test_state_dict_loads_strictly(cell: str) -> None:
    options = {"num_layers": 2, "bidirectional": True, "learned_state": bool(registry[cell].states)}
    layer, other, x = layer_of(cell, **options), layer_of(cell, seed=1, **options), random_input()
    assert not torch.equal(layer(x)[0], other(x)[0])
    other.load_state_dict(layer.state_dict(), strict=True)
    assert torch.equal(layer(x)[0], other(x)[0])


def test_to_another_dtype_and_device() -> None:
    layer, x = layer_of("lstm"), random_input()
    y, _ = layer(x)
    single = layer.float()(x.float())[0]
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), y, rtol=1e-5, atol=1e-6)
    assert {p.device.type for p in layer.to("meta").parameters()} == {"meta"}


@pytest.mark.parametrize("cell", registry)
def test_device_and_dtype_at_construction(cell: str) -> None:
    layer = Recurrent(cell, I, H, learned_state=bool(registry[cell].states), device="meta", dtype=torch.float16, **NEEDS.get(cell, {}))
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", torch.float16)}


def test_frozen_weights_and_any_subset_of_gradients() -> None:
    layer, x = layer_of("lstm_peephole"), random_input()
    for name, value in layer.named_parameters():
        value.requires_grad_(name == "weight_ch_l0")
    layer(x)[0].sum().backward()
    assert [name for name, value in layer.named_parameters() if value.grad is not None] == ["weight_ch_l0"]
    layer.requires_grad_(False)
    assert not layer(x)[0].requires_grad
    assert layer(x.requires_grad_())[0].requires_grad
