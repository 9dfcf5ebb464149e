"""The engine: runs programs over sequences, on the backend that can."""

from recurra.engine.choice import Choice, choose
from recurra.engine.cpu.kernels import launched as launches
from recurra.engine.running import run

__all__ = ["Choice", "choose", "launches", "run"]
