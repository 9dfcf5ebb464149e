"""What the kernels cannot do: the full text of each refusal, and the calls that the reference takes over."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from recurra.engine import run
from recurra.engine.cpu.kernels import launches
from recurra.errors import BackendError
from tests.cells.cases import Drawn, draw, program_of
from tests.tolerances import assert_near


@pytest.fixture
def d() -> Drawn:
    return draw(program_of("lstm"), dtype=torch.float32)


def walks() -> int:
    return launches["forward"]


def test_second_derivatives(d: Drawn) -> None:
    x = d.inputs["x"].clone().requires_grad_()
    y, _ = run(d.program, {"x": x}, d.state, d.parameters, backend="cpu")
    with pytest.raises(BackendError) as caught:
        torch.autograd.grad(y.sum(), x, create_graph=True)
    assert str(caught.value) == (
        'lstm: the cpu backend has first derivatives only. Use backend="reference" for derivatives of derivatives.'
    )
    y, _ = run(d.program, {"x": x}, d.state, d.parameters, backend="reference")
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert torch.autograd.grad(first.square().sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    d = draw(program_of("lstm"), dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(BackendError) as caught:
        run(d.program, d.inputs, d.state, d.parameters, backend="cpu")
    assert str(caught.value) == (
        f'lstm: backend="cpu" cannot run this call: a tensor is {name}, and the kernels compute in float32. Use backend="reference".'
    )
    before = walks()
    assert run(d.program, d.inputs, d.state, d.parameters)[0].dtype == dtype
    assert walks() == before


def test_transforms_of_torch_func(d: Drawn) -> None:
    def alone(x: torch.Tensor, backend: str | None = None) -> torch.Tensor:
        return run(d.program, {"x": x[:, None]}, {k: v[:1] for k, v in d.state.items()}, d.parameters, backend=backend)[0][:, 0]

    before = walks()
    y = torch.func.vmap(alone, in_dims=1, out_dims=1)(d.inputs["x"])
    assert walks() == before
    for b in range(3):
        assert_near(y[:, b], alone(d.inputs["x"][:, b], "reference"))
    with pytest.raises(BackendError) as caught:
        torch.func.vmap(lambda x: alone(x, "cpu"), in_dims=1)(d.inputs["x"])
    assert str(caught.value) == (
        'lstm: backend="cpu" cannot run this call: a transform of torch.func is at work, which needs torch\'s own operations. '
        'Use backend="reference".'
    )


def test_a_gradient_of_a_mask(d: Drawn) -> None:
    """Nobody learns a dropout mask; who does gets the reference."""
    program = d.program.with_dropout(["h"])
    mask = torch.ones(3, 6, requires_grad=True)
    with pytest.raises(BackendError) as caught:
        run(program, d.inputs, d.state, d.parameters, masks={"h": mask}, backend="cpu")
    assert str(caught.value) == (
        'lstm: backend="cpu" cannot run this call: a mask wants a gradient, which the kernels do not compute. Use backend="reference".'
    )
    y, _ = run(program, d.inputs, d.state, d.parameters, masks={"h": mask})
    assert torch.autograd.grad(y.sum(), mask)[0].any()
    with torch.no_grad():
        run(program, d.inputs, d.state, d.parameters, masks={"h": mask}, backend="cpu")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_takes_inputs_to_float32(d: Drawn, dtype: torch.dtype) -> None:
    narrow = d.inputs["x"].to(dtype)
    want, _ = run(d.program, {"x": narrow.float()}, d.state, d.parameters, backend="cpu")
    before = walks()
    with torch.autocast("cpu", dtype=dtype):
        got, final = run(d.program, {"x": narrow}, d.state, d.parameters, backend="cpu")
    assert walks() > before
    assert got.dtype == final["c"].dtype == torch.float32
    assert torch.equal(got, want)


def test_gradients_under_autocast(d: Drawn) -> None:
    grads: list[Any] = []
    for enabled in (False, True):
        x = d.inputs["x"].clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            y, _ = run(d.program, {"x": x}, d.state, d.parameters, backend="cpu")
        grads.append(torch.autograd.grad(y.sum(), x)[0])
    assert torch.equal(*grads)
