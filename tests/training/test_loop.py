"""What can go wrong, or end early, while training."""

import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from recurra.errors import DivergedError
from recurra.files import read_log
from recurra.tasks import Model, Tagging, load
from recurra.tasks.task import Losses
from recurra.training.interruption import interruptible
from recurra.training.optimiser import clip
from recurra.training.progress import Bar, Lines, display
from tests.tasks.samples import small


def poisoned(monkeypatch: pytest.MonkeyPatch, word: str, spoil: Any) -> None:
    """Let the loss of every sentence with a word be spoiled."""
    losses = Tagging.losses

    def faulty(self: Tagging, network: Any, batch: Any) -> Losses:
        number = int(self.words.encode([word])[0])
        found = losses(self, network, batch)
        hit = torch.tensor([number in sentence.words for sentence in batch])
        return Losses(torch.where(hit, spoil(found.sums), found.sums), found.counts)

    monkeypatch.setattr(Tagging, "losses", faulty)


def test_a_loss_that_is_not_finite_stops_before_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step, samples and what was kept; the weights saved are those that the last good step left."""
    untouched = small(training={"learning_rate": 1e-20, "weight_decay": 0.0})
    poisoned(monkeypatch, "taipei", lambda sums: sums * math.nan)
    with pytest.raises(DivergedError) as error:
        small(run=tmp_path, training={"epochs": 3, "batch_size": 24})
    numbers = [n for n, s in enumerate(untouched.corpus().train, 1) if "taipei" in s.words]
    assert numbers
    assert str(error.value) == (
        f"training: the loss is not finite (nan) at step 1, in samples {' '.join(map(str, numbers))} of the train part; "
        f"the weights were not touched, last.rnn in {tmp_path} is whole. Lower training.learning_rate or training.clip_norm."
    )
    saved = load(tmp_path / "last.rnn").network.state_dict()
    for name, value in untouched.network.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=0, atol=1e-12)


def test_a_gradient_that_is_not_finite_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is finite, its derivative is not; without a directory nothing is promised."""
    poisoned(monkeypatch, "the", lambda sums: (sums - sums.detach()).sqrt() + 1)
    with pytest.raises(
        DivergedError,
        match=r"^training: the norm of the gradients is not finite \((nan|inf)\) at step \d+, in samples \d.* no model was saved\.",
    ):
        small()


def test_a_run_that_diverges_by_itself(tmp_path: Path) -> None:
    """A learning rate beyond all measure."""
    with pytest.raises(
        DivergedError, match=r"at step \d+, in samples [\d ]+ of the train part; .* last\.rnn and best\.rnn in .* are whole"
    ):
        small("elman", run=tmp_path, model={"nonlinearity": "relu"}, training={"learning_rate": 1e20, "epochs": 5, "batch_size": 24})
    assert load(tmp_path / "best.rnn").scores["dev"]


def test_early_stopping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two epochs that are no better end it; the best epoch is what is left, not the last one."""
    model = small(run=tmp_path, quiet=False, training={"epochs": 9, "patience": 2, "learning_rate": 1e-9})
    log = read_log(tmp_path / "log.jsonl")[:-1]
    assert len(log) == 3
    assert model.scores["dev"] == log[0]["dev"]
    assert "f1 has not risen for 2 epochs: stopping early" in capsys.readouterr().err


def test_the_watched_score_chooses(tmp_path: Path) -> None:
    """Of all epochs the first one with the best value of that score."""
    for watch in ("tokens", "sentences"):
        run = tmp_path / watch
        model = small(run=run, training={"epochs": 5, "watch": watch, "learning_rate": 0.03})
        log = read_log(run / "log.jsonl")[:-1]
        assert model.scores["dev"] == max((record["dev"] for record in log), key=lambda scores: scores[watch])


def test_lines_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, one an epoch; nothing on stdout, and nothing at all if quiet."""
    model = small(quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    first, epoch, test = err.splitlines()
    assert first == f"slots: 24 sentences, gru, {model.parameters:,} parameters"
    assert epoch.startswith("epoch 1/1  loss ")
    assert "  dev f1 " in epoch
    assert epoch.endswith("s  *")
    assert test.startswith("test  f1 ")
    small()
    assert capsys.readouterr() == ("", "")


class Interrupting(Lines):
    """A display that presses Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self.left = at

    def step(self, loss: float) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("at", "kept"), [(1, "last.rnn in {} is whole"), (3, "last.rnn and best.rnn in {} are whole")])
def test_ctrl_c_leaves_whole_models(
    at: int, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the first epoch and in the second; the weights are those after the step, and the handler of before is back."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("recurra.training.running.display", lambda quiet: Interrupting(at))
    with pytest.raises(KeyboardInterrupt):
        small(run=tmp_path, training={"epochs": 4})
    epoch = (at + 1) // 2
    assert capsys.readouterr().err.splitlines()[-1] == f"interrupted in epoch {epoch} after step {at}: {kept.format(tmp_path)}"
    assert load(tmp_path / "last.rnn").predict("leave taipei").words == ("leave", "taipei")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_killed_process_leaves_whole_models(tmp_path: Path) -> None:
    """SIGTERM in the middle of a long run, from outside."""
    code = f"from tests.tasks.samples import small; small(run={str(tmp_path)!r}, training={{'epochs': 10000}})"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.getcwd()})
    deadline = time.monotonic() + 60
    while not (tmp_path / "best.rnn").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == -signal.SIGTERM
    assert load(tmp_path / "last.rnn").predict("leave taipei").words == ("leave", "taipei")
    assert load(tmp_path / "best.rnn").scores["dev"]


def test_clipping() -> None:
    """Values first, then the norm; nothing is done to gradients that are not finite."""
    weights = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))]

    def set_gradients() -> None:
        weights[0].grad, weights[1].grad = torch.tensor([3.0, -4.0]), torch.tensor([12.0])

    set_gradients()
    assert clip(weights, 0.0, 0.0) == 13.0
    assert weights[1].grad.tolist() == [12.0]
    clip(weights, 1.3, 0.0)
    torch.testing.assert_close(weights[0].grad, torch.tensor([0.3, -0.4]))
    set_gradients()
    clip(weights, 0.0, 3.5)
    assert weights[0].grad.tolist() == [3.0, -3.5]
    assert weights[1].grad.tolist() == [3.5]
    set_gradients()
    clip(weights, 20.0, 0.0)
    torch.testing.assert_close(weights[1].grad, torch.tensor([12.0]))
    weights[1].grad = torch.tensor([math.inf])
    assert clip(weights, 1.0, 1.0) == math.inf
    assert weights[0].grad.tolist() == [3.0, -4.0]
    assert clip([torch.nn.Parameter(torch.zeros(1))], 1.0, 1.0) == 0.0


def test_ctrl_c_after_the_last_step_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the dev part is scored: the epoch is noted, then the run ends."""
    evaluate = Model.evaluate

    def interrupted(self: Model, *arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return evaluate(self, *arguments)

    monkeypatch.setattr(Model, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small(run=tmp_path, quiet=False)
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted in epoch 1 after step 2: last.rnn and best.rnn in ")


def test_a_second_ctrl_c_stops_at_once() -> None:
    """The first one only asks."""

    def press_twice() -> None:
        with interruptible() as interruption:
            signal.raise_signal(signal.SIGINT)
            assert interruption.number == signal.SIGINT
            signal.raise_signal(signal.SIGINT)
            pytest.fail("went on")

    with pytest.raises(KeyboardInterrupt):
        press_twice()


def test_training_in_a_thread() -> None:
    """Which receives no signals, and leaves their handlers alone."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(small).result().scores["dev"]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Above it the lines of the epochs; nothing on stdout."""
    assert isinstance(display(), Lines)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert isinstance(display(), Bar)
    small(quiet=False, training={"epochs": 2})
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("slots: 24 sentences", "epoch 1/2  loss", "epoch 2/2  loss", "test  f1"):
        assert text in err
