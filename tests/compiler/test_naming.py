"""What matrices are called, how gates are stacked, where biases are, and what sizes a layer must be given."""

from __future__ import annotations

from typing import Any

import pytest

from recurra.cells import Cell, blocks, cell, diagonal, find, learned
from recurra.cells.notation import norm, sigmoid, tanh
from recurra.compiler import compile_cell
from recurra.errors import CellError, ConfigurationError
from tests.cells.cases import CELLS, program_of, sizes_of

# What the notation's page on names says, letter by letter.
STACKED = {
    ("elman", "weight_hh"): "h",
    ("lstm", "weight_ih"): "i f g o",
    ("lstm", "bias_hh"): "i f g o",
    ("gru", "weight_hh"): "r z n",
    ("gru_reset_first", "weight_hh"): "r z n",
    ("lstm_peephole", "weight_ch"): "i f o",
    ("lstm_projected", "weight_hr"): "r",
    ("jordan", "weight_hy"): "y",
    ("min_gru", "weight_ih"): "z n",
    ("mgu", "weight_hh"): "f n",
    ("slstm", "weight_hh"): "i f z o",
    ("lstm_multiplicative", "weight_hh"): "m i f g o",
    ("rhn", "weight_hh"): "t h u k",
}
NAMES = {
    "elman": "weight_ih weight_hh bias_ih bias_hh",
    "lstm": "weight_ih weight_hh bias_ih bias_hh",
    "lstm_projected": "weight_ih weight_hh bias_ih bias_hh weight_hr",
    "lstm_peephole": "weight_ih weight_hh weight_ch bias_ih bias_hh",
    "jordan": "weight_ih weight_yh bias_ih bias_yh weight_hy bias_hy",
    "scrn": "weight_ih weight_hh weight_sh weight_is",
    "indrnn": "weight_ih weight_hh bias_ih",
    "min_gru": "weight_ih bias_ih",
    "cornn": "weight_ih weight_yh weight_zh bias_ih bias_yh bias_zh",
    "elman_low_rank": "weight_ih weight_mh bias_ih bias_mh weight_hm bias_hm",
    "augru": "weight_ih weight_hh bias_ih bias_hh",
    "leaky": "weight_ih weight_hh bias_ih bias_hh leak",
    "lmu": "weight_ih weight_hh weight_mh weight_iu weight_hu weight_mu weight_mm weight_um",
    "gated_input": "weight_ih weight_hh bias_ih bias_hh weight_ia bias_ia weight_ha bias_ha",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_in_torchs_order(name: str) -> None:
    program = program_of(name)
    assert list(program.parameters(sizes_of(program))) == NAMES[name].split()


@pytest.mark.parametrize(("key", "gates"), STACKED.items(), ids=map(" ".join, STACKED))
def test_gates_are_stacked_in_their_order(key: tuple[str, str], gates: str) -> None:
    assert program_of(key[0]).stacked(key[1]) == tuple(gates.split())


def test_a_vector_stacks_no_gates() -> None:
    assert program_of("lstm_layernorm").stacked("gain_i") == ()


def test_long_names_are_kept_apart() -> None:
    @cell
    def f(x, dt, /, h, ab):
        return tanh(x.h + dt.h + h.h + ab.h), h + ab

    names = list(compile_cell(f).parameters({"input_size": 4, "hidden_size": 6, "dt_size": 2}))
    assert names == ["weight_ih", "weight_dt_h", "weight_hh", "weight_ab_h", "bias_ih", "bias_dt_h", "bias_hh", "bias_ab_h"]


def test_an_old_state_names_a_product_before_a_renewed_one() -> None:
    program = program_of("elman_delayed")
    assert "weight_gh" in program.parameters(sizes_of(program))


@pytest.mark.parametrize(
    ("bias", "want"),
    [(None, ["bias_ih", "bias_hh"]), ("", []), ("ih", ["bias_ih"]), ("hh", ["bias_hh"])],
)
def test_biases(bias: str | None, want: list[str]) -> None:
    parameters = compile_cell(find("lstm"), bias=bias).parameters({"input_size": 4, "hidden_size": 6})
    assert [name for name in parameters if name.startswith("bias")] == want


@pytest.mark.parametrize(
    ("structure", "shape"),
    [(None, (24, 6)), (diagonal, (24,)), (blocks(2), (24, 3)), (blocks(6), (24, 1))],
)
def test_structures(structure: Any, shape: tuple[int, ...]) -> None:
    program = compile_cell(find("lstm"), structure={"hh": structure} if structure else {})
    parameters = program.parameters({"input_size": 4, "hidden_size": 6})
    assert parameters["weight_hh"] == shape
    assert ("bias_hh" in parameters) == (structure is not diagonal)


def test_blocks_must_divide() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_cell(find("lstm"), structure={"hh": blocks(4)}).parameters({"input_size": 4, "hidden_size": 6})
    assert str(caught.value) == "lstm: weight_hh has 4 blocks, which do not divide 6 units"


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("lstm", "input_size hidden_size"),
        ("scrn", "input_size hidden_size context_size"),
        ("jordan", "input_size hidden_size output_size"),
        ("lstm_projected", "input_size hidden_size proj_size"),
        ("gru_decay", "input_size hidden_size d_size"),
        ("halting", "input_size hidden_size"),
    ],
)
def test_sizes_that_a_layer_must_be_given(name: str, sizes: str) -> None:
    program = program_of(name)
    assert program.size_names == tuple(sizes.split())
    with pytest.raises(CellError) as caught:
        program.parameters(dict.fromkeys(program.size_names[:-1], 4))
    assert str(caught.value) == f"{name}: {program.size_names[-1]} must be given"


def test_x_itself_makes_sizes_equal() -> None:
    with pytest.raises(CellError) as caught:
        program_of("sru").parameters({"input_size": 4, "hidden_size": 6})
    assert str(caught.value) == (
        "sru: x itself is added to values of hidden_size, so input_size (4) must equal hidden_size (6); or map it: x.x"
    )


@pytest.mark.parametrize(
    ("name", "width"), [("lstm", 6), ("scrn", 13), ("jordan", 5), ("lstm_projected", 2), ("cornn", 6), ("halting", 6), ("feedforward", 6)]
)
def test_widths_of_outputs(name: str, width: int) -> None:
    program = program_of(name)
    assert program.output_width(sizes_of(program)) == width


def test_widths_of_states_and_inputs() -> None:
    for name, state, width in [("halting", "s", 1), ("scrn", "s", 7), ("elman_window", "w", 4), ("lmu", "m", 8)]:
        program = program_of(name)
        assert program.state_size(state, sizes_of(program)) == width
    program = program_of("augru")
    assert [program.input_size(k, sizes_of(program)) for k in program.inputs] == [4, 1]


def test_where_parameters_start() -> None:
    assert program_of("lstm_phased").starts(sizes_of(program_of("lstm_phased"))) == {"period": 4.0, "shift": 0.0, "ratio": 0.3}
    starts = program_of("lstm_layernorm").starts({})
    assert all(value == (1.0 if name.startswith("gain") else 0.0) for name, value in starts.items())
    assert compile_cell(find("scrn"), constants={"alpha": learned(0.9)}).starts({}) == {"alpha": 0.9}
    assert compile_cell(find("scrn"), constants={"alpha": learned}).starts({}) == {"alpha": 0.0}


def test_an_array_constant_must_fit() -> None:
    with pytest.raises(ConfigurationError) as caught:
        program_of("clockwork").unit_values("period", {"hidden_size": 7})
    assert str(caught.value) == "clockwork: period must have one value a unit, 7, got 6"


def test_only_cells_that_read_it_have_a_step_number() -> None:
    assert [name for name in CELLS if program_of(name).uses_step] == ["clockwork"]


def test_norms_have_their_own_names() -> None:
    @cell(gates="a b")
    def f(x, h):
        b, a = tanh(norm.b(x.b + h.b)), sigmoid(norm.a(x.a + h.a))
        return norm(a * b)

    names = [v.name for v in compile_cell(f).vectors]
    assert names == ["gain_a", "shift_a", "gain_b", "shift_b"]


@pytest.mark.parametrize("declared", CELLS.values(), ids=CELLS)
def test_two_compilations_are_equal(declared: Cell) -> None:
    first, second = program_of(declared.name), program_of(declared.name)
    assert first == second
    assert first.to_json() == second.to_json()
