"""The sequences that a kernel walks: one a row of the batch, or several where resets cut it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """Sequences sorted by length within each thread's share, all int64 [V].

    `row` is the row of the batch, `first` the first step that is walked, `length` how many are; `fresh` says that the sequence
    starts from the layer's initial state instead of the one passed in, `final` that its last state is the row's.
    `whole`: every row has all steps; `plain`: moreover each row is one sequence, in the order of the batch.
    """

    row: Tensor
    first: Tensor
    length: Tensor
    fresh: Tensor
    final: Tensor
    shares: tuple[tuple[int, int], ...]
    steps: int
    batch: int
    reverse: bool
    whole: bool
    plain: bool = False

    @cached_property
    def count(self) -> int:
        return int(self.row.shape[0])

    @cached_property
    def total(self) -> int:
        """Steps of all sequences."""
        return int(self.length.sum())

    @cached_property
    def longest(self) -> int:
        """Steps of the longest sequence."""
        return int(self.length.max()) if self.count else 0

    @property
    def stride(self) -> int:
        """From one step to the next, in rows of [T * B]."""
        return -self.batch if self.reverse else self.batch

    @cached_property
    def zeros(self) -> Tensor:
        """The first step's number of each sequence, where nothing else was said."""
        return torch.zeros_like(self.row)

    @cached_property
    def first_row(self) -> Tensor:
        """The first step of each sequence, as a row of [T * B]."""
        return self.first * self.batch + self.row

    @property
    def last_row(self) -> Tensor:
        """The last step of each sequence, as a row of [T * B]; of an empty sequence the row before its first."""
        return self.first_row + (self.length - 1) * self.stride

    def valid(self) -> Tensor:
        """Which rows of [T * B] belong to a sequence, bool."""
        reached = torch.arange(self.steps)[:, None] < self.length[None, :]
        rows = self.first_row[None, :] + torch.arange(self.steps)[:, None] * self.stride
        mask = torch.zeros(self.steps * self.batch, dtype=torch.bool)
        mask[rows[reached]] = True
        return mask


def sequences(steps: int, batch: int, lengths: Tensor | None, resets: Tensor | None, reverse: bool, threads: int) -> Sequences:
    """Cut a batch of T=`steps`, B=`batch` into sequences and deal them to threads."""
    if lengths is None and resets is None:
        return _plain(steps, batch, reverse, max(1, min(threads, batch)))
    row = torch.arange(batch)
    ends = torch.full((batch,), steps) if lengths is None else lengths.cpu()
    whole = bool((ends == steps).all())
    if resets is None:
        first = ends - 1 if reverse else torch.zeros(batch, dtype=torch.int64)
        length, fresh, final = ends, torch.zeros(batch, dtype=torch.bool), torch.ones(batch, dtype=torch.bool)
    else:
        row, first, length, fresh, final = _cut(steps, batch, ends, resets.cpu(), reverse)
    order, shares = _deal(length, max(1, min(threads, len(row))))
    row, first, length, fresh, final = (v[order] for v in (row, first, length, fresh, final))
    return Sequences(row, first, length, fresh, final, shares, steps, batch, reverse, whole)


@lru_cache(64)
def _plain(steps: int, batch: int, reverse: bool, threads: int) -> Sequences:
    """One sequence a row, all of them whole."""
    no, edges = torch.zeros(batch, dtype=torch.bool), [batch * k // threads for k in range(threads + 1)]
    first, length = torch.full((batch,), steps - 1 if reverse else 0), torch.full((batch,), steps)
    return Sequences(torch.arange(batch), first, length, no, ~no, tuple(pairwise(edges)), steps, batch, reverse, True, True)


def _cut(steps: int, batch: int, ends: Tensor, resets: Tensor, reverse: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The stretches between the resets of each row; a boundary lies between step t - 1 and step t."""
    starts = resets.clone() & (torch.arange(steps)[:, None] < ends[None, :])  # [T, B]
    if steps:
        starts[0] = True
    row, begin = starts.t().nonzero(as_tuple=True)  # by row, then by step
    last = torch.ones(len(row), dtype=torch.bool)
    last[:-1] = row[1:] != row[:-1]
    stop = torch.where(last, ends[row], torch.cat([begin[1:], begin.new_zeros(1)])) if len(row) else begin
    opening = torch.ones(len(row), dtype=torch.bool)
    opening[1:] = row[1:] != row[:-1]
    if reverse:
        return row, stop - 1, stop - begin, ~last, opening
    fresh = ~opening | (resets[0][row] & (ends[row] > 0) if steps else opening)
    return row, begin, stop - begin, fresh, last


def _deal(length: Tensor, threads: int) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
    """The order of the sequences: longest first, dealt to the threads in turn, each share in one piece."""
    order = torch.argsort(length, descending=True, stable=True)
    parts = [order[k::threads] for k in range(threads)]
    bounds, at = [], 0
    for part in parts:
        bounds.append((at, at + len(part)))
        at += len(part)
    return torch.cat(parts), tuple(bounds)
