"""A run that was killed and resumed ends with the bits of one that was not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from recurra.cli import main
from recurra.data import flights
from recurra.errors import DataError, FileError
from recurra.files import lock_folder, read_log, read_model
from recurra.tasks import Model, load
from recurra.training import checkpoint, loop, resume, train
from recurra.training.checkpoint import Progress
from tests.tasks.samples import small, write_folder

# All kinds of chance, buckets of several lengths, a checkpoint within each epoch of four steps, and a run that ends early.
OPTIONS: dict[str, Any] = {
    "model": {"dropout": 0.2, "word_dropout": 0.1, "recurrent_dropout": 0.2, "zoneout": 0.1},
    "training": {"epochs": 6, "batch_size": 6, "patience": 2, "checkpoint_steps": 3, "learning_rate": 0.02},
}


def in_child(work: Callable[[], Any], at: int) -> bool:
    """Do work in a child that kills itself at its `at`-th step, write to the disk or renaming; whether that came."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        left = [at]
        for owner, name in ((os, "fsync"), (os, "replace"), (loop._Run, "_step")):
            setattr(owner, name, counting(getattr(owner, name), left))
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def counting(whole: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def counted(*given: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*given)

    return counted


def state(run: Path) -> tuple[Any, ...]:
    """Everything that must be the same: the best model's file, the last tensors, the log but for seconds."""
    tensors = {name: value.tobytes() for name, value in read_model(run / "last.rnn").tensors.items()}
    log = [{key: value for key, value in line.items() if key != "seconds"} for line in read_log(run / "log.jsonl")]
    return (run / "best.rnn").read_bytes(), tensors, log


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole")
    small(run=run, **OPTIONS)
    return run


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed in the middle of its second epoch."""
    run = tmp_path_factory.mktemp("stopped")
    assert in_child(lambda: small(run=run, **OPTIONS), 32)
    assert Progress.from_data(read_model(run / "last.rnn").metadata["training"]["progress"]).batch
    return run


@pytest.fixture
def copied(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


@pytest.mark.parametrize("seed", range(5))
def test_killed_again_and_again(seed: int, whole: Path, tmp_path: Path) -> None:
    """At random moments, four times a run, in steps and within saves."""
    moments = random.Random(seed)
    # The first 9 are those before the first checkpoint is whole.
    assert in_child(lambda: small(run=tmp_path, **OPTIONS), moments.randrange(10, 60))
    for _ in range(3):
        in_child(lambda: resume(tmp_path, quiet=True), moments.randrange(1, 40))
    resume(tmp_path, quiet=True)
    assert state(tmp_path) == state(whole)


def test_resumed_in_the_middle_of_an_epoch(copied: Path, whole: Path) -> None:
    model = resume(copied, quiet=True)
    assert state(copied) == state(whole)
    assert model.run == copied
    for name, value in load(whole / "best.rnn").network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], value)


def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = loop._Run.take_up

    def take_up(self: Any, known: Any) -> None:
        for value in self.network.parameters():
            torch.nn.init.constant_(value, 0.1)
        whole(self, known)

    monkeypatch.setattr(loop._Run, "take_up", take_up)


def without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "remember", lambda *_: None)


def without_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "set_rng_state", lambda _: None)


def without_place(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Progress.from_data
    monkeypatch.setattr(checkpoint.Progress, "from_data", lambda data: whole({**data, "batch": 0}))


@pytest.mark.parametrize("leave_out", [without_weights, without_memory, without_chance, without_place])
def test_nothing_can_be_left_out(
    leave_out: Callable[[pytest.MonkeyPatch], None], copied: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch)
    resume(copied, quiet=True)
    assert state(copied) != state(whole)


def test_a_run_that_has_ended(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir() if path.name != ".lock"}
    assert main(["resume", str(whole)]) == 0
    shown = capsys.readouterr()
    assert shown.err == f"{whole}: the run has ended, nothing is left to do\n"
    assert "dev" in shown.out
    assert {path.name: path.read_bytes() for path in whole.iterdir() if path.name != ".lock"} == before


def test_a_run_in_use(copied: Path) -> None:
    with lock_folder(copied), pytest.raises(FileError, match=r"in use by process \d+\."):
        resume(copied)


def test_no_run_and_no_checkpoint(tmp_path: Path, copied: Path) -> None:
    with pytest.raises(FileError, match=r"/nowhere: no run stands there\. Give the folder"):
        resume(tmp_path / "nowhere")
    (copied / "last.rnn").unlink()
    with pytest.raises(FileError, match=r": was stopped before its first checkpoint\. Train anew, with --config"):
        resume(copied)


def test_other_data_are_refused_and_moved_ones_found(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", train=list(flights(12)), valid=list(flights(6, part="dev")))
    run = tmp_path / "run"
    assert in_child(lambda: _train_on(folder, run), 20)
    folder.rename(tmp_path / "moved")
    changed = write_folder(tmp_path / "data", train=list(flights(13)), valid=list(flights(6, part="dev")))
    with pytest.raises(DataError, match=f"{changed} is not what the run began with: its content has changed"):
        resume(run)
    assert isinstance(resume(run, tmp_path / "moved", quiet=True), Model)


def _train_on(folder: Path, run: Path) -> None:
    train("slots", folder, run=run, quiet=True, training={"epochs": 30, "batch_size": 6}, model={"hidden_size": 8})
