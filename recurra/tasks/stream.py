"""A sentence that comes word by word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from recurra.layers import State

Step = Callable[[str, Mapping[str, Any] | None], tuple[Any, State]]


@final
class Stream:
    """Answers in constant memory: the state is all that is kept of the words so far."""

    def __init__(self, step: Step, state: State | None = None) -> None:
        self._step, self.state = step, state

    def feed(self, word: str) -> Any:
        """The answer for the next word."""
        answer, self.state = self._step(word, self.state)
        return answer

    def fork(self) -> Stream:
        """A second stream that goes on from here; the two do not see each other."""
        return Stream(self._step, self.state)
