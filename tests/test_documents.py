"""What the pages say: their code runs, their links lead somewhere, both languages show the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recurra.data import flights
from recurra.files import write_model
from recurra.training import configuration
from tests.documents import ROOT, Block, blocks, commands, run_page
from tests.tasks.samples import SMALL, write_folder

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
WITH_CODE = [page for page in PAGES if any(block.language in ("python", "console") for block in blocks(page))]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, where recipes are small."""
    write_folder(tmp_path / "atis", **{part: list(flights(12, seed=1, part=part)) for part in ("train", "dev", "test")})
    write_model(tmp_path / "ner.rnn", {"weight_ih_l0": np.zeros((4, 3), np.float32)}, {"task": "tagging"})
    read = configuration.read_recipe
    monkeypatch.setattr(configuration, "read_recipe", lambda recipe: small(read(recipe)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def small(recipe: Any) -> Any:
    """A recipe with sizes that a test has time for; what a page sets itself goes over them."""
    built_in = merged(recipe.built_in, SMALL)
    return replace(recipe, values=merged(recipe.values, {k: v for k, v in SMALL.items() if k != "corpus"}), built_in=built_in)


def merged(values: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {**values, **{section: {**values.get(section, {}), **keys} for section, keys in others.items()}}


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_the_code_of_a_page_runs(page: Path, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_page(page, capsys) > 0


def test_a_page_that_is_wrong_is_seen(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = desk / "page.md"
    faults = {
        "```python\nassert False, 'no'\n```\n": "no",
        "```console\n$ recurra cells lstn\n```\n": "ended with 2",
        "```console\n$ recurra recipes\nnothing\n```\n": "printed",
        "```console\n$ make nothing\n```\n": "there is no target nothing",
        "```console\n$ python examples/nothing.py\n```\n": r"there is no examples/nothing\.py",
        "```console\n$ rm -r runs\n```\n": "no test knows",
        "```console\nrecurra cells\n```\n": "begins with a command",
    }
    for text, fault in faults.items():
        page.write_text(text)
        with pytest.raises(AssertionError, match=fault):
            run_page(page, capsys)


def test_every_fence_is_closed_and_has_a_known_language() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *```(\w*)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), f"{name(page)}: a block that no test sees"
        assert {block.language for block in blocks(page)} <= {"", "python", "console", "text"}, name(page)


def test_both_languages_show_the_same_blocks() -> None:
    assert _shown(ROOT / "README.md") == _shown(ROOT / "README.zh.md")


def _shown(page: Path) -> list[tuple[str, str]]:
    return [(block.language, block.text) for block in blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (page.parent / target).exists()] == []


def test_every_page_and_example_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))}
    wanted = {page.resolve() for page in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.py")]} - {index.resolve()}
    assert wanted - linked == set()


def test_decisions_are_numbered_and_have_their_three_parts() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Why", "Rejected"], file.name


def test_console_blocks_are_read_as_commands_with_their_output() -> None:
    block = Block("console", "$ recurra cells\nlstm ...\n$ make demo\n", 1)
    assert commands(block) == [("recurra cells", "lstm ...\n"), ("make demo", "")]
