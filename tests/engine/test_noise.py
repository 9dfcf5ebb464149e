"""Dropout, zoneout and teacher forcing in the engine, against cells that have them written in."""

from __future__ import annotations

import pytest
import torch

from recurra.engine import run
from tests.cells.cases import CELLS, CONSTANTS, B, T, draw, program_of
from tests.compiler.test_storage import reads
from tests.tolerances import assert_near

WITH_STATE = [name for name in CELLS if program_of(name).states]


def test_dropout_equals_the_mask_written_in() -> None:
    d = draw(program_of("lstm"))
    mask = torch.tensor(CONSTANTS["lstm_variational"]["mask"], dtype=torch.float64).expand(B, -1)
    lengths = torch.tensor([3, 5, 0])
    got = run(d.program.with_dropout(["h"]), d.inputs, d.state, d.parameters, lengths=lengths, masks={"h": mask})
    want = run(program_of("lstm_variational"), d.inputs, d.state, d.parameters, lengths=lengths)
    assert_near(got[0], want[0])
    for k in got[1]:
        assert_near(got[1][k], want[1][k])


def test_each_row_has_its_own_mask() -> None:
    """Rows are sorted by length on the way; their masks go with them."""
    d = draw(program_of("gru"))
    program, lengths = d.program.with_dropout(["h"]), torch.tensor([2, 5, 3])
    mask = torch.arange(B * 6, dtype=torch.float64).reshape(B, 6) / 9
    y, _ = run(program, d.inputs, d.state, d.parameters, lengths=lengths, masks={"h": mask})
    for b, length in enumerate(lengths.tolist()):
        row = slice(b, b + 1)
        alone, _ = run(program, {"x": d.inputs["x"][:length, row]}, {"h": d.state["h"][row]}, d.parameters, masks={"h": mask[row]})
        assert_near(y[:length, row], alone)


@pytest.mark.parametrize("name", WITH_STATE)
def test_a_mask_of_ones_changes_nothing(name: str) -> None:
    d = draw(program_of(name))
    program = d.program.with_dropout(d.program.states)
    masks = {k: torch.ones_like(d.state[k]) for op, k in program.leaves if op == "mask"}
    assert_near(run(program, d.inputs, d.state, d.parameters, masks=masks)[0], run(d.program, d.inputs, d.state, d.parameters)[0])


@pytest.mark.parametrize("name", WITH_STATE)
def test_zoneout_in_training(name: str) -> None:
    """Step by step: the chosen values are the old ones, the others are renewed."""
    d = draw(program_of(name))
    program = d.program.with_zoneout(dict.fromkeys(d.program.states, 0.3), training=True)
    random = torch.Generator().manual_seed(3)
    keep = {k: torch.rand(T, *d.state[k].shape, generator=random) < 0.5 for k in d.program.states}
    extra = {f"zoneout_{k}": v for k, v in keep.items()}
    y, final = run(program, {**d.inputs, **extra}, d.state, d.parameters)
    state = dict(d.state)
    for t in range(T):
        _, new = run(d.program, {k: v[t : t + 1] for k, v in d.inputs.items()}, state, d.parameters)
        state = {k: torch.where(keep[k][t], state[k], v) if k in keep else v for k, v in new.items()}
        assert_near(y[t], torch.cat([state[k] for k in d.program.output], -1))
    for k in keep:
        assert_near(final[k], state[k])


@pytest.mark.parametrize("name", WITH_STATE)
def test_zoneout_on_average(name: str) -> None:
    d = draw(program_of(name))
    program = d.program.with_zoneout(dict.fromkeys(d.program.states, 0.3), training=False)
    _, final = run(program, {k: v[:1] for k, v in d.inputs.items()}, d.state, d.parameters)
    _, new = run(d.program, {k: v[:1] for k, v in d.inputs.items()}, d.state, d.parameters)
    for k in d.program.states:
        assert_near(final[k], 0.3 * d.state[k] + 0.7 * new[k])


def test_forcing_in_jordans_network() -> None:
    """The true answers of the steps before stand where the fed back ones stood."""
    d = draw(program_of("jordan"))
    truth = torch.softmax(torch.randn(T, B, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64), -1)
    y, _ = run(d.program.with_forcing("y"), {**d.inputs, "forced_y": truth}, d.state, d.parameters)
    P = d.parameters
    h = torch.sigmoid(d.inputs["x"] @ P["weight_ih"].T + P["bias_ih"] + truth @ P["weight_yh"].T + P["bias_yh"])
    assert_near(y, h @ P["weight_hy"].T + P["bias_hy"])


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "scrn", "ugrnn"])
def test_forcing_what_the_cell_gave_changes_nothing(name: str) -> None:
    d = draw(program_of(name))
    assert reads(d.program, "h")
    y, _ = run(d.program, d.inputs, d.state, d.parameters)
    before = torch.cat([d.state["h"][None], y[:-1, :, :6]])
    forced, _ = run(d.program.with_forcing("h"), {**d.inputs, "forced_h": before}, d.state, d.parameters)
    assert_near(forced, y)
