"""The public names, what importing costs, and what the project's own files promise each other."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recurra
from recurra import errors
from recurra.cells import registry

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "llvmlite", "numpy", "pydantic")


def loaded_after(statement: str) -> set[str]:
    """Which of the heavy packages a statement imports, in a process of its own."""
    code = f"import sys; {statement}; print(*(name for name in {HEAVY} if name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.split())


def test_names_are_sorted_and_there() -> None:
    assert list(recurra.__all__) == sorted(recurra.__all__)
    assert [name for name in recurra.__all__ if not hasattr(recurra, name)] == []


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse((ROOT / "recurra" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == recurra._HOME


def test_every_cell_with_a_layer_has_its_name_here() -> None:
    named = {cell.layer for cell in registry.values() if cell.layer}
    assert named <= set(dir(recurra))
    assert recurra.Jordan.__name__ == "Jordan"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'recurra' has no attribute 'Jordann'$"):
        _ = recurra.Jordann


@pytest.mark.parametrize("statement", ["import recurra", "import recurra; recurra.sigmoid, recurra.cell, recurra.ShapeError"])
def test_importing_it_imports_nothing_heavy(statement: str) -> None:
    assert loaded_after(statement) == set()


@pytest.mark.parametrize("part", ["errors", "cells", "compiler", "files", "data", "scores"])
def test_what_needs_no_torch_imports_none(part: str) -> None:
    assert "torch" not in loaded_after(f"import recurra.{part}")


def test_every_error_stands_in_the_drawing_with_its_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RecurraError)]
    drawn = dict(re.findall(r"(\w+Error)\b.*?\s(\d)(?:\s|$)", errors.__doc__ or ""))
    assert drawn == {kind.__name__: str(kind.exit_code) for kind in kinds}
    assert {kind.__name__ for kind in kinds} <= set(recurra.__all__)


def test_the_version_is_that_of_the_installation() -> None:
    assert importlib.metadata.version("recurra") == recurra.__version__


def test_constraints_are_versions_only_and_cover_what_is_required() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9.]+", line) for line in lines)
    pinned = {line.split("==")[0].lower() for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {re.split(r"[>=\[]", name)[0].lower() for name in wanted} <= pinned


def test_make_fetches_from_pytorchs_cpu_index_and_nowhere_else() -> None:
    texts = [(ROOT / name).read_text() for name in ("Makefile", "tools/environment.py", "constraints.txt", "pyproject.toml")]
    assert {address for text in texts for address in re.findall(r"https?://[^\s\"']+", text)} == {"https://download.pytorch.org/whl/cpu"}
