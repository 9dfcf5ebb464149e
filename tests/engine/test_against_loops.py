"""The reference against cells and loops that were written out by hand, and against torch's own modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recurra.cells import find, registry
from recurra.compiler import compile_cell
from recurra.engine import run
from tests.cells.cases import B, Drawn, H, I, T, draw, program_of
from tests.oracles.loops import LOOPS, Step, elman_with, walk
from tests.tolerances import assert_near

LENGTHS = torch.tensor([3, 5, 0])
RESETS = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=torch.bool)


def by_hand(step: Step, d: Drawn, lengths: Tensor | None, resets: Tensor | None, reverse: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """The loop, row by row."""
    rows = []
    for b in range(B):
        state, initial = ({k: v[b] for k, v in values.items()} for values in (d.state, d.initial))
        length, boundaries = None if lengths is None else int(lengths[b]), None if resets is None else resets[:, b]
        rows.append(
            walk(
                step, d.parameters, d.inputs["x"][:, b], state, initial, d.program.output, length=length, resets=boundaries, reverse=reverse
            )
        )
    return torch.stack([y for y, _ in rows], 1), {k: torch.stack([final[k] for _, final in rows]) for k in d.state}


def assert_same_as_by_hand(step: Step, d: Drawn, lengths: Tensor | None, resets: Tensor | None, reverse: bool) -> None:
    """Outputs, final states and every gradient, from random cotangents on all of them."""
    leaves = [*d.inputs.values(), *d.parameters.values(), *(v for s in (d.state, d.initial) for k, v in s.items() if k != "t")]
    for leaf in leaves:
        leaf.requires_grad_()
    results = []
    for y, final in (
        run(d.program, d.inputs, d.state, d.parameters, lengths=lengths, resets=resets, initial=d.initial, reverse=reverse),
        by_hand(step, d, lengths, resets, reverse),
    ):
        random = torch.Generator().manual_seed(1)
        outs = [y, *(final[k] for k in d.program.states)]
        loss = torch.stack([(o * torch.randn(o.shape, generator=random, dtype=o.dtype)).sum() for o in outs]).sum()
        grads = torch.autograd.grad(loss, leaves, allow_unused=True)
        results.append(
            [
                *outs,
                *(torch.zeros_like(v) if g is None else g for v, g in zip(leaves, grads, strict=True)),
                *([final["t"].double()] if "t" in final else []),
            ]
        )
    for got, want in zip(*results, strict=True):
        assert_near(got, want)


def test_every_built_in_cell_has_a_loop() -> None:
    assert set(LOOPS) == set(registry) - {"feedforward"}


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("loop", ["plain", "ragged"])
@pytest.mark.parametrize("name", LOOPS)
def test_cell_equals_its_loop(name: str, loop: str, reverse: bool) -> None:
    lengths, resets = (LENGTHS, RESETS) if loop == "ragged" else (None, None)
    assert_same_as_by_hand(LOOPS[name], draw(program_of(name)), lengths, resets, reverse)


@pytest.mark.parametrize(
    ("nonlinearity", "function"),
    [("tanh", torch.tanh), ("relu", torch.relu), ("sigmoid", torch.sigmoid), ("identity", lambda v: v)],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_elman_with_each_nonlinearity(nonlinearity: str, function) -> None:
    program = compile_cell(find("elman"), constants={"nonlinearity": nonlinearity})
    assert_same_as_by_hand(elman_with(function), draw(program), None, None, False)


def test_feedforward_sees_one_step() -> None:
    d = draw(program_of("feedforward"))
    y, final = run(d.program, d.inputs, {}, d.parameters, lengths=LENGTHS)
    want = torch.tanh(d.inputs["x"] @ d.parameters["weight_ih"].T + d.parameters["bias_ih"])
    for b, length in enumerate(LENGTHS.tolist()):
        assert_near(y[:length, b], want[:length, b])
        assert not y[length:, b].any()
    assert final == {}


@pytest.mark.parametrize(
    ("name", "constants", "module"),
    [
        ("lstm", {}, torch.nn.LSTM(I, H)),
        ("gru", {}, torch.nn.GRU(I, H)),
        ("elman", {}, torch.nn.RNN(I, H)),
        ("elman", {"nonlinearity": "relu"}, torch.nn.RNN(I, H, nonlinearity="relu")),
        ("lstm_projected", {}, torch.nn.LSTM(I, H, proj_size=2)),
    ],
    ids=["LSTM", "GRU", "RNN", "RNN relu", "LSTM proj_size"],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_torch_modules_agree(name: str, constants: dict[str, str], module: torch.nn.RNNBase, dtype: torch.dtype) -> None:
    module = module.to(dtype)
    program = compile_cell(find(name), constants=constants)
    parameters = {k.removesuffix("_l0"): v.detach() for k, v in module.state_dict().items()}
    sizes = {"input_size": I, "hidden_size": H, "proj_size": module.proj_size}
    assert [(k, tuple(v.shape)) for k, v in parameters.items()] == list(program.parameters(sizes).items())
    d = draw(program, dtype=dtype)
    y, final = run(program, d.inputs, d.state, parameters)
    state = tuple(v[None] for v in d.state.values())
    want, end = module(d.inputs["x"], state if len(state) > 1 else state[0])
    assert y.shape[0] == T
    assert_near(y, want)
    for got, expected in zip(final.values(), end if len(state) > 1 else (end,), strict=True):
        assert_near(got, expected[0])
