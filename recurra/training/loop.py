"""The training loop, one for all tasks."""

from __future__ import annotations

import math
import time
from typing import Annotated, Literal, NoReturn, final

import torch
from pydantic import Field
from torch import Tensor

from recurra.data import Buckets, Corpus, Position
from recurra.errors import ConfigurationError, DataError, DivergedError, check_choice
from recurra.models.amounts import Amount, Count, Share
from recurra.tasks import Losses, Model, load
from recurra.training.checkpoint import Checkpoint, Progress, remember, tensors_of
from recurra.training.interruption import Interruption, interruptible
from recurra.training.optimiser import clip, optimiser_of
from recurra.training.progress import Display
from recurra.training.record import Record

Positive = Annotated[float, Field(gt=0)]


@final
class Training:
    """How a model learns from a corpus: `Training(epochs=20).run(model, corpus, ...)`.

    epochs: how often the training part is gone through, at most.
    batch_size: sentences in a step.
    optimiser: adamw or sgd.
    learning_rate: the size of a step.
    weight_decay: the share of each weight, times the learning rate, that is taken off in a step.
    momentum: for sgd, the share of the last step that is added to the next.
    clip_norm: the largest norm of all gradients together; 0 for no bound.
    clip_value: the largest value of a gradient; 0 for no bound.
    patience: stop after so many epochs without a better score on the dev part; 0 to go through all epochs.
    watch: the score on the dev part by which the best epoch is chosen; by default the first of the task.
    checkpoint_steps: save last.rnn after so many steps too; 0 for the ends of epochs only.
    """

    def __init__(
        self,
        *,
        epochs: Count = 20,
        batch_size: Count = 32,
        optimiser: Literal["adamw", "sgd"] = "adamw",
        learning_rate: Positive = 0.002,
        weight_decay: Amount = 0.01,
        momentum: Share = 0.0,
        clip_norm: Amount = 5.0,
        clip_value: Amount = 0.0,
        patience: Annotated[int, Field(ge=0)] = 0,
        watch: str | None = None,
        checkpoint_steps: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        if momentum and optimiser != "sgd":
            raise ConfigurationError(f"training.momentum: has an effect with optimiser sgd only, got {optimiser}.")
        self.epochs, self.batch_size, self.patience, self.watch = epochs, batch_size, patience, watch
        self.optimiser, self.clip_norm, self.clip_value = optimiser, clip_norm, clip_value
        self.checkpoint_steps = checkpoint_steps
        self.rates = {"learning_rate": learning_rate, "weight_decay": weight_decay, "momentum": momentum}

    def run(
        self, model: Model, corpus: Corpus, seed: int, record: Record, display: Display, checkpoint: Checkpoint | None = None
    ) -> None:
        """Train `model` in place and leave it with the weights of its best epoch, and that epoch's scores.

        Draws from torch's global generator, which `seeded` has set, and orders batches by `seed` alone. From the checkpoint that `model`
        was read from it goes on as if it had never stopped. Raises DivergedError before a step that is not finite; after Ctrl-C saves
        last.rnn, says so and lets KeyboardInterrupt out.
        """
        with interruptible() as interruption:
            run = _Run(self, model, corpus, seed, record, display, interruption)
            if checkpoint is None:
                run.save()
            else:
                run.take_up(checkpoint)
            run.go()


class _Run:
    """One run: what it needs at hand, and how far it has come."""

    def __init__(
        self, settings: Training, model: Model, corpus: Corpus, seed: int, record: Record, display: Display, interruption: Interruption
    ) -> None:
        self.settings, self.model, self.record, self.display, self.interruption = settings, model, record, display, interruption
        self.task, self.network, self.dev = model.task, model.network, corpus.dev
        # An empty sentence has nothing to learn from; numbers count from 1, as the lines of a file do.
        self.samples = {number: self.task.encode(example) for number, example in enumerate(corpus.train, 1) if len(example)}
        if not self.samples or not self.dev:
            raise DataError(f"training: the {'dev' if self.samples else 'train'} part has no sentences.")
        self.numbers = list(self.samples)
        self.buckets = Buckets(tuple(map(len, self.samples.values())), settings.batch_size, seed)
        self.optimiser = optimiser_of(self.network, settings.optimiser, **settings.rates)
        self.watch = self._watched()
        self.progress = Progress()
        self.best_weights: dict[str, Tensor] = {}
        self.clock = time.perf_counter()

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Be where a checkpoint was saved; the model has its weights already."""
        remember(self.optimiser, checkpoint.memory)
        torch.set_rng_state(checkpoint.random)
        self.progress = checkpoint.progress
        self.clock -= self.progress.seconds
        if self.progress.best_epoch and self.record.folder is not None:
            self.best_weights = load(self.record.folder / "best.rnn").network.state_dict()

    def save(self) -> None:
        """A checkpoint. Raises DivergedError, and keeps the one before, where a number in it is not finite."""
        self.progress.seconds = time.perf_counter() - self.clock
        if not self._finite():
            raise DivergedError(
                f"training: a weight, or the optimiser's memory of one, is not finite after step {self.progress.step}; "
                f"{self.record.kept}. Lower training.learning_rate or training.clip_norm."
            )
        self.record.checkpoint(self.model, tensors_of(self.optimiser), self.progress.to_data())

    def _finite(self) -> bool:
        values = [*self.network.parameters(), *tensors_of(self.optimiser).values()]
        return all(bool(value.isfinite().all()) for value in values)

    def _watched(self) -> str:
        watch = self.settings.watch or self.task.watched
        check_choice("training.watch", "score", watch, self.task.values(self.task.ceiling(self.dev)))
        return watch

    def _dev_scores(self) -> dict[str, float]:
        self.network.eval()
        return self.task.values(self.model.evaluate(self.dev))

    def go(self) -> None:
        """All epochs that are left, or as many as patience allows."""
        while self.progress.epoch < self.settings.epochs and not self._tired():
            self._epoch()
        if self._tired():
            self.display.say(f"{self.watch} has not risen for {self.settings.patience} epochs: stopping early")
        self.network.load_state_dict(self.best_weights)
        self.network.eval()
        self.model.scores = {"dev": self.progress.best_scores}

    def _tired(self) -> bool:
        return 0 < self.settings.patience <= self.progress.epoch - self.progress.best_epoch

    def _epoch(self) -> None:
        """What is left of a pass over the training part, then the dev part."""
        progress, every = self.progress, self.settings.checkpoint_steps
        left = list(self.buckets.rest(Position(progress.epoch, progress.batch)))
        self.display.begin_epoch(progress.epoch + 1, len(left))
        self.network.train()
        for batch, _ in left:
            loss = self._step([self.numbers[place] for place in batch])
            progress.loss += loss
            progress.batch += 1
            self.display.step(loss)
            if self.interruption.number is not None:
                self._stop()
            if every and progress.step % every == 0:
                self.save()
        self._end_epoch(self._dev_scores())
        if self.interruption.number is not None:
            self._stop()

    def _step(self, numbers: list[int]) -> float:
        """One step; the weights change only if loss and gradients are finite."""
        self.random = torch.get_rng_state()
        losses = self.task.losses(self.network, [self.samples[number] for number in numbers])
        loss = losses.mean
        self._check(loss.item(), "loss", numbers, losses)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip(self.network.parameters(), self.settings.clip_norm, self.settings.clip_value)
        self._check(norm, "norm of the gradients", numbers, losses)
        self.optimiser.step()
        self.progress.step += 1
        return loss.item()

    def _check(self, value: float, what: str, numbers: list[int], losses: Losses) -> None:
        if math.isfinite(value):
            return
        faulty = [number for number, own in zip(numbers, losses.sums.tolist(), strict=True) if not math.isfinite(own)] or numbers
        # Chance goes back to before the step, so that who takes the run up sees the same step fail.
        torch.set_rng_state(self.random)
        if self._finite():
            self.save()
        raise DivergedError(
            f"training: the {what} is not finite ({value}) at step {self.progress.step + 1}, "
            f"in samples {' '.join(map(str, sorted(faulty)))} of the train part; the weights were not touched, {self.record.kept}. "
            "Lower training.learning_rate or training.clip_norm."
        )

    def _stop(self) -> NoReturn:
        """Save and leave; `interruptible` delivers the signal on the way out."""
        self.save()
        epoch = self.progress.epoch + (self.progress.batch > 0)
        self.display.say(f"interrupted in epoch {epoch} after step {self.progress.step}: {self.record.kept}")
        raise KeyboardInterrupt

    def _end_epoch(self, scores: dict[str, float]) -> None:
        """Note the scores, save best.rnn where the watched score rose, then last.rnn.

        A process that is killed between the two comes to this epoch's end once more, and writes the same best.rnn again.
        """
        progress, loss = self.progress, self.progress.loss / self.buckets.batches
        progress.epoch, progress.batch, progress.loss = progress.epoch + 1, 0, 0.0
        now = time.perf_counter() - self.clock
        seconds, progress.began = now - progress.began, now
        self.model.scores = {"dev": scores}
        score = scores.get(self.watch, 0.0)
        better = score > progress.best
        self.record.write({"epoch": progress.epoch, "step": progress.step, "loss": loss, "seconds": round(seconds, 3), "dev": scores})
        if better:
            progress.best, progress.best_epoch, progress.best_scores = score, progress.epoch, scores
            self.best_weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            self.record.save(self.model, "best")
        self.save()
        shown = "  ".join(f"{name} {value:.2%}" for name, value in scores.items())
        epochs = f"epoch {progress.epoch}/{self.settings.epochs}"
        self.display.say(f"{epochs}  loss {loss:.4f}  dev {shown}  {seconds:.1f} s{'  *' if better else ''}")
