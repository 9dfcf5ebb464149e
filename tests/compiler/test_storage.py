"""Programs as JSON: equal after a round trip, rewritten ones too; and what is not a program is refused, quickly."""

from __future__ import annotations

import copy
import json
import pickle
import time
from typing import Any

import pytest

from recurra.cells import blocks, find, learned
from recurra.compiler import Program, compile_cell
from recurra.errors import CellError
from tests.cells.cases import CELLS, program_of


def reads(program: Program, state: str) -> bool:
    """Whether a full product reads a state."""
    return any(m.name == f"{state}h" and not m.diagonal for m in program.matrices)


def rewritings(program: Program) -> list[Program]:
    """The program and what the loop around it makes of it."""
    state = program.states[:1]
    if not state:
        return [program]
    zoneout = dict.fromkeys(program.states, 0.1)
    dropped = program.with_dropout(state)
    return [
        program,
        dropped,
        program.with_zoneout(zoneout, training=True),
        dropped.with_zoneout(zoneout, training=False),
        *([program.with_forcing(state[0])] if reads(program, state[0]) else []),
    ]


@pytest.mark.parametrize("name", CELLS)
def test_round_trip(name: str) -> None:
    for program in rewritings(program_of(name)):
        text = program.to_json()
        again = Program.from_json(text)
        assert again == program
        assert again.to_json() == text
        assert "\n" not in text


def test_round_trip_of_what_a_layer_changes() -> None:
    for program in (
        compile_cell(find("lstm"), structure={"hh": blocks(2)}, bias="ih"),
        compile_cell(find("scrn"), constants={"alpha": learned(0.9)}),
        compile_cell(find("scrn"), constants={"alpha": [0.5, 0.25]}),
        compile_cell(find("clockwork")),
        compile_cell(find("elman"), constants={"nonlinearity": "relu"}),
    ):
        assert Program.from_json(program.to_json()) == program


def test_a_program_is_a_value() -> None:
    program = program_of("lstm")
    for other in (copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        assert other == program
        assert hash(other) == hash(program)
    with pytest.raises(AttributeError):
        program.name = "other"  # type: ignore[misc]


def test_a_different_constant_is_a_different_program() -> None:
    assert compile_cell(find("scrn"), constants={"alpha": 0.5}) != compile_cell(find("scrn"))


LSTM = json.loads(program_of("lstm").to_json())
CLOCKWORK = json.loads(program_of("clockwork").to_json())
PRODUCT = next(j for j, node in enumerate(LSTM["nodes"]) if node[0] == "product")
SUM = next(j for j, node in enumerate(LSTM["nodes"]) if node[0] == "add")


def changed(path: list[Any], value: Any, base: dict[str, Any] = LSTM) -> str:
    """A program's JSON with one thing in it replaced."""
    data = copy.deepcopy(base)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(data)


HOSTILE = {
    "nothing": "",
    "not JSON": "{",
    "a number": "3",
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "deep": "[" * 100_000,
    "deep and closed": "[" * 100_000 + "]" * 100_000,
    "deep inside": changed(["nodes"], 0).replace('"nodes": 0', '"nodes": ' + '{"a":' * 50_000 + "0" + "}" * 50_000),
    "a huge number": changed(["nodes", 0, 2], 0).replace('"nodes": [["input", [], 0', '"nodes": [["number", [], ' + "9" * 5000),
    "NaN": changed(["vectors"], [["gain", "hidden_size", float("nan")]]),
    "infinity": changed(["vectors"], [["gain", "hidden_size", float("inf")]]),
    "too many nodes": changed(["nodes"], [["number", [], 1.0, True]] * 20_001),
    "no nodes": changed(["nodes"], []),
    "nodes as text": changed(["nodes"], "abc"),
    "nodes as numbers": changed(["nodes"], [1, 2]),
    "unknown operation": changed(["nodes", SUM, 0], "eval"),
    "an operation that is no text": changed(["nodes", SUM, 0], []),
    "forward reference": changed(["nodes", SUM, 1], [len(LSTM["nodes"]) - 1, 0]),
    "cycle": changed(["nodes", SUM, 1], [SUM, SUM]),
    "negative reference": changed(["nodes", SUM, 1], [-1, 0]),
    "true as a reference": changed(["nodes", SUM, 1], [True, 0]),
    "a fraction as a reference": changed(["nodes", SUM, 1], [0.0, 1]),
    "too few arguments": changed(["nodes", SUM, 1], [0]),
    "too many arguments": changed(["nodes", SUM, 1], [0, 1, 2]),
    "an argument of a leaf": changed(["nodes", 1, 1], [0]),
    "a product of no matrix": changed(["nodes", PRODUCT, 2], "zz.i"),
    "a product of no gate": changed(["nodes", PRODUCT, 2], "ih.q"),
    "a product without a dot": changed(["nodes", PRODUCT, 2], "ih"),
    "a product of a path": changed(["nodes", PRODUCT, 2], "../x.i"),
    "a product of another size": changed(["sizes", PRODUCT], "input_size"),
    "an attribute of a sum": changed(["nodes", SUM, 2], "x"),
    "a flag that is a number": changed(["nodes", SUM, 3], 1),
    "a missing size": changed(["sizes"], LSTM["sizes"][:-1]),
    "a size that is a number": changed(["sizes", 0], 4),
    "a sum of two sizes": changed(["sizes", SUM], "other_size"),
    "a state that is not there": changed(["states"], ["h", "q"]),
    "a state twice": changed(["states"], ["h", "h"]),
    "no states, but renewed ones": changed(["states"], []),
    "a renewed state too few": changed(["new"], LSTM["new"][:1]),
    "a renewed state beyond": changed(["new", 0], 10_000),
    "a renewed state of another size": changed(["new", 0], 0),
    "an output that is no state": changed(["output"], ["q"]),
    "no output": changed(["output"], []),
    "an input that is not there": changed(["inputs"], ["x", "y"]),
    "no inputs": changed(["inputs"], []),
    "a matrix twice": changed(["matrices"], [*LSTM["matrices"], LSTM["matrices"][0]]),
    "a gate twice": changed(["matrices", 0, 1], ["i", "i", "g", "o"]),
    "an unknown structure": changed(["matrices", 0, 4], ["sparse", 3]),
    "no blocks": changed(["matrices", 0, 4], ["blocks", 0]),
    "half a block": changed(["matrices", 0, 4], ["blocks", 0.5]),
    "triangular by nothing": changed(["matrices", 0, 4], ["triangular", "period"]),
    "a bias that is a text": changed(["matrices", 0, 5], "yes"),
    "a name with a line in it": changed(["name"], "a\nb"),
    "a name of 10,000 letters": changed(["name"], "a" * 10_000),
    "an underscored name": changed(["name"], 7),
    "a constant without values": changed(["units"], [], CLOCKWORK),
    "a constant of text": changed(["units", 0, 1], ["a"], CLOCKWORK),
    "a constant of a million octaves": changed(["units", 0, 1], {"octaves": 10**6}, CLOCKWORK),
    "a constant that is a number": changed(["units", 0, 1], 3, CLOCKWORK),
    "source is a number": changed(["source"], 3),
    "an unknown key": changed(["code"], "import os"),
    "the step number by another name": changed(
        ["nodes", next(j for j, n in enumerate(CLOCKWORK["nodes"]) if n[0] == "step"), 2], "s", CLOCKWORK
    ),
    "a vector twice": changed(["vectors"], [["gain_i", "hidden_size", 1.0]] * 2),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_program_is_refused_quickly(text: str) -> None:
    began = time.process_time()
    with pytest.raises(CellError, match=r"^not the graph of a cell: "):
        Program.from_json(text)
    assert time.process_time() - began < 0.2


def test_every_missing_key_is_refused() -> None:
    for key in LSTM:
        with pytest.raises(CellError):
            Program.from_json(json.dumps({k: v for k, v in LSTM.items() if k != key}))
