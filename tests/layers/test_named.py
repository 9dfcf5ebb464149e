"""A final class by name for every registered cell, made from the registry."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch

from recurra import layers
from recurra.cells import registry
from recurra.layers import Layer, Recurrent, named_layers
from tests.cells.cases import H, I
from tests.layers.cases import NEEDS, random_input


def test_every_registered_cell_has_one() -> None:
    assert {cell.layer for cell in registry.values()} == {*named_layers, "LSTM", "GRU"}
    assert set(named_layers) < set(layers.__all__)
    assert len(set(layers.__all__)) == len(layers.__all__)
    assert all(issubclass(named_layers[name], Layer) and named_layers[name] is getattr(layers, name) for name in named_layers)


@pytest.mark.parametrize("cell", [cell for cell in registry.values() if cell.layer in named_layers], ids=lambda cell: cell.layer)
def test_is_recurrent_with_the_cell_given(cell) -> None:
    cls, options = getattr(layers, cell.layer), {"num_layers": 2, "bidirectional": True, **NEEDS.get(cell.name, {})}
    torch.manual_seed(1)
    named = cls(I, H, **options)
    torch.manual_seed(1)
    general = Recurrent(cell, I, H, **options)
    x = random_input().float()
    assert torch.equal(named(x)[0], general(x)[0])
    assert repr(named) == repr(general).replace(f"Recurrent({cell.name}, ", f"{cell.layer}(")
    assert torch.equal(pickle.loads(pickle.dumps(named))(x)[0], named(x)[0])
    assert cls.__final__
    assert cls.__doc__.startswith(cell.function.__doc__)
    assert cell.source in cls.__doc__


def test_arguments_are_those_of_recurrent() -> None:
    want = [p for name, p in inspect.signature(Recurrent).parameters.items() if name != "cell"]
    assert list(inspect.signature(layers.Jordan).parameters.values()) == want
    assert layers.Elman(I, H, 2, bias=False).state_dict().keys() == {"weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1"}
    assert layers.SCRN(I, H, context_size=7, alpha=0.5).sizes == {"input_size": I, "hidden_size": H, "context_size": 7}


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match=r"module 'recurra\.layers' has no attribute 'Elmann'"):
        _ = layers.Elmann
