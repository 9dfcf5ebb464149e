"""Ctrl-C and a request to end: training stops between two steps, so the weights that are saved are those of a whole step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interruption:
    """The signal that has come, if any."""

    number: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember the first signal; a second Ctrl-C stops at once."""
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Collect signals while the block runs, then deliver what came to whom it belonged before.

    Only the main thread receives signals; in another one nothing is changed.
    """
    seen = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, seen.note)
    try:
        yield seen
    finally:
        for number in ours:
            signal.signal(number, before[number])
        if seen.number is not None:
            signal.raise_signal(seen.number)
