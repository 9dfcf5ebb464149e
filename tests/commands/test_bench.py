"""The arithmetic of the benchmark, its bars, its errors, and one tiny run from the command line. No time is tested."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import recurra
from recurra.cells import find, names
from recurra.cli import main
from recurra.cli.bench import report_lines
from recurra.commands.bench import layers, machine, measuring, picture, plan
from recurra.commands.bench.arithmetic import geometric_mean, middle, operations
from recurra.commands.bench.bars import judged
from recurra.commands.bench.plan import GROUPS, OWN, Job, remark
from recurra.commands.bench.processes import Settings
from recurra.commands.bench.rows import Row, at_least, at_most
from recurra.commands.bench.shapes import SHAPES, Shape
from recurra.compiler import compile_cell
from recurra.errors import BackendError, ConfigurationError, FileError

SHAPE = Shape(3, 2, 4, 5)
ONCE = Settings(calls=2, processes=1, threads=1)


def test_a_shape_is_read_and_written() -> None:
    assert Shape.parse("100/16/128/64") == Shape(100, 16, 128, 64)
    assert str(Shape.parse(" 3/2/4/5")) == "3/2/4/5"
    assert [shape.kind for shape in SHAPES] == ["single"] * 2 + ["batched"] * 5


@pytest.mark.parametrize("text", ["3/2/4", "3/2/4/5/6", "3/0/4/5", "a/2/4/5", "3/-2/4/5", "", "3.0/2/4/5"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^bench: a shape must be T/B/I/H, four whole numbers above 0 as in 100/1/128/128, got "):
        Shape.parse(text)


def test_lengths_are_within_the_steps_and_always_the_same() -> None:
    lengths = Shape(100, 200, 1, 1).lengths()
    assert lengths == Shape(100, 200, 9, 9).lengths()
    assert (len(lengths), min(lengths) >= 1, max(lengths) <= 100) == (200, True, True)
    assert 40 < sum(lengths) / 200 < 61


def test_means_of_ratios_are_geometric() -> None:
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1)
    assert geometric_mean([1.0, 10.0, 100.0]) == pytest.approx(10)


def test_the_middle_process_counts() -> None:
    assert middle([3, 1, 2], float) == 2
    assert middle([4, 1, 3, 2], float) == 2
    assert middle([{"r": 9}, {"r": 5}, {"r": 7}], lambda one: one["r"]) == {"r": 7}
    assert middle([5], float) == 5


# For T/B/I/H = 3/2/4/5: multiply-adds a step of all matrices together.
MULTIPLY_ADDS = {
    "lstm": 4 * 5 * (4 + 5),
    "gru": 3 * 5 * (4 + 5),
    "elman": 5 * (4 + 5),
    "ugrnn": 2 * 5 * (4 + 5),
    "indrnn": 5 * 4,
    "lstm_peephole": 4 * 5 * (4 + 5),
    "min_gru": 2 * 5 * 4,
    "jordan": 5 * 4 + 5 * 5 + 5 * 5,
    "scrn": 5 * 4 + 5 * 4 + 5 * 5 + 5 * 5,
    "clockwork": 5 * (4 + 5),
    "feedforward": 5 * 4,
}


@pytest.mark.parametrize("name", MULTIPLY_ADDS)
def test_operations_are_counted_from_the_matrices(name: str) -> None:
    program = compile_cell(find(name))
    assert operations(program, SHAPE, training=False) == 2 * MULTIPLY_ADDS[name] * 3 * 2
    assert operations(program, SHAPE, training=True) == 3 * operations(program, SHAPE, training=False)
    assert operations(program, SHAPE, training=False, steps=4) == 2 * MULTIPLY_ADDS[name] * 4


def test_blocks_count_as_they_are() -> None:
    program = compile_cell(find("slstm"), constants={"num_heads": 4})
    assert operations(program, Shape(1, 1, 4, 8), training=False) == 2 * (4 * 8 * 4 + 4 * 8 * 2)


def test_operations_are_those_that_the_kernels_count() -> None:
    layer = recurra.LSTM(4, 5)
    before = recurra.launches()["multiply_adds"]
    with torch.no_grad():
        layer(torch.randn(3, 2, 4), backend="cpu")
    counted = recurra.launches()["multiply_adds"] - before
    assert operations(layer.program, SHAPE, training=False) == 2 * counted


def test_which_cells_are_reported_without_a_bar() -> None:
    found = {name: remark(compile_cell(find(name))) for name in names()}
    without = ("feedforward", "indrnn", "min_gru", "min_lstm")
    assert {name for name, why in found.items() if why == "no recurrent product"} == set(without)
    assert {name for name, why in found.items() if why == "row-wise operations"} == {"jordan", "lstm_layernorm"}


def test_the_whole_plan_has_every_cell_in_its_groups() -> None:
    jobs, _ = plan.plan(None, None, None)
    assert list(dict.fromkeys(job.group for job in jobs)) == list(GROUPS)
    assert {job.cell for job in jobs if job.peer == "torch" and job.group == "batched"} == {"lstm", "gru", "elman"}
    assert {job.cell for job in jobs if job.peer == "loop"} == {*names(), OWN} - {"lstm", "gru", "elman"}
    assert {str(job.shape) for job in jobs if job.group == "ragged"} == {"100/7/100/100", "100/32/256/256"}
    assert len([job for job in jobs if job.group == "compile"]) == 4 * (len(names()) + 1)
    assert [job.cell for job in jobs if job.peer == "elman"] == ["clockwork"]


def test_lax_scan_is_left_out_in_one_line_where_jax_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "find_spec", lambda name: None)
    jobs, notes = plan.plan(["lstm"], [SHAPE], ["batched"])
    assert ([job.peer for job in jobs], notes) == (["torch"], ["lax.scan is not measured: jax is not installed."])
    monkeypatch.setattr(plan, "find_spec", lambda name: name)
    assert [job.peer for job in plan.plan(["lstm"], [SHAPE], ["batched"])[0]] == ["torch", "scan"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["bench", "model"], 2, "bench: unknown subject 'model'; expected one of layers"),
        (["bench", "--group", "cell"], 2, "bench: unknown group 'cell'; did you mean 'cells'?"),
        (["bench", "--cells", "lstn"], 2, "unknown cell 'lstn'; did you mean 'lstm'"),
        (["bench", "--shapes", "3/2/4"], 2, "bench: a shape must be T/B/I/H"),
        (["bench", "--cells", "gru", "--group", "memory"], 2, "bench: nothing to measure"),
        (["bench", "--cells", "lstm", "--shapes", "3/2/4/5", "--group", "single"], 2, "bench: nothing to measure"),
        (["bench", "--calls", "0"], 2, "Invalid value for '--calls'"),
        (["bench", "--plot", "shares.txt"], 2, "bench: --plot must end in .svg or .png or .pdf, got 'shares.txt'."),
        (
            ["bench", "--cells", "two.py:two", "--group", "cells"],
            2,
            "bench: two.py:two reads x and w: only cells with one input are measured.",
        ),
        (["bench", "--cells", "bare.py:bare", "--shapes", "3/2/4/5", "--group", "cells"], 2, "bare: x itself is added"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else "",
)
def test_a_wrong_use_is_one_line_before_anything_runs(
    words: list[str], code: int, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(layers, "measure", lambda job, settings: pytest.fail("nothing may run"))
    text = "from recurra import cell, tanh\n\n@cell\ndef {}:\n    return tanh({} + h.h)\n"
    Path("two.py").write_text(text.format("two(x, w, /, h)", "x.h + w.h"))
    Path("bare.py").write_text(text.format("bare(x, h)", "x"))
    assert main(words) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"recurra: {line}")
    assert shown.err.count("\n") == 1


def test_a_plot_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=re.escape("bench: --plot needs matplotlib, the extra plot: pip install 'recurra[plot]'.")):
        picture.check_plot(Path("shares.svg"))


def test_a_plot_in_no_folder_is_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda name: name)
    with pytest.raises(FileError, match=r"none/shares\.svg: cannot be written: there is no folder none\."):
        picture.check_plot(Path("none/shares.svg"))


# -- bars


def row(cell: str, what: str, shape: str, ratio: float, peer: str = "torch.nn.LSTM", gflops: float = 10.0, **more: Any) -> Row:
    group = "cells" if peer == "eager loop" else Shape.parse(shape).kind
    return Row(group, cell, what, shape, peer, 1.0, ratio, ratio=ratio, gflops=gflops, share=0.1, their_share=0.05, **more)


def test_means_are_one_for_each_kind_of_shape_with_their_bars() -> None:
    shapes = {"100/1/128/128": 5.0, "1000/1/64/64": 1.25, "100/16/128/128": 4.0, "28/64/28/128": 0.25}
    found = judged([row("lstm", "training", shape, ratio) for shape, ratio in shapes.items()])
    assert [[bar.met for bar in one.bars] for one in found[:4]] == [[True], [True], [True], [False]]
    single, batched = found[4:]
    assert (single.shape, single.ratio, single.bars) == ("mean, 2 single", pytest.approx(2.5), (at_least(2.5, 2.5),))
    assert (batched.shape, batched.ratio) == ("mean, 2 batched", pytest.approx(1))
    assert [(bar.text, bar.met) for bar in batched.bars] == [("1.2x or more", False)]


def test_modes_peers_and_cells_are_never_mixed() -> None:
    rows = [
        row("lstm", "training", "9/2/3/3", 2),
        row("lstm", "inference", "9/2/3/3", 3),
        row("gru", "inference", "9/2/3/3", 4, "torch.nn.GRU"),
        row("lstm", "training", "9/2/3/3", 5, "lax.scan"),
    ]
    means = judged(rows)[4:]
    assert [one.ratio for one in means] == pytest.approx([2, 3, 4, 5])
    assert [bar.text for one in means for bar in one.bars] == ["1.2x or more", "1x or more", "1.6x or more", "2x or more"]


def test_a_cell_beside_its_loop_is_held_against_our_lstm_too() -> None:
    ours = row("lstm", "training", "9/2/3/3", 2, gflops=20.0)
    good, slow = (row("ugrnn", "training", "9/2/3/3", 3, "eager loop", gflops) for gflops in (10.0, 9.0))
    assert [bar.met for bar in judged([ours, good])[1].bars] == [True, True]
    assert [bar.text for bar in judged([ours, slow])[1].bars] == ["2.5x or more", "50% or more of the LSTM's GFLOP/s (45%)"]
    assert [bar.met for bar in judged([ours, slow])[1].bars] == [True, False]
    assert len(judged([good])[0].bars) == 1


def test_what_has_a_remark_has_no_bar() -> None:
    found = judged([row("min_gru", "training", "9/1/3/3", 0.1, "eager loop", remark="no recurrent product")])
    assert [one.bars for one in found] == [(), ()]
    assert found[1].remark == "no recurrent product"


def test_bars_are_met_at_their_bound() -> None:
    assert (at_least(2.0, 2).met, at_least(1.99, 2).met, at_most(20.0, 20, "us").met, at_most(20.1, 20, "us").met) == (
        True, False, True, False,
    )  # fmt: skip
    assert at_most(1, 1500, "ms").text == "1,500 ms or less"


# -- from processes to rows


def script(monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fresh processes that answer in turn, and what they were told."""
    told: list[dict[str, Any]] = []
    waiting: Iterator[dict[str, Any]] = iter(answers)

    def fresh(job: Job, settings: Settings, cache: str | None = None, **more: Any) -> dict[str, Any]:
        told.append({"cache": cache, **more})
        return next(waiting)

    monkeypatch.setattr(measuring, "fresh", fresh)
    return told


def test_each_mode_has_a_middle_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(training: float, inference: float, limit: float) -> dict[str, Any]:
        modes = {mode: {"ours": 0.001, "theirs": 0.001 * ratio} for mode, ratio in (("training", training), ("inference", inference))}
        return {"name": "LSTM", "limit": limit, **modes}

    script(monkeypatch, [answer(3, 1, 10), answer(1, 2, 20), answer(2, 3, 40)])
    training, inference = measuring.measure(Job("speed", "batched", "lstm", SHAPE, "torch"), Settings())
    rate = 2 * 4 * 5 * 9 * 6 / 1e9 / 0.001
    assert (training.ratio, training.gflops, training.share) == pytest.approx((2, 3 * rate, 3 * rate / 40))
    assert (inference.ratio, inference.gflops, inference.share, inference.their_share) == pytest.approx((2, rate, rate / 20, rate / 40))
    assert (inference.peer, inference.ours, inference.theirs, inference.unit) == ("torch.nn.LSTM", 1.0, 2.0, "ms")


def test_a_ragged_batch_has_only_its_valid_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {mode: {"ours": 1.0, "theirs": 1.0} for mode in ("training", "inference")}
    script(monkeypatch, [{"name": "GRU", "limit": 1.0, **modes}])
    shape = Shape(50, 4, 4, 5)
    found = measuring.measure(Job("speed", "ragged", "gru", shape, "packed"), ONCE)[1]
    assert found.gflops == pytest.approx(2 * 3 * 5 * 9 * sum(shape.lengths()) / 1e9)


def test_clockwork_beside_elman_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {mode: {"ours": 1.0, "theirs": 1.9} for mode in ("training", "inference")}
    script(monkeypatch, [{"name": "", "limit": 1.0, "multiply_adds": [1_000_000, 4_000_000], **modes}])
    *times, counted = measuring.measure(Job("speed", "cells", "clockwork", SHAPE, "elman"), ONCE)
    assert [(one.bars[0].met, one.share) for one in times] == [(False, None)] * 2
    assert (counted.ours, counted.ratio, counted.bars[0].met) == (1.0, 4.0, True)


def test_first_calls_have_an_empty_folder_each_or_a_filled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told = script(monkeypatch, [{"first": seconds, "compiled": 2} for seconds in (1.6, 1.4, 1.2)])
    (found,) = measuring.measure(Job("first", "compile", "gru", SHAPE, "empty", "training"), Settings())
    assert (found.ours, found.bars[0].text, found.bars[0].met) == (pytest.approx(1400), "1,500 ms or less", True)
    assert len({one["cache"] for one in told}) == 3
    told = script(monkeypatch, [{"first": seconds, "compiled": 0} for seconds in (9, 0.02, 0.05, 0.04)])
    (found,) = measuring.measure(Job("first", "compile", "gru", SHAPE, "disk", "inference"), Settings())
    assert (found.ours, found.bars[0].met) == (pytest.approx(40), False)
    assert len({one["cache"] for one in told}) == 1


@pytest.mark.parametrize(("cache", "compiled"), [("empty", 0), ("disk", 1)])
def test_a_first_call_that_was_no_first_call_is_an_error(monkeypatch: pytest.MonkeyPatch, cache: str, compiled: int) -> None:
    script(monkeypatch, [{"first": 0.1, "compiled": compiled}] * 2)
    with pytest.raises(BackendError, match=rf"^bench: compile gru 3/2/4/5 {cache} training: {compiled} kernels were compiled\.$"):
        measuring.measure(Job("first", "compile", "gru", SHAPE, cache, "training"), ONCE)


def test_peaks_are_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    told = script(monkeypatch, [{"peak": 1e6 * peak} for peak in (999, 200, 100, 100, 100, 100, 300)])
    (found,) = measuring.measure(Job("peak", "memory", "lstm", SHAPE, "torch"), Settings())
    assert (found.ours, found.theirs, found.ratio, found.bars[0].met) == (100, 100, 1, True)
    assert [one["who"] for one in told] == ["ours", *["ours", "theirs"] * 3]


def test_a_stream_is_flat_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    at = {"10": 1e-5, "1000": 1.2e-5, "100000": 1.3e-5}
    script(monkeypatch, [{"name": "LSTMCell", "ours": 1.5e-5, "theirs": 6e-5, "at": at, "grown": 2_000_000}])
    found = measuring.measure(Job("stream", "stream", "lstm", SHAPE, "torch"), ONCE)
    assert [one.what for one in found] == ["one step", "step 10", "step 1,000", "step 100,000", "growth in 110,000 steps"]
    assert [[bar.met for bar in one.bars] for one in found] == [[True], [], [True], [False], [False]]
    assert found[0].ratio == pytest.approx(4)


# -- the whole


def test_a_tiny_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.setattr(layers, "CHECKOUT", tmp_path)
    words = [
        "bench",
        "layers",
        "--cells",
        "lstm,min_gru",
        "--group",
        "batched,cells",
        "--shapes",
        "3/2/4/5",
        "--calls",
        "2",
        "--processes",
        "1",
    ]
    assert main([*words, "--threads", "1", "--json", "-o", str(tmp_path / "all.json"), "--save"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert json.loads((tmp_path / "all.json").read_text()) == found
    kept = tmp_path / "benchmarks" / "results" / f"{found['date']}-{found['commit']}-layers.json"
    assert json.loads(kept.read_text()) == found
    assert str(kept) in shown.err
    assert set(found) == {"rows", "notes", "settings", "machine", "date", "commit", "load"}
    assert {"cpu", "cores", "vector_bits", "torch"} <= set(found["machine"])
    rows = [one for one in found["rows"] if one["peer"] in ("torch.nn.LSTM", "eager loop") and "ours" in one]
    assert [(one["cell"], one["what"]) for one in rows] == [(c, w) for c in ("lstm", "min_gru") for w in ("training", "inference")]
    assert all(one["ours"] > 0 and one["ratio"] == pytest.approx(one["theirs"] / one["ours"]) and one["share"] > 0 for one in rows)
    assert ["bars" in one for one in rows] == [True, True, False, False]


def a_report() -> layers.Report:
    rows = judged([row("lstm", "training", shape, 2.0) for shape in ("9/1/3/3", "9/2/3/3")])
    where = {"cpu": "a processor", "cores": 2, "vector_bits": 512, "torch": "2.13.0"}
    return layers.Report(tuple(rows), ("nothing else.",), Settings(), where, "2026-11-21", "abc", (0.5, 1.0))


def test_a_report_as_lines() -> None:
    lines = report_lines(a_report())
    assert lines[0] == "a processor, 2 cores, 512-bit vectors, torch 2.13.0, 2026-11-21, commit abc, load 0.5 to 1.0"
    assert lines[1] == "2 threads, float32, medians of 20 calls, the middle one of 3 fresh processes"
    assert " ".join(lines[3].split()) == "single lstm training 9/1/3/3 1 ms 2 ms torch.nn.LSTM 2.00x 10.0 10% 1x or more: met"
    assert " ".join(lines[5].split()) == "single lstm training mean, 1 single torch.nn.LSTM 2.00x 2.5x or more: MISSED"
    assert lines[-2:] == ["nothing else.", "bars: 3 of 4 met"]


def test_saving_outside_a_checkout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "CHECKOUT", tmp_path)
    with pytest.raises(ConfigurationError, match=r"--save writes into benchmarks/results of a checkout, and this is none\. Use -o FILE\.$"):
        layers.results_folder()


def test_a_commit_outside_a_checkout_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CHECKOUT", tmp_path)
    assert machine.commit() == "unknown"


def test_a_picture_has_the_shares_of_each_cell_and_of_torchs_lstm() -> None:
    rows = [*a_report().rows, row("gru", "training", "9/2/3/3", 2.0, "torch.nn.GRU"), row("lstm", "training", "9/2/3/3", 2.0, "lax.scan")]
    found = picture.shares(rows, "training")
    assert found == {
        "lstm": {"9/1/3/3": 0.1, "9/2/3/3": 0.1},
        "torch.nn.LSTM": {"9/1/3/3": 0.05, "9/2/3/3": 0.05},
        "gru": {"9/2/3/3": 0.1},
    }


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    picture.plot(a_report(), tmp_path / "shares.svg")
    assert "torch.nn.LSTM" in (tmp_path / "shares.svg").read_text() or (tmp_path / "shares.svg").stat().st_size > 1000
