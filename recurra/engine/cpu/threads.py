"""Shares of the batch, one a thread; every thread walks all steps of its own sequences, so no step waits for another thread.

The threads are torch's own team, where it is OpenMP's: a second team would quarrel with it over the cores, because its threads go on
looking for work for some milliseconds after each product. Elsewhere they are Python's.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch

from recurra.engine.cpu import kernels
from recurra.engine.cpu.kernels import Kernel

# To hand work to another thread and to wait for it has a price; this many multiply-adds are worth it.
WORTH_SHARING = 1_000_000
Calls = Sequence[tuple[int, ...]]


def threads_for(multiply_adds: int) -> int:
    """How many threads a call should have: torch's number, or one for little work."""
    return torch.get_num_threads() if multiply_adds >= WORTH_SHARING else 1


def share(kernel: Kernel, shares: Sequence[Calls]) -> None:
    """Make all calls of all shares; each share is one thread's."""
    if len(shares) == 1:
        for call in shares[0]:
            kernel.function(*call)
    elif _team() is not None:
        _in_team(kernel, shares)
    else:
        _in_pool(kernel, shares)


@cache
def _team() -> Any:
    """The OpenMP library that torch brought along; None where it uses another one."""
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD)
    except (OSError, AttributeError):
        return None
    library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    library.GOMP_parallel.restype = None
    # OpenMP waits for ever for threads that a fork left behind, in torch's own operations too: a child goes on with one thread.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
    return library


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _in_team(kernel: Kernel, shares: Sequence[Calls]) -> None:
    library = _team()
    data = array("q", [_address(library.omp_get_thread_num), _address(library.omp_get_num_threads), kernel.address, len(shares)])
    at = 0
    for calls in shares:
        data.extend((at, at + len(calls)))
        at += len(calls)
    for calls in shares:
        for call in calls:
            data.extend(call)
    library.GOMP_parallel(kernels.task(kernel.arguments).address, data.buffer_info()[0], len(shares), 0)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="recurra")


def _in_pool(kernel: Kernel, shares: Sequence[Calls]) -> None:
    def work(calls: Calls) -> None:
        for call in calls:
            kernel.function(*call)

    futures = [_pool().submit(work, calls) for calls in shares[1:]]
    work(shares[0])
    for future in futures:
        future.result()
