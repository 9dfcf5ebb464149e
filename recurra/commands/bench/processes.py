"""A fresh process for each measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recurra.commands.bench.machine import CHECKOUT
from recurra.commands.bench.plan import Job
from recurra.errors import BackendError


@dataclass(frozen=True)
class Settings:
    """How much is measured: calls a process, fresh processes, threads, steps of a stream."""

    calls: int = 20
    processes: int = 3
    threads: int = 2
    steps: int = 110_000


def fresh(job: Job, settings: Settings, cache: str | None = None, **more: Any) -> dict[str, Any]:
    """What `child` measures of a job in a process of its own; `cache`: a folder for kernels instead of the user's.

    Raises BackendError with the last line of what a failing process said.
    """
    shape = [job.shape.steps, job.shape.batch, job.shape.inputs, job.shape.hidden]
    order = {"kind": job.kind, "cell": job.cell, "peer": job.peer, "mode": job.mode, "shape": shape, **vars(settings), **more}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "recurra.commands.bench.child"],
        input=json.dumps(order), env=_environment(settings.threads, cache), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BackendError(f"bench: {job}: {(done.stderr.strip().splitlines() or [f'ended with {done.returncode}'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _environment(threads: int, cache: str | None) -> Mapping[str, str]:
    """This process's, with the threads said to every library and the package found from any folder."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    said = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**os.environ, **said, "PYTHONPATH": path, **({} if cache is None else {"RECURRA_CACHE": cache})}
