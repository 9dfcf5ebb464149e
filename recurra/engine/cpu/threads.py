"""Shares of the batch, one a thread; every thread walks all steps of its own sequences, so no step waits for another thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def _pool(workers: int) -> ThreadPoolExecutor:
    """The helpers of this process; a forked child makes its own."""
    key = os.getpid(), workers
    if key not in _pools:
        for old in [k for k in _pools if k[0] != key[0]]:
            del _pools[old]
        _pools[key] = ThreadPoolExecutor(workers, thread_name_prefix="recurra")
    return _pools[key]


def share(work: Callable[[int, int], None], bounds: Sequence[tuple[int, int]]) -> None:
    """Call work(first, last) for each share, the first one here and the others in helpers."""
    if len(bounds) == 1:
        work(*bounds[0])
        return
    pool = _pool(len(bounds) - 1)
    futures = [pool.submit(work, *b) for b in bounds[1:]]
    work(*bounds[0])
    for future in futures:
        future.result()
