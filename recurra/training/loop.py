"""The training loop, one for all tasks."""

from __future__ import annotations

import math
import time
from typing import Annotated, Literal, NoReturn, final

from pydantic import Field
from torch import Tensor

from recurra.data import Buckets, Corpus
from recurra.errors import ConfigurationError, DataError, DivergedError, check_choice
from recurra.models.amounts import Amount, Count, Share
from recurra.tasks import Losses, Model
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
    ) -> None:
        if momentum and optimiser != "sgd":
            raise ConfigurationError(f"training.momentum: has an effect with optimiser sgd only, got {optimiser}.")
        self.epochs, self.batch_size, self.patience, self.watch = epochs, batch_size, patience, watch
        self.optimiser, self.clip_norm, self.clip_value = optimiser, clip_norm, clip_value
        self.rates = {"learning_rate": learning_rate, "weight_decay": weight_decay, "momentum": momentum}

    def run(self, model: Model, corpus: Corpus, seed: int, record: Record, display: Display) -> None:
        """Train `model` in place and leave it with the weights of its best epoch, and that epoch's scores.

        Draws from torch's global generator, which `seeded` has set, and orders batches by `seed` alone. Raises DivergedError before a
        step that is not finite; after Ctrl-C saves last.rnn, says so and lets KeyboardInterrupt out.
        """
        with interruptible() as interruption:
            _Run(self, model, corpus, seed, record, display, interruption).go()


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
        self.step, self.best, self.best_epoch = 0, -math.inf, 0
        self.best_scores: dict[str, float] = {}
        self.best_weights: dict[str, Tensor] = {}

    def _watched(self) -> str:
        watch = self.settings.watch or self.task.watched
        check_choice("training.watch", "score", watch, self.task.values(self.task.ceiling(self.dev)))
        return watch

    def _dev_scores(self) -> dict[str, float]:
        self.network.eval()
        return self.task.values(self.model.evaluate(self.dev))

    def go(self) -> None:
        """All epochs, or as many as patience allows."""
        for epoch in range(1, self.settings.epochs + 1):
            began = time.perf_counter()
            loss = self._epoch(epoch)
            scores = self._dev_scores()
            self._end_epoch(epoch, loss, scores, time.perf_counter() - began)
            if self.interruption.number is not None:
                self._stop(epoch)
            if self.settings.patience and epoch - self.best_epoch >= self.settings.patience:
                self.display.say(f"{self.watch} has not risen for {self.settings.patience} epochs: stopping early")
                break
        self.network.load_state_dict(self.best_weights)
        self.network.eval()
        self.model.scores = {"dev": self.best_scores}

    def _epoch(self, epoch: int) -> float:
        """One pass over the training part; the mean loss of its steps."""
        batches = self.buckets.epoch(epoch - 1)
        self.display.begin_epoch(epoch, len(batches))
        self.network.train()
        total = 0.0
        for batch in batches:
            loss = self._step([self.numbers[place] for place in batch])
            total += loss
            self.display.step(loss)
            if self.interruption.number is not None:
                self._stop(epoch)
        return total / len(batches)

    def _step(self, numbers: list[int]) -> float:
        """One step; the weights change only if loss and gradients are finite."""
        losses = self.task.losses(self.network, [self.samples[number] for number in numbers])
        loss = losses.mean
        self._check(loss.item(), "loss", numbers, losses)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip(self.network.parameters(), self.settings.clip_norm, self.settings.clip_value)
        self._check(norm, "norm of the gradients", numbers, losses)
        self.optimiser.step()
        self.step += 1
        return loss.item()

    def _check(self, value: float, what: str, numbers: list[int], losses: Losses) -> None:
        if math.isfinite(value):
            return
        faulty = [number for number, own in zip(numbers, losses.sums.tolist(), strict=True) if not math.isfinite(own)] or numbers
        if all(bool(p.isfinite().all()) for p in self.network.parameters()):
            self.record.save(self.model, "last")
        raise DivergedError(
            f"training: the {what} is not finite ({value}) at step {self.step + 1}, in samples {' '.join(map(str, sorted(faulty)))} of the "
            f"train part; the weights were not touched, {self.record.kept}. Lower training.learning_rate or training.clip_norm."
        )

    def _stop(self, epoch: int) -> NoReturn:
        """Save and leave; `interruptible` delivers the signal on the way out."""
        self.record.save(self.model, "last")
        self.display.say(f"interrupted in epoch {epoch} after step {self.step}: {self.record.kept}")
        raise KeyboardInterrupt

    def _end_epoch(self, epoch: int, loss: float, scores: dict[str, float], seconds: float) -> None:
        """Note the scores, save last.rnn, and best.rnn where the watched score rose."""
        self.model.scores = {"dev": scores}
        score = scores.get(self.watch, 0.0)
        better = score > self.best
        if better:
            self.best, self.best_epoch, self.best_scores = score, epoch, scores
            self.best_weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.record.save(self.model, "last")
        if better:
            self.record.save(self.model, "best")
        self.record.write({"epoch": epoch, "step": self.step, "loss": loss, "seconds": round(seconds, 3), "dev": scores})
        shown = "  ".join(f"{name} {value:.2%}" for name, value in scores.items())
        self.display.say(f"epoch {epoch}/{self.settings.epochs}  loss {loss:.4f}  dev {shown}  {seconds:.1f} s{'  *' if better else ''}")
