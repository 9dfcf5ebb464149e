"""The cells by name: the built-in ones, and those of a user's file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from recurra.cells import gru, lstm, scans, simple, timescales
from recurra.cells.declaration import Cell
from recurra.errors import CellError, ConfigurationError, suggest

registry: dict[str, Cell] = {
    cell.name: cell for module in (simple, lstm, gru, timescales, scans) for cell in vars(module).values() if isinstance(cell, Cell)
}


def names() -> list[str]:
    """The names of the built-in cells, family by family."""
    return list(registry)


def find(name: str) -> Cell:
    """The cell called `name`, or the one in a file: `find("my.py:ugrnn")` runs my.py.

    Raises ConfigurationError for an unknown name or file, CellError for a function that is not a cell.
    """
    path, colon, function = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _from_file(Path(path), function)
    if name.endswith(".py"):
        raise ConfigurationError(f"cell {name!r}: say which function of the file, as in {name}:ugrnn")
    if name not in registry:
        raise ConfigurationError(f"unknown cell {name!r}{suggest(name, registry)}; or a cell of your own, as in my.py:ugrnn")
    return registry[name]


def _from_file(path: Path, function: str) -> Cell:
    if not path.is_file():
        raise ConfigurationError(f"cell {path}:{function}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"recurra_cell_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # inspect.getsource looks for a function's module here.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except CellError:
        raise
    except Exception as error:
        raise CellError(f"{path}: running the file raised {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if isinstance(found, Cell):
        return found
    cells = [name for name, value in vars(module).items() if isinstance(value, Cell)]
    if found is not None:
        raise CellError(f"{path}:{function} is not a cell: put @recurra.cell above it")
    raise CellError(f"{path}: there is no cell {function!r}{suggest(function, cells) if cells else '; the file declares none'}")
