"""From a job to its rows: fresh processes, of which the middle one counts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace

from recurra.cells import find
from recurra.commands.bench.arithmetic import middle, operations
from recurra.commands.bench.plan import MODES, Job, label, remark
from recurra.commands.bench.processes import Settings, fresh
from recurra.commands.bench.rows import Row, at_least, at_most
from recurra.compiler import compile_cell
from recurra.errors import BackendError

PEERS = {"torch": "torch.nn.{}", "packed": "PackedSequence", "loop": "eager loop", "scan": "lax.scan", "elman": "elman"}
FIRST_MS = {("empty", "training"): 1500, ("empty", "inference"): 700, ("disk", "training"): 30, ("disk", "inference"): 30}
STEP_US = 20
# A clock of eight octaves against all units at every step: a quarter of the products, half of the time.
DUE, DUE_TIME = 4.0, 2.0
# What counts as flat: a step's time may wander a little, and so may the allocator.
FLAT_TIME, FLAT_MB = 1.25, 1.0


def measure(job: Job, settings: Settings) -> list[Row]:
    """The rows of a job, without the bars that concern several. Raises BackendError."""
    return MEASURES[job.kind](job, settings)


def _speed(job: Job, settings: Settings) -> list[Row]:
    found = [fresh(job, settings) for _ in range(settings.processes)]
    program = compile_cell(find(job.cell))
    steps = sum(job.shape.lengths()) if job.peer == "packed" else None
    rows = []
    for mode in MODES:
        counts = middle(found, lambda one, mode=mode: one[mode]["theirs"] / one[mode]["ours"])  # type: ignore[misc]
        ours, theirs, limit = counts[mode]["ours"], counts[mode]["theirs"], counts["limit"]
        rate = operations(program, job.shape, mode == "training", steps) / 1e9
        row = Row(
            job.group, label(job.cell), mode, str(job.shape), PEERS[job.peer].format(found[0]["name"]),
            1e3 * ours, 1e3 * theirs, ratio=theirs / ours, gflops=rate / ours, share=rate / ours / limit, their_share=rate / theirs / limit,
            remark=remark(program) if job.peer == "loop" else "",
        )  # fmt: skip
        # Its products in full are not what it computes, so they say nothing of the machine's share.
        rows.append(row if job.peer != "elman" else replace(row, bars=(at_least(theirs / ours, DUE_TIME),), gflops=None, share=None))
    return rows if job.peer != "elman" else [*rows, _due(job, found[0]["multiply_adds"])]


def _due(job: Job, counted: Sequence[int]) -> Row:
    ours, theirs = counted
    ratio = theirs / ours
    return Row(
        job.group, job.cell, "multiply-adds", str(job.shape), "elman", ours / 1e6, theirs / 1e6, "M", ratio, bars=(at_least(ratio, DUE),)
    )


def _first(job: Job, settings: Settings) -> list[Row]:
    """The first call of a process: with nothing on disk, or with all that the same call left there."""
    found = []
    with tempfile.TemporaryDirectory() as filled:
        if job.peer == "disk":
            fresh(job, settings, cache=filled)
        for _ in range(settings.processes):
            with tempfile.TemporaryDirectory() as empty:
                found.append(fresh(job, settings, cache=empty if job.peer == "empty" else filled))
    counts = middle(found, lambda one: one["first"])
    # A cell without a state has nothing but the product, which is compiled as well.
    if (counts["compiled"] > 0) != (job.peer == "empty"):
        raise BackendError(f"bench: {job}: {counts['compiled']} kernels were compiled.")
    took, bound = 1e3 * counts["first"], FIRST_MS[job.peer, job.mode]
    what = f"first {job.mode}, {'nothing' if job.peer == 'empty' else 'all'} on disk"
    return [Row(job.group, label(job.cell), what, str(job.shape), ours=took, bars=(at_most(took, bound, "ms"),))]


def _peak(job: Job, settings: Settings) -> list[Row]:
    # Compiling takes memory too, once: the kernels are on disk before what counts.
    fresh(job, settings, who="ours")
    pairs = [[fresh(job, settings, who=who)["peak"] / 1e6 for who in ("ours", "theirs")] for _ in range(settings.processes)]
    ours, theirs = middle(pairs, lambda pair: pair[1] / pair[0])
    bars = (at_least(theirs / ours, 1.0),)
    return [Row(job.group, job.cell, "peak memory", str(job.shape), "torch.nn.LSTM", ours, theirs, "MB", theirs / ours, bars=bars)]


def _stream(job: Job, settings: Settings) -> list[Row]:
    found = [fresh(job, settings) for _ in range(settings.processes)]
    counts = middle(found, lambda one: one["theirs"] / one["ours"])
    name, peer, shape = job.cell, f"torch.nn.{counts['name']}", str(job.shape)
    ours, theirs = 1e6 * counts["ours"], 1e6 * counts["theirs"]
    rows = [Row(job.group, name, "one step", shape, peer, ours, theirs, "us", theirs / ours, bars=(at_most(ours, STEP_US, "us"),))]
    rows += [_step(job, int(step), 1e6 * took, 1e6 * counts["at"]["10"]) for step, took in counts["at"].items()]
    grown, what = counts["grown"] / 1e6, f"growth in {settings.steps:,} steps"
    return [*rows, Row(job.group, name, what, shape, ours=grown, unit="MB", bars=(at_most(grown, FLAT_MB, "MB"),))]


def _step(job: Job, step: int, took: float, early: float) -> Row:
    bars = () if step == 10 else (at_most(took / early, FLAT_TIME, "times step 10"),)
    return Row(job.group, job.cell, f"step {step:,}", str(job.shape), "", took, unit="us", bars=bars)


MEASURES: dict[str, Callable[[Job, Settings], list[Row]]] = {"speed": _speed, "first": _first, "peak": _peak, "stream": _stream}
