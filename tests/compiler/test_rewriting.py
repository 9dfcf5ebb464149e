"""Dropout, zoneout and forcing as rewritings of the graph: what they read, and what they refuse."""

from __future__ import annotations

import pytest

from recurra.compiler import Program
from recurra.errors import ConfigurationError
from tests.cells.cases import program_of


def sources(program: Program, matrix: str) -> list[str]:
    """The operations whose values a matrix's products read."""
    return [program.nodes[n.args[0]].op for n in program.nodes if n.op == "product" and str(n.attr).startswith(f"{matrix}.")]


def test_dropout_masks_every_full_product_of_a_state() -> None:
    program = program_of("lstm").with_dropout(["h"])
    assert sources(program, "hh") == ["mul"] * 4
    assert sources(program, "ih") == ["input"] * 4
    assert program.leaves["mask", "h"]


def test_dropout_leaves_diagonal_products_alone() -> None:
    program = program_of("lstm_peephole").with_dropout(["h", "c"])
    assert ("mask", "c") not in program.leaves
    assert sources(program, "ch") == ["state", "state", "add"]


def test_dropout_of_a_computed_value_in_the_states_name() -> None:
    assert sources(program_of("gru_reset_first").with_dropout(["h"]), "hh") == ["mul"] * 3


def test_forcing_replaces_what_products_read() -> None:
    program = program_of("jordan").with_forcing("y")
    assert program.inputs == ("x", "forced_y")
    assert sources(program, "yh") == ["input"]


def test_zoneout_asks_for_one_input_a_state() -> None:
    program = program_of("lstm")
    assert program.with_zoneout({"h": 0.1, "c": 0.5}, training=True).inputs == ("x", "zoneout_h", "zoneout_c")
    assert program.with_zoneout({"h": 0.1, "c": 0.5}, training=False).inputs == ("x",)


@pytest.mark.parametrize(
    "rewrite", [lambda p: p.with_forcing("q"), lambda p: p.with_zoneout({"q": 0.1}, training=True), lambda p: p.with_dropout(["q"])]
)
def test_unknown_states(rewrite) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rewrite(program_of("lstm"))
    assert str(caught.value) == "lstm: unknown state 'q'; expected one of h c"


def test_nothing_to_force() -> None:
    with pytest.raises(ConfigurationError) as caught:
        program_of("min_gru").with_forcing("h")
    assert str(caught.value) == "min_gru: no full product reads h, so there is nothing to force"
