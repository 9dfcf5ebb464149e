"""Finding cells by name, and those of a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurra.cells import find, registry
from recurra.compiler import compile_cell
from recurra.errors import CellError, ConfigurationError

FILE = """
from recurra.cells import cell
from recurra.cells.notation import sigmoid, tanh


@cell(gates="g n")
def ugrnn(x, h):
    g = sigmoid(x.g + h.g)
    return g * h + (1 - g) * tanh(x.n + h.n)


def plain(x, h):
    return h
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.py"
    path.write_text(FILE)
    return path


def test_a_cell_of_a_file_equals_the_built_in_one(file: Path) -> None:
    mine, built_in = (compile_cell(find(name)) for name in (f"{file}:ugrnn", "ugrnn"))
    assert (mine.nodes, mine.matrices, mine.sizes) == (built_in.nodes, built_in.matrices, built_in.sizes)
    assert mine.text.startswith('@cell(gates="g n")\ndef ugrnn(x, h):')


def test_two_files_of_one_name(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "my.py"
    other.parent.mkdir()
    other.write_text(FILE.replace("def ugrnn", "def second"))
    first, second = find(f"{file}:ugrnn"), find(f"{other}:second")
    assert (first.name, second.name) == ("ugrnn", "second")
    assert "def ugrnn" in first.text
    assert "def second" in second.text


def test_unknown_names() -> None:
    assert find("lstm") is registry["lstm"]
    with pytest.raises(ConfigurationError) as caught:
        find("lstn")
    assert str(caught.value) == "unknown cell 'lstn'; did you mean 'lstm'?; or a cell of your own, as in my.py:ugrnn"


def test_errors_of_a_file(file: Path) -> None:
    bad = file.with_name("bad.py")
    bad.write_text("import nothing_of_this_name\n")
    empty = file.with_name("empty.py")
    empty.write_text("")
    missing = file.with_name("missing.py")
    cases = {
        "my.py": (ConfigurationError, "cell 'my.py': say which function of the file, as in my.py:ugrnn"),
        f"{missing}:f": (ConfigurationError, f"cell {missing}:f: there is no file {missing}"),
        f"{file}:ugrn": (CellError, f"{file}: there is no cell 'ugrn'; did you mean 'ugrnn'?"),
        f"{file}:plain": (CellError, f"{file}:plain is not a cell: put @recurra.cell above it"),
        f"{empty}:f": (CellError, f"{empty}: there is no cell 'f'; the file declares none"),
        f"{bad}:f": (CellError, f"{bad}: running the file raised ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    }
    for name, (kind, message) in cases.items():
        with pytest.raises(kind) as caught:
            find(name)
        assert str(caught.value) == message
