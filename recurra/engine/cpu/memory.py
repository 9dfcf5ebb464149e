"""The buffers of a call, and matrices packed as the kernels read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from recurra.engine.cpu import kernels
from recurra.engine.cpu.code import LANES


def padded(size: int) -> int:
    """A size rounded up to whole vectors."""
    return -(-size // LANES) * LANES


def widen(value: Tensor, width: int) -> Tensor:
    """[..., n] with zeros behind, contiguous."""
    if value.shape[-1] != width:
        value = functional.pad(value, (0, width - value.shape[-1]))
    return value.contiguous()


@dataclass
class Memory:
    """The buffers of one call by name, each [rows, width], and the tensors that must outlive it."""

    sizes: Mapping[str, int]
    buffers: dict[str, Tensor] = field(default_factory=dict)
    before: dict[str, Tensor] = field(default_factory=dict)

    def width(self, size: str) -> int:
        """A row of a buffer of that size, in floats."""
        return 1 if size == "one" else padded(self.sizes[size])

    def narrow(self, value: Tensor, size: str) -> Tensor:
        """A buffer's rows without the padding, [rows, n]."""
        return value[:, : 1 if size == "one" else self.sizes[size]]

    def gates(self, name: str, size: str) -> Tensor:
        """A buffer of several gates without the padding, [rows, G * n], contiguous."""
        value, n = self.buffers[name], 1 if size == "one" else self.sizes[size]
        if self.width(size) == n:
            return value
        return value.view(value.shape[0], -1, self.width(size))[:, :, :n].flatten(1)


def pack(weight: Tensor, gates: int, width: int, transposed: bool = False, narrow: bool = False) -> Tensor:
    """A weight of `gates` gates [G * n, k], each gate widened to `width` columns, in panels [panel, k, column].

    Transposed, the columns are those of the weight [n, columns], widened alike.
    """
    panel = kernels.tile(narrow).panel
    columns = widen(weight, width).t() if transposed else widened_rows(weight, gates, width)
    missing = -columns.shape[0] % panel
    if not transposed and columns.shape[1] % LANES == 0 and columns.stride(1) == 1:
        packed = (torch.zeros if missing else torch.empty)(-(-columns.shape[0] // panel), columns.shape[1], panel)
        kernels.pack(narrow).function(columns.data_ptr(), columns.stride(0), columns.shape[0], columns.shape[1], packed.data_ptr())
        return packed
    if missing:
        columns = functional.pad(columns, (0, 0, 0, missing))
    return columns.reshape(-1, panel, columns.shape[1]).transpose(1, 2).contiguous()


def start_of(bias: Tensor | None, gates: int, width: int, narrow: bool = False) -> Tensor:
    """What the sums of the packed columns start from: the bias, widened in the same way, or zeros."""
    panel = kernels.tile(narrow).panel
    total = -(-gates * width // panel) * panel
    if bias is None:
        return torch.zeros(total)
    bias = bias if bias.shape[0] == gates * width else widened_rows(bias[:, None], gates, width)[:, 0]
    return bias.contiguous() if bias.shape[0] == total else functional.pad(bias, (0, total - bias.shape[0]))


def widened_rows(weight: Tensor, gates: int, width: int) -> Tensor:
    """[G * n, k] with each gate's rows widened to `width`."""
    rows = weight.shape[0] // gates
    if rows == width:
        return weight
    return functional.pad(weight.reshape(gates, rows, -1), (0, 0, 0, width - rows)).flatten(0, 1)
