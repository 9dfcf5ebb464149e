"""Ragged batches without padding: the valid steps of all rows, laid out step after step.

Rows are sorted by length, so the rows that live at a step are a prefix of the batch, and what stands in the padding is never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Where the valid steps of a batch stand: `counts[t]` rows live at step t; `order` sorts the batch (None: nothing to do)."""

    steps: int
    batch: int
    counts: tuple[int, ...]
    order: Tensor | None = None
    places: Tensor | None = None

    @staticmethod
    def of(steps: int, batch: int, lengths: Tensor | None, device: torch.device) -> Layout:
        """The layout of T=`steps`, B=`batch`; `lengths` int64 [B], in any order, on any device."""
        if lengths is None or bool((lengths == steps).all()):
            return Layout(steps, batch, (batch,) * steps)
        order = torch.argsort(lengths, descending=True, stable=True)
        valid = torch.arange(steps, device=lengths.device)[:, None] < lengths[order][None, :]  # [T, B]
        counts = tuple(valid.sum(1).tolist())
        places = (torch.arange(steps, device=lengths.device)[:, None] * batch + order)[valid]
        return Layout(steps, batch, counts, order.to(device), places.to(device))

    def pack(self, value: Tensor) -> Tensor:
        """[T, B, n] to the valid steps [N, n]."""
        flat = value.flatten(0, 1)
        return flat if self.places is None else flat.index_select(0, self.places)

    def unpack(self, value: Tensor) -> Tensor:
        """The valid steps [N, n] to [T, B, n], zero elsewhere."""
        if self.places is not None:
            value = value.new_zeros(self.steps * self.batch, value.shape[-1]).index_copy(0, self.places, value)
        return value.reshape(self.steps, self.batch, value.shape[-1])

    def sort(self, value: Tensor) -> Tensor:
        """[B, ...] in the order of the layout."""
        return value if self.order is None else value.index_select(0, self.order)

    def unsort(self, value: Tensor) -> Tensor:
        """[B, ...] in the order of the user."""
        return value if self.order is None else value.index_select(0, torch.argsort(self.order))

    def walk(self, reverse: bool) -> Iterator[tuple[int, int, int]]:
        """(step, first packed place, rows alive) for each step with a row alive, in the order of processing."""
        offsets = [0]
        for count in self.counts:
            offsets.append(offsets[-1] + count)
        for t in reversed(range(self.steps)) if reverse else range(self.steps):
            if self.counts[t]:
                yield t, offsets[t], self.counts[t]
