"""The peak of memory of a process that does one training step. For the peer nothing of ours is imported."""

from __future__ import annotations

import importlib
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes, the imports included."""
    steps, batch, inputs, hidden = order["shape"]
    home: Any = importlib.import_module("recurra.layers") if order["who"] == "ours" else torch.nn
    layer, x = home.LSTM(inputs, hidden), torch.randn(steps, batch, inputs, requires_grad=True)
    layer(x)[0].sum().backward()
    return {"peak": peak()}


def peak() -> int:
    """The most bytes that this process ever had in memory. What getrusage says on Linux may be the parent's."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.is_file() else None
    if found:
        return 1024 * int(found[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
