"""Compiled kernels: built once, kept on disk, loaded once a process.

The folder belongs to the user alone (0700, owner checked). An entry is keyed by its LLVM text, LLVM's version and the processor's
features, and carries its own SHA-256; a wrong one is built again. Two processes at once are safe: an entry appears by a rename.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recurra.compiler.plan import Plan
from recurra.engine.cpu.code import Loaded, Module, compile_text, host, version
from recurra.engine.cpu.products import PACK_ARGUMENTS, PRODUCTS_ARGUMENTS, Tile, narrow_tile_for, products_module, tile_for
from recurra.engine.cpu.tasks import task_module
from recurra.engine.cpu.walk import WALK_ARGUMENTS, walk_module

launches: Counter[str] = Counter()
_lock = threading.RLock()
_loaded: dict[str, Loaded] = {}
DIGEST = 32


def launched() -> dict[str, int]:
    """How often this process ran kernels: walks forward and backward, products of inputs; how many it had to compile.

    `multiply_adds` counts those of all products in kernels.
    """
    return {name: launches[name] for name in ("forward", "backward", "products", "compiled", "multiply_adds")}


@dataclass(frozen=True)
class Kernel:
    """Compiled code: as a Python function of integers, and its address for other kernels; `code` keeps it in memory."""

    function: Callable[..., None]
    address: int
    arguments: int
    code: Loaded


def _kernel(code: Loaded, name: str, arguments: int) -> Kernel:
    return Kernel(code.function(name, arguments), code.address(name), arguments, code)


@cache
def tile(narrow: bool = False) -> Tile:
    """The tile of this machine's registers; a narrow one for products that are due in part."""
    return narrow_tile_for(host()[1]) if narrow else tile_for(host()[1])


@cache
def _routines(narrow: bool) -> Loaded:
    """The product and the packing for one tile."""
    with _lock:
        return _load(f"products {tile(narrow)} {narrow}", lambda: products_module(tile(narrow), narrow))


@cache
def products(narrow: bool = False) -> Kernel:
    """The matrix product; see products.py for its arguments."""
    return _kernel(_routines(narrow), "products", PRODUCTS_ARGUMENTS)


@cache
def pack(narrow: bool = False) -> Kernel:
    """Weights into panels; see products.py for its arguments."""
    return _kernel(_routines(narrow), "pack", PACK_ARGUMENTS)


@cache
def task(arguments: int) -> Kernel:
    """What a thread of a team runs; see tasks.py."""
    with _lock:
        return _kernel(_load(f"task {arguments}", lambda: task_module(arguments)), "task", 1)


_walks: dict[int, tuple[Plan, Kernel]] = {}


def walk(plan: Plan) -> Kernel:
    """The function that walks a plan; see walk.py for its arguments."""
    found = _walks.get(id(plan))
    if found is None:
        with _lock:
            loaded = _load(f"walk {plan!r}", lambda: walk_module(plan, tile()))
            found = _walks[id(plan)] = plan, _kernel(loaded, "walk", WALK_ARGUMENTS)
    return found[1]


def _load(order: str, make: Callable[[], Module]) -> Loaded:
    """The code that `make` would write, from memory or disk.

    A note on disk says which entry an order led to, for this very generator, so that its text need not be written again.
    """
    note = _digest(order, _generator(), version(), *host())
    noted = _stored(note)
    key = "" if noted is None else noted.decode()
    code = _stored(key) if key and key not in _loaded else None
    if code is None and key not in _loaded:
        text = make().text()
        key = _digest(text, version(), *host())
        code = _stored(key) or _build(key, text, *host())
        _keep(note, key.encode())
    if key not in _loaded:
        assert code is not None
        _loaded[key] = Loaded(code)
    return _loaded[key]


@cache
def _generator() -> str:
    """What the code depends on beside a plan: the files that write it."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return _digest(*(file.read_text(encoding="utf-8") for file in files))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _build(key: str, text: str, cpu: str, features: str) -> bytes:
    code = compile_text(text, cpu, features)
    launches["compiled"] += 1
    _keep(key, code)
    return code


def _keep(name: str, content: bytes) -> None:
    """An entry with its digest; it appears whole or not at all."""
    folder = cache_folder()
    if folder is None:
        return
    # A full or read-only disk costs the next process a compilation, nothing else.
    with suppress(OSError):
        handle, beside = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(beside, folder / name)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def _stored(name: str) -> bytes | None:
    """An entry that is what was written; anything else is as good as none."""
    folder = cache_folder()
    if folder is None:
        return None
    try:
        entry = (folder / name).read_bytes()
    except OSError:
        return None
    digest, content = entry[:DIGEST], entry[DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None


def cache_folder() -> Path | None:
    """Where kernels are kept: $RECURRA_CACHE, else recurra in $XDG_CACHE_HOME or ~/.cache. None where it is not ours alone."""
    named = os.environ.get("RECURRA_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recurra" / "kernels"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = base.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
    return base if ours and not found.st_mode & 0o022 else None
