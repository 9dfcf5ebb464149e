"""Initialisation by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recurra.cells import blocks, registry
from recurra.layers import LSTM, Recurrent
from tests.cells.cases import H, I
from tests.layers.cases import NEEDS
from tests.tolerances import assert_near

FORGETFUL = [name for name in registry if "f" in registry[name].gates]


def made(cell: str, **options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, I, H, num_layers=2, bidirectional=True, **{**NEEDS.get(cell, {}), **options})


def bias(layer: Recurrent, gate: str, suffix: str = "_l0") -> Tensor:
    """The sum of a gate's biases."""
    found = [m for m in layer.program.matrices if m.bias and gate in m.gates]
    return torch.stack([getattr(layer, f"bias_{m.name}{suffix}").chunk(len(m.gates))[m.gates.index(gate)] for m in found]).sum(0)


@pytest.mark.parametrize("cell", registry)
def test_torch_s_bounds_and_fixed_starts(cell: str) -> None:
    layer = made(cell)
    starts = layer.program.starts(layer.sizes)
    for name, value in layer.named_parameters():
        start = starts.get(name.split("_l")[0])
        if start is None:
            assert value.abs().max() <= H**-0.5
            assert value.numel() < 20 or value.abs().max() > 0.5 * H**-0.5
        else:
            assert torch.equal(value, torch.full_like(value, start))


@pytest.mark.parametrize("cell", registry)
def test_same_seed_same_weights_and_drawn_anew(cell: str) -> None:
    layer, again = made(cell, init="orthogonal"), made(cell, init="orthogonal")
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), again.parameters(), strict=True))
    layer.reset_parameters()
    assert not torch.equal(layer.weight_ih_l0, again.weight_ih_l0)


def test_orthogonal_recurrent_blocks() -> None:
    layer = LSTM(I, H, 2, init="orthogonal", dtype=torch.float64)
    for name, value in layer.named_parameters():
        if name.startswith("bias"):
            assert not value.any()
        if name.startswith("weight_hh"):
            for block in value.chunk(4):
                assert_near(block @ block.T, torch.eye(H, dtype=torch.float64))
        if name.startswith("weight_ih"):
            assert value.abs().max() <= (6 / (value.shape[1] + H)) ** 0.5
            assert value.abs().max() > 0.5 * (6 / (value.shape[1] + H)) ** 0.5


def test_orthogonal_blocks_of_heads_and_other_sources() -> None:
    heads = Recurrent("lstm", I, H, init="orthogonal", weight_hh=blocks(2), dtype=torch.float64)
    assert heads.weight_hh_l0.shape == (4 * H, 3)
    for block in heads.weight_hh_l0.chunk(8):
        assert_near(block @ block.T, torch.eye(3, dtype=torch.float64))
    jordan = Recurrent("jordan", I, H, output_size=5, init="orthogonal", dtype=torch.float64)
    assert_near(jordan.weight_yh_l0.T @ jordan.weight_yh_l0, torch.eye(5, dtype=torch.float64))
    scrn = Recurrent("scrn", I, H, context_size=7, init="orthogonal", dtype=torch.float64)
    bound = (6 / (7 + I)) ** 0.5
    assert bound / 2 < scrn.weight_is_l0.abs().max() <= bound
    diagonal = Recurrent("indrnn", I, H, init="orthogonal")
    assert diagonal.weight_hh_l0.abs().max() <= H**-0.5


@pytest.mark.parametrize("cell", FORGETFUL)
def test_forget_bias_is_the_sum_of_the_biases(cell: str) -> None:
    layer, plain = made(cell, forget_bias=1.5), made(cell)
    for suffix in ("_l0", "_l0_reverse", "_l1", "_l1_reverse"):
        assert_near(bias(layer, "f", suffix), torch.full((H,), 1.5))
    for gate in set(registry[cell].gates) - {"f", "r"}:
        assert torch.equal(bias(layer, gate), bias(plain, gate))


@pytest.mark.parametrize("cell", FORGETFUL)
def test_chrono(cell: str) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, I, 500, init="chrono", max_length=100, **{k: v for k, v in NEEDS.get(cell, {}).items() if k != "num_heads"})
    f = bias(layer, "f")
    assert f.min() >= 0
    assert f.max() <= torch.tensor(99.0).log()
    # log u, u uniform from 1 to 99, has the mean (99 log 99 - 98) / 98.
    assert abs(f.mean() - 3.642) < 0.2
    if "i" in registry[cell].gates:
        assert_near(bias(layer, "i"), -f)


def test_scaled_by_nothing_else() -> None:
    """The seed's other draws are torch's, with forget_bias too."""
    torch.manual_seed(4)
    ours = LSTM(I, H, forget_bias=1.0)
    torch.manual_seed(4)
    theirs = nn.LSTM(I, H)
    assert torch.equal(ours.weight_hh_l0, theirs.weight_hh_l0)
    assert torch.equal(ours.bias_ih_l0[:H], theirs.bias_ih_l0[:H])


ERRORS = [
    ({"init": "xavier"}, "Recurrent: unknown init 'xavier'; expected one of torch orthogonal chrono"),
    ({"init": "ortogonal"}, "Recurrent: unknown init 'ortogonal'; did you mean 'orthogonal'?"),
    ({"init": "chrono"}, "Recurrent: max_length, the longest dependence in steps, belongs to init='chrono': give both or neither."),
    ({"max_length": 9}, "Recurrent: max_length, the longest dependence in steps, belongs to init='chrono': give both or neither."),
    ({"init": "chrono", "max_length": 2}, "Recurrent: max_length must be at least 3 steps, got 2."),
    (
        {"init": "chrono", "max_length": 9, "forget_bias": 1.0},
        "Recurrent: init='chrono' sets the bias of the gate f, so forget_bias cannot.",
    ),
    ({"cell": "gru", "forget_bias": 1.0}, "Recurrent: forget_bias needs a bias of a gate called f, and gru has none."),
    ({"cell": "elman", "init": "chrono", "max_length": 9}, "Recurrent: init='chrono' needs a bias of a gate called f, and elman has none."),
    ({"bias": False, "forget_bias": 1.0}, "Recurrent: forget_bias needs a bias of a gate called f, and lstm has none."),
]  # fmt: skip


@pytest.mark.parametrize(("options", "text"), ERRORS, ids=[text for _, text in ERRORS])
def test_wrong_uses(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Recurrent(**{"cell": "lstm", "input_size": I, "hidden_size": H, **options})
    assert str(raised.value) == text
