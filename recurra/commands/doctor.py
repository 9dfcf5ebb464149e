"""Does this machine have what Recurra needs, and does it compute rightly here? `recurra doctor`."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OLDEST_PYTHON = (3, 11)
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:>=(?P<oldest>[\d.]+))?(?:.*extra == ['\"](?P<extra>\w+)['\"])?")
TOLERANCE = 1e-12
FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what, whether it is fine, what was found, and what to do where it is not."""

    what: str
    fine: bool
    found: str
    advice: str = ""


def examine() -> Iterator[Check]:
    """Look at everything, one after the other; a check that raises is one that is not fine."""
    yield _python()
    yield from _packages()
    for what, look, advice in CHECKS:
        yield _guarded(what, look, advice)


def _python() -> Check:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return Check("python", sys.version_info >= OLDEST_PYTHON, found, f"install Python {oldest} or newer")


def _packages() -> Iterator[Check]:
    """The packages that Recurra's own metadata lists; one of an extra may be missing."""
    try:
        lines = importlib.metadata.requires("recurra") or []
    except importlib.metadata.PackageNotFoundError:
        yield Check("recurra", False, "not installed", "pip install --editable . in its folder")
        return
    for line in lines:
        match = REQUIREMENT.match(line)
        if match and match["extra"] != "dev":
            yield _package(match["name"], match["oldest"] or "0", match["extra"])


def _package(name: str, oldest: str, extra: str | None) -> Check:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = ""
    wanted = f"recurra[{extra}]" if extra else f"{name}>={oldest}"
    fine = _numbers(version) >= _numbers(oldest) if version else extra is not None
    missing = f"not installed, for the extra {extra}" if extra else "not installed"
    return Check(name, fine, version or missing, f"pip install '{wanted}'")


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version: (2, 13, 0) of 2.13.0+cpu."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[^\d.]", version)[0])))


def _guarded(what: str, look: Callable[[], str], advice: str) -> Check:
    try:
        return Check(what, True, look())
    # A broken package may raise anything when it is imported or called: whatever it is, it is what was found.
    except Exception as error:
        return Check(what, False, f"{type(error).__name__}: {error}", advice)


def _cells() -> str:
    """Every built-in cell compiles and comes back equal from its JSON."""
    compiler, cells = importlib.import_module("recurra.compiler"), importlib.import_module("recurra.cells")
    for cell in cells.registry.values():
        program = compiler.compile_cell(cell)
        _require(compiler.Program.from_json(program.to_json()) == program, f"{cell.name} is not equal after a round trip through JSON")
    return f"{len(cells.registry)} cells compile"


def _engine() -> str:
    """The LSTM gives torch's results: outputs, last states and gradients, in float64, from a state that is not zero."""
    torch, layers = importlib.import_module("torch"), importlib.import_module("recurra.layers")
    generator = torch.Generator().manual_seed(1)
    theirs, ours = (kind(4, 6, dtype=torch.float64) for kind in (torch.nn.LSTM, layers.LSTM))
    ours.load_state_dict(theirs.state_dict())
    x, h, c = (torch.randn(*shape, dtype=torch.float64, generator=generator) for shape in ((5, 3, 4), (1, 3, 6), (1, 3, 6)))
    gap = max(float((a - b).abs().max()) for a, b in zip(_results(ours, x, h, c), _results(theirs, x, h, c), strict=True))
    _require(gap < TOLERANCE, f"the LSTM is {gap:.1e} away from torch's")
    return f"the LSTM equals torch's ({gap:.0e}), {torch.get_num_threads()} threads"


def _results(layer: Any, x: Any, h: Any, c: Any) -> list[Any]:
    y, (h, c) = layer(x, (h, c))
    (y.square().sum() + h.sum() + c.square().sum()).backward()
    return [y.detach(), h.detach(), c.detach(), *(parameter.grad for parameter in layer.parameters())]


def _disk() -> str:
    """A model file can be written and read back here, and there is room for more."""
    files, numpy = importlib.import_module("recurra.files"), importlib.import_module("numpy")
    values = numpy.arange(6, dtype=numpy.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "doctor.rnn")
        files.write_model(path, {"values": values}, {"task": "doctor"})
        _require(bool((files.read_model(path).tensors["values"] == values).all()), "a model file does not come back as it was written")
        status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    _require(free > FREE_BYTES, f"{free / 1e9:.1f} GB are free in {tempfile.gettempdir()}")
    return f"model files come back as written, {free / 1e9:.0f} GB free in {tempfile.gettempdir()}"


def _require(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


CHECKS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("cells", _cells, "install Recurra again"),
    ("engine", _engine, "install torch again, then Recurra"),
    ("disk", _disk, "make room, or set TMPDIR to a folder that can be written"),
)
