"""Running a command: its exit code, one line about what went wrong, signals, a reader that has left."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import typer

from recurra.cli.application import command
from recurra.cli.complaints import Terminated, exit_code, sentence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `recurra ARGUMENTS` (those of the process by default) and return the exit code; every error is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _print_every_letter()
    try:
        with _terminable():
            _invoke(words)
    except BrokenPipeError:
        _leave_stdout()
    # A KeyboardInterrupt and a Terminated are no Exceptions, and end here too.
    except BaseException as error:
        if "--debug" in words:
            traceback.print_exc()
        print(f"recurra: {sentence(error)}", file=sys.stderr)
        return exit_code(error)
    return 0


def _invoke(words: list[str]) -> None:
    """Parse and run; typer's own `main` would give a reader that left the exit code 1."""
    try:
        with command.make_context("recurra", words) as context:
            command.invoke(context)
    except typer.Exit:
        # --help and --version end with it; nothing here raises one with another code than 0.
        pass
    sys.stdout.flush()


def _print_every_letter() -> None:
    """A terminal that is not UTF-8 shows a letter that it does not have by its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _leave_stdout() -> None:
    """Nobody reads any more (`| head -1`), which is no fault; what is still buffered goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises Terminated, so that what is half written is cleared away, as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
