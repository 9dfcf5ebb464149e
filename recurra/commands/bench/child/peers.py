"""Ours and a peer, at the same weights and on the same input."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra import layers
from recurra.cells import find
from recurra.commands.bench.plan import TORCH
from recurra.commands.bench.shapes import Shape
from recurra.compiler import compile_cell

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Contender:
    """What is timed: the outputs without gradients, and a training step, which gives the outputs' and all gradients."""

    inference: Callable[[], Any]
    training: Callable[[], Any]


def contenders(cell: str, peer: str, shape: Shape) -> tuple[Contender, Contender]:
    """Ours and theirs, ready to be called."""
    torch.manual_seed(1)
    return PEERS[peer](cell, shape)


def _contender(forward: Forward, module: nn.Module, x: Tensor) -> Contender:
    """A forward in torch. The gradients are those of the input and of all parameters, for a cotangent that is not constant."""
    with torch.no_grad():
        cotangent = torch.randn(forward(x).shape, generator=torch.Generator().manual_seed(2))
    leaf = x.clone().requires_grad_()
    wanted = [leaf, *module.parameters()]

    def inference() -> Tensor:
        with torch.no_grad():
            return forward(x)

    def training() -> tuple[Tensor, ...]:
        return torch.autograd.grad(forward(leaf), wanted, cotangent)

    return Contender(inference, training)


def _twins(cell: str, shape: Shape) -> tuple[nn.Module, nn.Module, Tensor]:
    """Our layer and torch's with the same weights, and an input [T, B, I]."""
    theirs = getattr(nn, TORCH[cell])(shape.inputs, shape.hidden)
    ours = getattr(layers, TORCH[cell])(shape.inputs, shape.hidden)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, torch.randn(shape.steps, shape.batch, shape.inputs)


def layer_of(cell: str, shape: Shape) -> layers.Recurrent:
    """Any cell as a layer."""
    sizes = shape.sizes(compile_cell(find(cell)))
    others: dict[str, Any] = {name: size for name, size in sizes.items() if name not in ("input_size", "hidden_size")}
    return layers.Recurrent(find(cell), shape.inputs, shape.hidden, **others)


def _torch(cell: str, shape: Shape) -> tuple[Contender, Contender]:
    ours, theirs, x = _twins(cell, shape)
    return _contender(lambda v: ours(v, backend="cpu")[0], ours, x), _contender(lambda v: theirs(v)[0], theirs, x)


def _packed(cell: str, shape: Shape) -> tuple[Contender, Contender]:
    """From a padded batch to a padded batch: torch packs it on the way in and pads it on the way out."""
    ours, theirs, x = _twins(cell, shape)
    lengths = torch.tensor(shape.lengths())

    def packed(v: Tensor) -> Tensor:
        y = theirs(pack_padded_sequence(v, lengths, enforce_sorted=False))[0]
        return pad_packed_sequence(y, total_length=shape.steps)[0]

    return _contender(lambda v: ours(v, lengths=lengths, backend="cpu")[0], ours, x), _contender(packed, theirs, x)


def _loop(cell: str, shape: Shape) -> tuple[Contender, Contender]:
    """The same layer in the plain loop of torch operations."""
    layer, x = layer_of(cell, shape), torch.randn(shape.steps, shape.batch, shape.inputs)
    return _contender(lambda v: layer(v, backend="cpu")[0], layer, x), _contender(lambda v: layer(v, backend="reference")[0], layer, x)


def _elman(cell: str, shape: Shape) -> tuple[Contender, Contender]:
    """Our own layer whose units are all renewed at every step."""
    ours, theirs, x = layer_of(cell, shape), layer_of("elman", shape), torch.randn(shape.steps, shape.batch, shape.inputs)
    return _contender(lambda v: ours(v, backend="cpu")[0], ours, x), _contender(lambda v: theirs(v, backend="cpu")[0], theirs, x)


def _scan(cell: str, shape: Shape) -> tuple[Contender, Contender]:
    ours, theirs, x = _twins(cell, shape)
    weights = [parameter.detach().numpy() for parameter in theirs.parameters()]
    mine = _contender(lambda v: ours(v, backend="cpu")[0], ours, x)
    cotangent = torch.randn(shape.steps, shape.batch, shape.hidden).numpy()
    inference, training = importlib.import_module("recurra.commands.bench.child.scan").lstm(weights, x.numpy(), cotangent)
    return mine, Contender(inference, training)


PEERS: dict[str, Callable[[str, Shape], tuple[Contender, Contender]]] = {
    "torch": _torch,
    "packed": _packed,
    "loop": _loop,
    "elman": _elman,
    "scan": _scan,
}
