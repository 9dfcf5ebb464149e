"""What a person sees of a training run: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Display(ABC):
    """Told of every step and epoch; a context manager."""

    @abstractmethod
    def say(self, text: str) -> None:
        """A sentence on a line of its own."""

    @abstractmethod
    def begin_epoch(self, epoch: int, steps: int) -> None:
        """An epoch of `steps` steps begins."""

    @abstractmethod
    def step(self, loss: float) -> None:
        """A step is done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None


@final
class Silent(Display):
    """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def begin_epoch(self, epoch: int, steps: int) -> None:
        """Nothing."""

    def step(self, loss: float) -> None:
        """Nothing."""


@final
class Lines(Display):
    """One line an epoch, for logs and pipes."""

    def say(self, text: str) -> None:
        """Print at once, so that a pipe sees it."""
        print(text, file=sys.stderr, flush=True)

    def begin_epoch(self, epoch: int, steps: int) -> None:
        """Nothing: the epoch's line comes at its end."""

    def step(self, loss: float) -> None:
        """Nothing."""


@final
class Bar(Display):
    """A bar for the epoch that runs, above it one line for each that is done."""

    def __init__(self) -> None:
        texts = TextColumn("{task.description}"), TextColumn("loss {task.fields[loss]:.4f}")
        columns = (texts[0], BarColumn(), MofNCompleteColumn(), texts[1], TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print above the bar, as it is."""
        self._progress.console.print(text, markup=False, highlight=False)

    def begin_epoch(self, epoch: int, steps: int) -> None:
        """Start the bar anew."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"epoch {epoch}", total=steps, loss=0.0)

    def step(self, loss: float) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.update(self._task, advance=1, loss=loss)


def display(quiet: bool = False) -> Display:
    """The display that fits stderr."""
    return Silent() if quiet else Bar() if sys.stderr.isatty() else Lines()
