"""What kernels would be in another process, or on another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from recurra.engine.cpu import kernels
from recurra.engine.cpu.code import host
from recurra.engine.cpu.products import Tile


@contextmanager
def another_process(machine: tuple[str, str] | None = None, tile: Tile | None = None) -> Iterator[None]:
    """No kernel is loaded; those that are wanted are built for a processor (name, features), this one by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_loaded", {})
        patch.setattr(kernels, "_walks", {})
        if machine is not None:
            patch.setattr(kernels, "host", lambda: machine)
        if tile is not None:
            patch.setattr(kernels, "tile_for", lambda features: tile)
            patch.setattr(kernels, "narrow_tile_for", lambda features: Tile(tile.rows, 1, 1))
        _forget()
        yield
    _forget()


def _forget() -> None:
    for value in vars(kernels).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def narrower() -> tuple[str, str]:
    """This processor without its vectors of 16 floats; itself where it has none."""
    cpu, features = host()
    left = [f"-{f[1:]}" if f[1:].startswith(("avx512", "avx10")) else f for f in features.split(",")]
    return "haswell" if "+avx2" in left else cpu, ",".join(left)
