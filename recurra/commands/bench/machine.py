"""Where and when something was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Where the package lies.
CHECKOUT = Path(__file__).parents[3]
WIDTHS = (("avx512f", 512), ("avx2", 256), ("asimd", 128), ("sse2", 128))


def machine() -> dict[str, Any]:
    """The processor, its cores that this process may use, its vectors' width in bits, the versions that matter."""
    text = _processor()
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    features = set(text.split())
    return {
        "cpu": name[1] if name else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vector_bits": next((bits for feature, bits in WIDTHS if feature in features), None),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "llvmlite")},
    }


def _processor() -> str:
    """What Linux tells of its processors; nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def commit() -> str:
    """The checkout's commit, with `+` where the package differs from it; `unknown` outside a checkout."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + ("+" if _git("status", "--porcelain", "--", "recurra") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()


def load() -> float | None:
    """How many processes wanted to run in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
