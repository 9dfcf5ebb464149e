"""What the tests of the layers share: layers of every cell with random weights, and gradients from random cotangents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from recurra.layers import Recurrent, State
from tests.cells.cases import B, H, I, T
from tests.tolerances import assert_near

# What a registered cell must be given beside input_size and hidden_size, and constants that fit H units.
NEEDS: dict[str, dict[str, Any]] = {
    "jordan": {"output_size": 5},
    "scrn": {"context_size": 7},
    "lstm_projected": {"proj_size": 2},
    "clockwork": {"period": [1, 1, 2, 2, 4, 4]},
    "slstm": {"num_heads": 2},
}
M = TypeVar("M", bound=nn.Module)
LENGTHS = torch.tensor([3, 5, 0])


def layer_of(cell: Any, seed: int = 0, **options: Any) -> Recurrent:
    """A float64 layer I -> H whose parameters are all random: none keeps a start of 0 or 1."""
    name = cell if isinstance(cell, str) else cell.name
    torch.manual_seed(seed)
    return randomised(Recurrent(cell, I, H, dtype=torch.float64, **{**NEEDS.get(name, {}), **options}))


def randomised(module: M) -> M:
    """The module with every parameter moved by normal noise."""
    with torch.no_grad():
        for value in module.parameters():
            value.add_(torch.randn_like(value) * 0.4)
    return module


def random_input(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal values of this shape, [T, B, I] by default."""
    return torch.randn(shape or (T, B, I), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_state(layer: Recurrent, batch: int = B, seed: int = 2) -> State:
    """A state that is 0 nowhere; a normaliser n is positive, as it is in an sLSTM."""
    places = layer.num_layers * layer.directions
    state = {k: random_input(places, batch, layer.program.state_size(k, layer.sizes), seed=seed) for k in layer.program.states}
    if "n" in state:
        state["n"] = state["n"].abs() + 0.5
    if layer.program.uses_step:
        state["t"] = torch.arange(places * batch).reshape(places, batch) + seed
    return State(state)


def gradients(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of `leaves` for random cotangents on every output (those that can have one); 0 where nothing depends."""
    random = torch.Generator().manual_seed(3)
    outputs = [o for o in outputs if o.requires_grad]
    cotangents = [torch.randn(o.shape, generator=random, dtype=torch.float64).to(o) for o in outputs]
    found = torch.autograd.grad(outputs, leaves, cotangents, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(v) if g is None else g for v, g in zip(leaves, found, strict=True)]


def assert_all_near(got: Sequence[Tensor], want: Sequence[Tensor]) -> None:
    """Tensor by tensor; whole numbers are equal."""
    for a, b in zip(got, want, strict=True):
        if a.is_floating_point():
            assert_near(a, b)
        else:
            assert torch.equal(a, b)
