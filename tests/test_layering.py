"""The floors of the house: imports point down only, those inside functions too, and each foreign package stands where it belongs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recurra.cells import names

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "recurra"

# Files know nothing but the errors, and the engine's cache and a layer's state are written with them: so they stand low.
FLOORS = {
    "errors": 0, "files": 1, "cells": 1, "compiler": 2, "engine": 3, "layers": 4, "models": 5, "data": 5, "scores": 5, "tasks": 6,
    "training": 7, "serving": 7, "inspection": 7, "exporting": 7, "recipes": 7, "commands": 8, "cli": 9, "__main__": 10,
}  # fmt: skip
APART = ("files", "data", "scores")
WITHOUT_TORCH = ("errors", "cells", "compiler", *APART)
ONE_FILE = ("llvmlite", "triton", "onnx", "fastapi")


def modules() -> list[Path]:
    """Every file of the package but the one of the public names, which only names what it brings."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part(path: Path) -> str:
    """The floor's name of a file: cells of recurra/cells/lstm.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """The full name of everything that is imported, wherever: recurra.cells.find of `from recurra.cells import find`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def faults(path: Path, text: str) -> list[str]:
    """What a file imports and must not."""
    here = part(path)
    found = []
    for name in imported(ast.parse(text)):
        first, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if first == "torch" and here in WITHOUT_TORCH:
            found.append(f"{path}: {here} imports torch")
        if first != "recurra" or there == here or name == "recurra.__version__":
            continue
        if there not in FLOORS or FLOORS[there] >= FLOORS[here]:
            found.append(f"{path}: {here} imports {name}, which is not below it")
        elif here in APART and there != "errors":
            found.append(f"{path}: {here} imports {name}, and may know errors only")
    return found


def test_every_part_has_its_floor() -> None:
    assert {part(path) for path in modules()} <= set(FLOORS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    assert faults(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("part_of", "line"),
    [
        ("cells", "from recurra.compiler import compile_cell"),
        ("engine", "from recurra import layers"),
        ("training", "import recurra.inspection.gates"),
        ("training", "from recurra.serving import http"),
        ("data", "from recurra.cells import find"),
        ("models", "from recurra.data import Vocabulary"),
        ("files", "from recurra.cells import find"),
        ("scores", "import torch"),
        ("compiler", "def late():\n    from torch import nn"),
        ("layers", "def late():\n    from recurra.models import Tagger"),
        ("tasks", "from recurra import LSTM"),
        ("engine", "import recurra"),
    ],
)
def test_a_wrong_import_is_seen(part_of: str, line: str) -> None:
    assert len(faults(PACKAGE / part_of / "new.py", line)) == 1


@pytest.mark.parametrize("package", ONE_FILE)
def test_a_foreign_package_is_imported_in_one_file(package: str) -> None:
    where = [path for path in modules() if any(name.split(".")[0] == package for name in imported(ast.parse(path.read_text("utf-8"))))]
    assert len(where) <= 1


@pytest.mark.parametrize("floor", ["compiler", "engine"])
def test_no_cell_is_named_below_the_cells(floor: str) -> None:
    word = re.compile(rf"\b({'|'.join(names())})\b", re.IGNORECASE)
    lines = [(path, line) for path in (PACKAGE / floor).rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(path.name, line) for path, line in lines if word.search(line)] == []
