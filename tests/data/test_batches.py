"""Batches: everything once an epoch, similar lengths together, and a position that training can be taken up at."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import Buckets, Position, pad, restored, sorted_batches
from recurra.errors import ConfigurationError

LENGTHS = st.lists(st.integers(0, 40), max_size=120).map(tuple)
SIZES = st.integers(1, 17)


@given(LENGTHS, SIZES, st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_holds_every_sentence_once(lengths: tuple[int, ...], size: int, seed: int, epoch: int) -> None:
    buckets = Buckets(lengths, size, seed)
    batches = buckets.epoch(epoch)
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    assert len(batches) == buckets.batches
    assert sum(len(batch) != size for batch in batches) <= 1
    assert batches == Buckets(lengths, size, seed).epoch(epoch)


def test_batches_are_of_similar_lengths_and_differ_from_epoch_to_epoch() -> None:
    lengths = tuple((7 * number) % 41 for number in range(4000))
    buckets = Buckets(lengths, 32, 1)
    spread = [max(lengths[n] for n in batch) - min(lengths[n] for n in batch) for batch in buckets.epoch(0)]
    assert sum(spread) / len(spread) < 4
    assert set(buckets.epoch(0)).isdisjoint(buckets.epoch(1))
    assert set(buckets.epoch(0)).isdisjoint(Buckets(lengths, 32, 2).epoch(0))
    first = [lengths[batch[0]] for batch in buckets.epoch(0)]
    assert first != sorted(first)


def walk(buckets: Buckets, position: Position, steps: int) -> tuple[list[tuple[int, ...]], Position]:
    done: list[tuple[int, ...]] = []
    while len(done) < steps:
        taken = list(islice(buckets.rest(position), steps - len(done)))
        done += [batch for batch, _ in taken]
        position = taken[-1][1]
    return done, position


@given(st.integers(0, 30), st.integers(0, 30))
def test_training_can_be_left_and_taken_up_anywhere(first: int, second: int) -> None:
    buckets = Buckets(tuple(range(37)), 4, 5)
    whole, end = walk(buckets, Position(), first + second)
    before, middle = walk(buckets, Position(), first)
    after, again = walk(Buckets(tuple(range(37)), 4, 5), Position(middle.epoch, middle.batch), second)
    assert (before + after, again) == (whole, end)
    assert (end.epoch, end.batch) == divmod(first + second, buckets.batches)


@given(LENGTHS, SIZES)
def test_answers_come_back_in_order(lengths: tuple[int, ...], size: int) -> None:
    batches = sorted_batches(lengths, size)
    assert [lengths[n] for batch in batches for n in batch] == sorted(lengths, reverse=True)
    assert restored(batches, [[f"answer {n}" for n in batch] for batch in batches]) == [f"answer {n}" for n in range(len(lengths))]


def test_rows_are_filled_up_and_lengths_kept() -> None:
    padded, lengths = pad([[5, 6, 7], [], np.array([8, 9])], fill=-1)
    assert padded.tolist() == [[5, -1, 8], [6, -1, 9], [7, -1, -1]]
    assert lengths.tolist() == [3, 0, 2]
    assert padded.dtype == lengths.dtype == np.int64
    assert pad([])[0].shape == (0, 0)
    assert pad([[], []])[0].shape == (0, 2)


def test_errors() -> None:
    with pytest.raises(ConfigurationError, match=r"^batch_size must be 1 or more, got 0\.$"):
        Buckets((1, 2), 0)
    with pytest.raises(ConfigurationError, match=r"^batch_size must be 1 or more, got 0\.$"):
        sorted_batches((1, 2), 0)
    with pytest.raises(ConfigurationError, match=r"^Buckets: position must be in an epoch of 2 batches, got batch 3\.$"):
        list(Buckets((1, 2, 3), 2).rest(Position(0, 3)))
