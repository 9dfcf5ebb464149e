"""Every error that Recurra raises on purpose, and the exit code that the command line gives it.

    RecurraError                        1   (never raised itself)
    ├── ConfigurationError (ValueError) 2   an option, a key, a command line that cannot be meant
    │   └── CellError                   2   a function that is not a cell
    ├── ArgumentTypeError (TypeError)   2   an argument of the wrong type
    ├── ShapeError (RuntimeError)       2   a tensor whose shape does not fit
    ├── BackendError (RuntimeError)     3   a backend that cannot do what was asked of it
    ├── DivergedError (ArithmeticError) 4   a loss or a gradient that is not finite
    ├── FileError (OSError)             5   a file or folder that cannot be read or written
    ├── ModelFileError (ValueError)     6   a `.rnn` file that is damaged, foreign or hostile
    └── DataError (ValueError)          7   training or test data that cannot be understood

A message says who: what must be, what came. What to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class RecurraError(Exception):
    """The root: `except RecurraError` catches everything that is not a bug."""

    exit_code = 1


class ConfigurationError(RecurraError, ValueError):
    """An option or a key that cannot be meant."""

    exit_code = 2


class CellError(ConfigurationError):
    """A function that is not a cell; the message says what to write instead."""


class ArgumentTypeError(RecurraError, TypeError):
    """An argument of the wrong type."""

    exit_code = 2


class ShapeError(RecurraError, RuntimeError):
    """A tensor whose shape does not fit; a RuntimeError, as torch raises there."""

    exit_code = 2


class BackendError(RecurraError, RuntimeError):
    """A backend that cannot do what was asked of it."""

    exit_code = 3


class DivergedError(RecurraError, ArithmeticError):
    """A loss or a gradient that is not finite."""

    exit_code = 4


class FileError(RecurraError, OSError):
    """A file or folder that cannot be read or written."""

    exit_code = 5


class ModelFileError(RecurraError, ValueError):
    """A `.rnn` file that is damaged, foreign or hostile."""

    exit_code = 6


class DataError(RecurraError, ValueError):
    """Data that cannot be understood: file, line and column stand in the message."""

    exit_code = 7


def suggest(word: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown word: the nearest known one, or all of them."""
    choices = list(known)
    near = difflib.get_close_matches(word, choices, 1, 0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; expected one of {' '.join(choices)}"


def check_choice(who: str, what: str, value: str, known: Iterable[str]) -> None:
    """Raise ConfigurationError unless `value` is one of `known`."""
    choices = list(known)
    if value not in choices:
        raise ConfigurationError(f"{who}: unknown {what} {value!r}{suggest(value, choices)}")


def check_shape(who: str, what: str, shape: Sequence[int], expected: Sequence[tuple[str, int | None]]) -> None:
    """Raise ShapeError unless `shape` is `expected`, a row of (axis, size or None for any)."""
    fits = len(shape) == len(expected) and all(want in (None, have) for have, (_, want) in zip(shape, expected, strict=True))
    if not fits:
        axes = ", ".join(axis if size is None else f"{axis}={size}" for axis, size in expected)
        raise ShapeError(f"{who}: {what} must have shape ({axes}), got ({', '.join(map(str, shape))}).")
