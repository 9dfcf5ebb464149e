"""The engine: runs programs over sequences, on the backend that can."""

from recurra.engine.running import run

__all__ = ["run"]
