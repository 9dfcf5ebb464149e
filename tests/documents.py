"""The code of a page: its blocks run in order, in one folder and one namespace.

A `python` block is executed; one that begins with `# my.py` is also written to that file. In a `console` block each line that begins
with `$ ` is a command; what stands below it is its output, in which `...` stands for anything. Other blocks are not run.
"""

from __future__ import annotations

import doctest
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recurra.cli import main

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the number of the line above the text."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in BLOCK.finditer(text)]


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that is shown below it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    assert not parts[0], "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run_page(page: Path, printed: pytest.CaptureFixture[str]) -> int:
    """Run all that a page shows, in the current folder; how many blocks that were."""
    names: dict[str, Any] = {"__name__": page.stem}
    found = [block for block in blocks(page) if block.language in ("python", "console")]
    for block in found:
        if block.language == "python":
            _execute(page, block, names)
        else:
            for command, shown in commands(block):
                _type(command, shown, printed)
    return len(found)


def _execute(page: Path, block: Block, names: dict[str, Any]) -> None:
    """Run a Python block; a traceback gives the page and its line."""
    file = re.match(r"# (\w+\.py)\n", block.text)
    if file:
        Path(file[1]).write_text(block.text, encoding="utf-8")
    exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


def _type(command: str, shown: str, printed: pytest.CaptureFixture[str]) -> None:
    """Run a command as the shell would; of make only the target is looked for, and examples have a test of their own."""
    program, *words = shlex.split(command, comments=True)
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"there is no target {words[0]}"
        return
    if program == "python":
        assert (ROOT / words[0]).is_file(), f"there is no {words[0]}"
        return
    assert program == "recurra", f"{command}: no test knows how to run this"
    printed.readouterr()
    code = main(words)
    out, complaint = printed.readouterr()
    assert code == 0, f"{command}: ended with {code}: {complaint}"
    assert not shown or doctest.OutputChecker().check_output(shown, out, LOOSE), f"{command}: printed\n{out}"
