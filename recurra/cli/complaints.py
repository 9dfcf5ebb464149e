"""What is said about an error, in one line, and the exit code that it gives."""

from __future__ import annotations

import typer

from recurra.errors import RecurraError

BUG, USAGE, MEMORY, FILES = 1, 2, 3, 5
INTERRUPTED, TERMINATED = 130, 143


class Terminated(BaseException):
    """SIGTERM came."""


def exit_code(error: BaseException) -> int:
    """The exit code of an error; 1, a bug, for one that nobody raised on purpose."""
    if isinstance(error, RecurraError | typer.TyperException):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, Terminated):
        return TERMINATED
    if _is_memory(error):
        return MEMORY
    return FILES if isinstance(error, OSError) else BUG


def sentence(error: BaseException) -> str:
    """What is said about an error, without a line break."""
    return " ".join(_words(error).split())


def _words(error: BaseException) -> str:
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if isinstance(error, RecurraError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted."
    if isinstance(error, Terminated):
        return "terminated."
    if _is_memory(error):
        return f"the memory does not suffice ({str(error) or 'MemoryError'}): make the batch or the model smaller."
    if isinstance(error, OSError):
        return f"{error.filename or 'input or output'}: {error.strerror or error}."
    return f"this is a bug, please report it: {type(error).__name__}: {error} (--debug shows where)."


def _usage(error: typer.TyperException) -> str:
    """typer's message and where the help is."""
    path = getattr(getattr(error, "ctx", None), "command_path", "recurra")
    return f"{error.format_message().rstrip('.?!')}. See {path} --help."


def _is_memory(error: BaseException) -> bool:
    """Python's MemoryError, and torch's: a class of that name on a device, a RuntimeError that says so on the CPU."""
    if isinstance(error, RecurraError):
        return False
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in ("can't allocate memory", "out of memory"))
    return isinstance(error, MemoryError) or told
