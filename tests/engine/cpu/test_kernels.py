"""Kernels as code: kept on disk, built once for all sizes, shared by threads and processes, without fast-math."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from recurra.compiler.plans import backward_plan, forward_plan, split, stateless_plan
from recurra.engine import run
from recurra.engine.cpu import forward, kernels, threads
from recurra.engine.cpu.kernels import cache_folder, launches
from recurra.engine.cpu.memory import Memory
from recurra.engine.cpu.products import products_module
from recurra.engine.cpu.walk import walk_module
from tests.cells.cases import CELLS, Drawn, draw, program_of
from tests.engine.cpu.comparison import assert_same_bits, everything
from tests.engine.cpu.machines import another_process
from tests.tolerances import assert_near


def small(name: str = "gru", **sizes: int) -> Drawn:
    return draw(program_of(name), dtype=torch.float32, **sizes)


def outputs(d: Drawn) -> Tensor:
    with torch.no_grad():
        return run(d.program, d.inputs, d.state, d.parameters, backend="cpu")[0]


def compiled_for(d: Drawn) -> int:
    """How many kernels a process that has none must compile for a call; what they say is right."""
    before = launches["compiled"]
    with another_process():
        got = outputs(d)
    assert_near(got, run(d.program, d.inputs, d.state, d.parameters, backend="reference")[0])
    return launches["compiled"] - before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own that does not exist yet; what this process has compiled already does not count."""
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "a" / "kernels"))
    return tmp_path / "a" / "kernels"


# -- on disk


def test_what_was_compiled_once_is_read_back(folder: Path) -> None:
    d = small()
    assert compiled_for(d) > 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(re.fullmatch("[0-9a-f]{64}", path.name) for path in folder.iterdir())
    assert compiled_for(d) == 0


def damaged(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        "a flipped bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "a wrong digest": bytes([content[0] ^ 1]) + content[1:],
        "half of it": content[:middle],
        "its digest alone": content[:32],
        "nothing": b"",
    }[how]


@pytest.mark.parametrize("how", ["a flipped bit", "a wrong digest", "half of it", "its digest alone", "nothing"])
def test_a_damaged_entry_is_built_again(folder: Path, how: str) -> None:
    d = small()
    first = compiled_for(d)
    for path in folder.iterdir():
        path.write_bytes(damaged(path.read_bytes(), how))
    assert compiled_for(d) == first
    assert compiled_for(d) == 0


def test_without_the_note_of_its_order_an_entry_is_found_by_its_text(folder: Path) -> None:
    d = small()
    compiled_for(d)
    notes = [path for path in folder.iterdir() if path.stat().st_size == 32 + 64]
    assert notes
    for path in notes:
        path.unlink()
    assert compiled_for(d) == 0


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_not_used(folder: Path, mode: int) -> None:
    d = small()
    first = compiled_for(d)
    folder.chmod(mode)
    entries = {path: path.read_bytes() for path in folder.iterdir()}
    assert cache_folder() is None
    assert compiled_for(d) == first
    assert {path: path.read_bytes() for path in folder.iterdir()} == entries


def test_a_folder_of_another_user_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == folder
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert cache_folder() is None
    assert compiled_for(small()) > 0
    assert not list(folder.iterdir())


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert cache_folder() is None


def test_without_a_place_to_write_kernels_are_built_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    d = small()
    assert compiled_for(d) == compiled_for(d) > 0
    folder.rmdir()
    folder.touch()
    assert cache_folder() is None
    assert compiled_for(d) > 0


def test_two_processes_at_once(folder: Path) -> None:
    """Both compile, both write, neither leaves anything but whole entries."""
    program = (
        "import torch, recurra\n"
        "torch.manual_seed(1); layer = recurra.GRU(3, 4)\n"
        "with torch.no_grad(): y, _ = layer(torch.ones(5, 2, 3), backend='cpu')\n"
        "print(y.view(torch.int32).sum().item())"
    )
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(answers) == 1
    for path in folder.iterdir():
        assert kernels._stored(path.name) is not None, path


def test_the_folder_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RECURRA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "recurra" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "recurra" / "kernels"


# -- one kernel for all sizes


def test_no_kernel_depends_on_a_size() -> None:
    every = [small("lstm"), *(small("lstm", steps=t, batch=b, input_size=i, hidden_size=h) for t, b, i, h in [(1, 1, 1, 1), (9, 2, 7, 40)])]
    lengths = {"lengths": torch.tensor([1]), "resets": torch.ones(1, 1, dtype=torch.bool)}
    everything(every[0], "cpu", torch.float32)
    outputs(every[0])
    before = launches["compiled"]
    for d in every:
        everything(d, "cpu", torch.float32)
        outputs(d)
    everything(every[1], "cpu", torch.float32, **lengths, reverse=True)
    assert launches["compiled"] == before


def test_launches_are_counted() -> None:
    d = small("lstm")
    before = dict(launches)
    everything(d, "cpu", torch.float32)
    assert launches["forward"] - before["forward"] == launches["backward"] - before["backward"] == 1
    everything(d, "reference", torch.float32)
    assert launches["forward"] - before["forward"] == 1
    outputs(d)
    assert launches["forward"] - before["forward"] == 2


FLAGS = re.compile(r"\b(fast|contract|nnan|ninf|nsz|arcp|afn|reassoc)\b")


@pytest.mark.parametrize("name", CELLS)
def test_no_instruction_carries_a_fast_math_flag(name: str) -> None:
    program, parts = split(program_of(name)) if program_of(name).states else (program_of(name), ())
    plans = [stateless_plan(part) for _, part in parts]
    if program.states:
        plans += [forward_plan(program, False), forward_plan(program, True), backward_plan(program)]
    else:
        plans.append(stateless_plan(program))
    for plan in plans:
        text = walk_module(plan, kernels.tile()).text()
        assert "fmul" in text or "fadd" in text
        assert not FLAGS.search(text)
        assert "fmuladd" not in text


def test_the_product_is_written_in_fused_multiply_adds() -> None:
    for narrow in (False, True):
        text = products_module(kernels.tile(narrow), narrow).text()
        assert "llvm.fma" in text
        assert "fmul " not in text
        assert not FLAGS.search(text)
    assert FLAGS.search("%x = fadd contract float %a, %b")


# -- threads and processes


def test_two_python_threads_may_call_at_once() -> None:
    d = small("lstm_peephole", steps=40, batch=8)
    want, found, broken = everything(d, "cpu", torch.float32), [], []

    def work() -> None:
        try:
            found.extend(everything(d, "cpu", torch.float32) for _ in range(10))
        except BaseException as error:
            broken.append(error)

    with another_process():
        team = [threading.Thread(target=work) for _ in range(2)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
    assert not broken
    assert len(found) == 20
    for got in found:
        for k, value in want.items():
            assert_same_bits(got[k], value)


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However little there is to do, it is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_forked_child_computes_the_same() -> None:
    d = small("lstm", batch=40)
    want = outputs(d)
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        signal.alarm(60)
        same = torch.equal(outputs(d), want)
        os.write(write, b"same" if same else b"other")
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        assert answer.read() == b"same"
    assert os.waitpid(child, 0)[1] == 0


# -- memory and the floating-point mode


@pytest.fixture
def memories(monkeypatch: pytest.MonkeyPatch) -> list[Memory]:
    """The buffers of every call that is made."""
    seen: list[Memory] = []

    def watched(*arguments: object) -> Memory:
        seen.append(Memory(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(forward, "Memory", watched)
    return seen


@pytest.mark.parametrize("name", [name for name in CELLS if program_of(name).states])
def test_nothing_is_stored_when_no_gradient_is_wanted(name: str, memories: list[Memory]) -> None:
    d = small(name, steps=64, batch=2)
    for value in d.parameters.values():
        value.requires_grad_()
    outputs(d)
    (memory,) = memories
    assert not [key for key in memory.buffers if key.startswith("saved:")]
    # What is as long as the sequence: inputs, their products, and what is given out.
    long = {key for key, value in memory.buffers.items() if value.shape[0] >= 64 * 2}
    given = {f"state:{k}" for k in d.program.output}
    assert {key for key in long if not key.startswith(("input:", "hoisted:"))} <= given


def test_the_floating_point_mode_is_restored() -> None:
    tiny = np.float32(1e-38)
    everything(small("lstm"), "cpu", torch.float32)
    outputs(small("lstm"))
    assert tiny * np.float32(0.1) != 0
    assert (torch.full((1,), 1e-38) * 0.1).item() != 0


@pytest.mark.usefixtures("two_threads")
def test_the_floating_point_mode_of_other_threads_is_restored() -> None:
    d = small("lstm", batch=40)
    for _ in range(3):
        outputs(d)
        everything(d, "cpu", torch.float32)
    # Long enough for torch to share it among its threads.
    assert (torch.full((2_000_000,), 1e-38) * 0.1).min().item() > 0


def test_denormals_count_as_zero_inside() -> None:
    d = draw(program_of("indrnn"), dtype=torch.float32)
    zeros = {k: torch.zeros_like(v) for k, v in d.parameters.items()}
    one = {**zeros, "weight_ih": torch.ones_like(d.parameters["weight_ih"])}
    tiny = torch.full_like(d.inputs["x"], 1e-40)
    state = {k: torch.zeros_like(v) for k, v in d.state.items()}
    assert run(d.program, {"x": tiny}, state, one, backend="reference")[0].any()
    assert not run(d.program, {"x": tiny}, state, one, backend="cpu")[0].any()
