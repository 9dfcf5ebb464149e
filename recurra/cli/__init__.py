"""The command line: thin functions that bring what they need along when they are called. `--help` imports no torch."""

from recurra.cli.running import main

__all__ = ["main"]
