"""The full text of every error of the notation, and that the mistake's own line is named (marked <- in these cells)."""

from __future__ import annotations

from pathlib import Path

import pytest

from recurra.cells import find
from recurra.compiler import compile_cell
from recurra.errors import CellError

HEADER = """
import math
import random

import numpy as np
import torch

from recurra.cells import blocks, cell, diagonal, learned, triangular
from recurra.cells.notation import exp, maximum, norm, relu, sigmoid, softmax, tanh, where

TENSOR, ARRAY = torch.ones(6), np.ones(6)
"""
MATCH = "use recurra's function of the same name, and plain numbers"
NOT_A_NUMBER = "a value of the step is not a number: use recurra's tanh, exp, ... not math's"
NO_ARRAY = "cannot enter an equation: numbers may; an array belongs after * in the parameters"
CHOICE = "a Python if, and, or, max or chained comparison saw a value of the step: use where(condition, a, b), maximum(a, b)"

DECLARED = {
    "default before *": (
        "@cell\ndef scrn(x, h, s, alpha=0.95): return h, s",
        "scrn: alpha has a default, so it is a constant: put it after *",
    ),
    "*args": ("@cell\ndef f(x, *h): return h", "f: parameters are named one by one, without *args or **kwargs"),
    "**kwargs": ("@cell\ndef f(x, h, **k): return h", "f: parameters are named one by one, without *args or **kwargs"),
    "no input": ("@cell\ndef f(): return 1", "f: a cell needs an input: def f(x, h)"),
    "a state called i": ("@cell\ndef f(x, i): return tanh(x.h + i.h)", "f: no state may be called i: weight_ih is the input's"),
    "unknown option": ("@cell(gate='i')\ndef f(x, h): return h", "f: unknown option 'gate'; did you mean 'gates'?"),
    "output is no state": (
        "@cell(output='c')\ndef f(x, h): return tanh(x.h + h.h)",
        "f: output 'c' is not a state (h): what a cell gives out is a state, read or not",
    ),
    "order of return": (
        "@cell\ndef f(x, h, c):\n    c = sigmoid(x.f + h.f) * c\n    h = tanh(c)\n    return c, h",
        "f: returns c where h belongs: the order is that of the parameters, h, c",
    ),
    "gates in a list": ("@cell(gates=['f'])\ndef f(x, h): return h", "f: gates must be a text, names with spaces between, got list"),
    "structure is no structure": (
        "@cell(weight_hh=3)\ndef f(x, h): return tanh(x.h + h.h)",
        "f: weight_hh must be diagonal, blocks(n) or triangular(key), got 3",
    ),
}

# Mistakes that a line of the function makes; the line is marked.
TRACED = {
    "constants among the states": (
        "@cell\ndef clockwork(x, h, t, period): return where(t % period == 0, tanh(x.h + h.h), h)",
        "clockwork: must return h, t, period, got 1 value. Constants stand after *",
        "@cell",
    ),
    "the step number among the states": (
        "@cell\ndef f(x, h, t): return tanh(x.h + h.h), t",
        "f: no state may be called t: it is the step number, a constant: put it after *",
        "@cell",
    ),
    "missing return": ("@cell\ndef f(x, h, c): tanh(x.h + h.h)", "f: returned nothing; it must return h, c", "@cell"),
    "too few": ("@cell\ndef f(x, h, c): return h", "f: must return h, c, got 1 value. Constants stand after *", "@cell"),
    "too many": ("@cell\ndef f(x, h): return h, h", "f: must return h, got 2 values", "@cell"),
    "a list": ("@cell\ndef f(x, h, c): return [h, c]", "f: must return h, c, got a list", "@cell"),
    "two results, no state": ("@cell\ndef f(x): return x.y, x.z", "f: must return one value, got 2 values", "@cell"),
    "norm name used twice": (
        "@cell\ndef f(x, h):\n    a = norm.a(x.h + h.h)\n    return norm.a(tanh(a)) # <-",
        "f: norm.a is used for two different vectors: give the second its own name",
    ),
    "if": ("@cell\ndef f(x, h):\n    if x > 0: # <-\n        return h\n    return tanh(x.h)", f"f: {CHOICE}"),
    "and": ("@cell\ndef f(x, h):\n    return where((h > 0) and (h < 1), h, x.h) # <-", f"f: {CHOICE}"),
    "max()": ("@cell\ndef f(x, h):\n    return max(x.h, h.h) # <-", f"f: {CHOICE}"),
    "chained comparison": ("@cell\ndef f(x, h):\n    return where(0 < h < 1, h, x.h) # <-", f"f: {CHOICE}"),
    "if on a learned constant": (
        "@cell\ndef f(x, h, *, alpha=learned(0.5)):\n    return h if alpha else tanh(x.h) # <-",
        f"f: {CHOICE}",
    ),
    "assignment into a gate": (
        "@cell\ndef f(x, h):\n    x.i = 3 # <-\n    return h",
        "f: .i = ...: values of a step cannot be assigned into; give the new value a name",
    ),
    "index": ("@cell\ndef f(x, h):\n    return h[0] # <-", "f: a vector cannot be indexed: use one gate per part"),
    "unpack": ("@cell\ndef f(x, h):\n    a, b = h # <-\n    return a", "f: a vector cannot be unpacked: use one gate per part"),
    "len": ("@cell\ndef f(x, h):\n    return h * len(h) # <-", "f: a vector cannot be measured: sizes are given to the layer"),
    "a method": (
        "@cell\ndef f(x, h):\n    return (x.h + h.h).tanh() # <-",
        "f: .tanh(...): tanh after a dot is a gate, not a method; write tanh(value)",
    ),
    "a call": ("@cell\ndef f(x, h):\n    return h(x) # <-", "f: a value of the step cannot be called"),
    "sum()": (
        "@cell\ndef f(x, h):\n    return h / h.sum() # <-",
        "f: .sum: a symbol is not a tensor; v.gate is the learned map of v into gate",
    ),
    "shape": (
        "@cell\ndef f(x, h):\n    return h * h.shape # <-",
        "f: .shape: a symbol is not a tensor; v.gate is the learned map of v into gate",
    ),
    "torch.sigmoid": ("@cell\ndef f(x, h):\n    return torch.sigmoid(x.h + h.h) # <-", f"f: torch.sigmoid met a symbol: {MATCH}"),
    "F.relu": ("@cell\ndef f(x, h):\n    return torch.nn.functional.relu(x.h) # <-", f"f: torch.relu met a symbol: {MATCH}"),
    "tensor * value": ("@cell\ndef f(x, h):\n    return TENSOR * tanh(x.h) # <-", f"f: torch.mul met a symbol: {MATCH}"),
    "value * tensor": ("@cell\ndef f(x, h):\n    return tanh(x.h) * TENSOR # <-", f"f: a Tensor {NO_ARRAY}"),
    "numpy.tanh": ("@cell\ndef f(x, h):\n    return np.tanh(x.h + h.h) # <-", f"f: numpy.tanh met a symbol: {MATCH}"),
    "array * value": ("@cell\ndef f(x, h):\n    return ARRAY * tanh(x.h) # <-", f"f: numpy.multiply met a symbol: {MATCH}"),
    "value * array": ("@cell\ndef f(x, h):\n    return tanh(x.h) * ARRAY # <-", f"f: a ndarray {NO_ARRAY}"),
    "math.tanh": ("@cell\ndef f(x, h):\n    return math.tanh(x.h) # <-", f"f: {NOT_A_NUMBER}"),
    "round": ("@cell\ndef f(x, h):\n    return round(x.h) # <-", f"f: {NOT_A_NUMBER}"),
    "matrix product": ("@cell\ndef f(x, h):\n    return tanh(x @ h) # <-", "f: @: the only products are the learned maps v.gate"),
    "floor division": ("@cell\ndef f(x, h):\n    return x.h // 2 # <-", "f: //: unknown operation; expected one of + - * / % **"),
    "bits": ("@cell\ndef f(x, h):\n    return 1 & x.h # <-", "f: &: unknown operation; expected one of + - * / % **"),
    "not": ("@cell\ndef f(x, h):\n    return ~x.h # <-", "f: ~: unknown operation; expected one of + - * / % **"),
    "divmod": ("@cell\ndef f(x, h):\n    return divmod(x.h, 2) # <-", "f: divmod(): unknown operation; expected one of + - * / % **"),
    "a function as a value": ("@cell\ndef f(x, h):\n    return tanh * h # <-", "f: expected a value, got the function 'tanh'"),
    "h * function": ("@cell\ndef f(x, h):\n    return h * tanh # <-", "f: expected a value, got the function 'tanh'"),
    "a function of a function": ("@cell\ndef f(x, h):\n    return tanh(tanh) + h # <-", "f: expected a value, got the function 'tanh'"),
    "too many arguments": ("@cell\ndef f(x, h):\n    return tanh(x.h, h.h) # <-", "f: tanh: takes 1 value, got 2"),
    "too few arguments": ("@cell\ndef f(x, h):\n    return maximum(h) # <-", "f: maximum: takes 2 values, got 1"),
    "no arguments of a norm": ("@cell\ndef f(x, h):\n    return norm() + h # <-", "f: norm: takes at least 1 value, got 0"),
    "a text": ("@cell\ndef f(x, h):\n    return h * 'a' # <-", f"f: a str {NO_ARRAY}"),
    "a truth value": ("@cell\ndef f(x, h):\n    return h * True # <-", f"f: a bool {NO_ARRAY}"),
    "infinity": (
        "@cell\ndef f(x, h):\n    return h * math.inf # <-",
        "f: the number inf cannot enter an equation: numbers must be finite",
    ),
    "zero divided": ("@cell\ndef f(x, h):\n    return h * (1 / 0) # <-", "f: ZeroDivisionError: division by zero"),
    "t mapped": ("@cell\ndef f(x, h, *, t):\n    return tanh(x.h + t.h) # <-", "f: t.h: the step number has no learned map"),
    "in a helper": (
        "def gate(v):\n    return v[0] # <-\n\n@cell\ndef f(x, h):\n    return gate(x) + h",
        "f: a vector cannot be indexed: use one gate per part",
    ),
    "a symbol kept from the last call": (
        "kept = []\n\n@cell\ndef f(x, h):\n    kept.append(h)\n    return tanh(x.h + kept[0]) # <-",
        "f: a symbol of another cell was used: a cell may not keep symbols from one call to the next",
    ),
    "a map of a symbol kept from the last call": (
        "kept = []\n\n@cell\ndef f(x, h):\n    kept.append(h)\n    return tanh(x.h + kept[0].h) # <-",
        "f: a symbol of another cell was used: a cell may not keep symbols from one call to the next",
    ),
}

# Mistakes that only the whole graph shows.
JOINED = {
    "two gates": (
        "@cell\ndef f(x, h): return sigmoid(x.z + h.s) * h",
        "f: a sum into two gates, s and z: what is added goes into one gate, x.s + h.s",
    ),
    "unknown gate": ("@cell(gates='zed')\ndef f(x, h): return sigmoid(x.zed + h.zet) * h", "f: unknown gate 'zet'; did you mean 'zed'?"),
    "unknown short gate": ("@cell(gates='z')\ndef f(x, h): return sigmoid(x.z + h.s) * h", "f: unknown gate 's'; expected one of z"),
    "unused gate": (
        "@cell(gates='z n')\ndef f(x, h): return sigmoid(x.z + h.z) * h",
        "f: gate 'n' is declared but no vector is mapped into it",
    ),
    "old and renewed": (
        "@cell\ndef f(x, h):\n    a = sigmoid(h.o)\n    h = tanh(x.h + h.h)\n    return tanh(h.o) * a",
        "f: h.o stands for two different vectors (before and after h is renewed, or two computed ones): give them two gates",
    ),
    "two computed ones": (
        "@cell\ndef f(x, h): return tanh((sigmoid(x.r) * h).n + tanh(h.a).n)",
        "f: h.n stands for two different vectors (before and after h is renewed, or two computed ones): give them two gates",
    ),
    "two matrices of one name": (
        "@cell(proj_size='h')\ndef f(x, h, c):\n    c = sigmoid(x.f + h.f) * c + tanh(x.g + h.g)\n    return tanh(c).h, c",
        "f: two matrices would be called weight_hh: rename gate 'h'",
    ),
    "no such matrix": (
        "@cell(weight_cc=diagonal)\ndef f(x, h): return tanh(x.h + h.h)",
        "f: there is no weight_cc; expected one of ih hh",
    ),
    "no such bias": (
        "@cell(bias='ih hx')\ndef f(x, h): return tanh(x.h + h.h)",
        "f: bias names 'hx', but there is no weight_hx; expected some of ih hh",
    ),
    "a size of nothing": (
        "@cell(context_size='s')\ndef f(x, h): return tanh(x.h + h.h)",
        "f: context_size names 's', which is neither an input nor a state nor a gate",
    ),
    "a scalar that is nothing": (
        "@cell(scalars='p')\ndef f(x, h): return tanh(x.h + h.h)",
        "f: scalars names 'p', which is neither an input nor a state nor a gate",
    ),
    "sizes that meet": (
        "@cell(context_size='s')\ndef f(x, h, s): return tanh(x.h + h.h) * s, s",
        "f: s has context_size and meets a value of hidden_size, sample by sample: map one of them first, s.gate",
    ),
    "a scalar renewed by a vector": (
        "@cell(scalars='s')\ndef f(x, h, s):\n    h = tanh(x.h + h.h)\n    return h, s + h",
        "f: s is one number a row and is renewed by a vector: take total(...) or mean(...) of it",
    ),
    "a random cell": (
        "@cell\ndef f(x, h): return random.random() * tanh(x.h + h.h)",
        "f: two traces gave two different cells: a cell may not be random or keep state; dropout belongs to the layer",
    ),
    "triangular by a number": (
        "@cell(weight_hh=triangular('p'))\ndef f(x, h, *, p=2): return tanh(x.h + h.h)",
        "f: weight_hh is triangular by 'p', which must be a constant of one value a unit",
    ),
    "blocks without a number": (
        "@cell(weight_hh=blocks('heads'))\ndef f(x, h): return tanh(x.h + h.h)",
        "f: heads must be given, a whole number: Recurrent(f, ..., heads=...)",
    ),
}


def raised(folder: Path, text: str) -> str:
    """What declaring and compiling the last cell of a file says."""
    (folder / "my.py").write_text(HEADER + text + "\n")
    name = text.rpartition("def ")[2].partition("(")[0]
    with pytest.raises(CellError) as caught:
        compile_cell(find(f"{folder / 'my.py'}:{name}"))
    return str(caught.value)


@pytest.mark.parametrize(("text", "message"), DECLARED.values(), ids=DECLARED)
def test_declaring(tmp_path: Path, text: str, message: str) -> None:
    assert raised(tmp_path, text) == message


@pytest.mark.parametrize("case", TRACED.values(), ids=TRACED)
def test_tracing_names_the_line(tmp_path: Path, case: tuple[str, ...]) -> None:
    text, message, *mark = case
    lines = (HEADER + text).split("\n")
    number = next(j for j, line in enumerate(lines, 1) if (mark[0] if mark else "# <-") in line)
    assert raised(tmp_path, text) == f"{message} (my.py, line {number})"


@pytest.mark.parametrize(("text", "message"), JOINED.values(), ids=JOINED)
def test_the_whole_graph(tmp_path: Path, text: str, message: str) -> None:
    assert raised(tmp_path, text) == message


@pytest.mark.parametrize(
    ("name", "constants", "message"),
    [
        ("scrn", {"alhpa": 1}, "scrn: no constant 'alhpa'; did you mean 'alpha'?"),
        ("lstm", {"alpha": 1}, "lstm: no constant 'alpha'; it has none"),
        ("elman", {"nonlinearity": "tahn"}, "elman: unknown nonlinearity 'tahn'; did you mean 'tanh'?"),
        ("scrn", {"alpha": {}}, "scrn: alpha must be a number, a function, learned(start) or one number a unit, got dict"),
        ("scrn", {"alpha": [[1.0]]}, "scrn: alpha must be a number, a function, learned(start) or one number a unit, got list"),
        ("scrn", {"alpha": float("nan")}, "scrn: the number nan cannot enter an equation: numbers must be finite"),
        ("clockwork", {"period": [1.0, float("inf")]}, "clockwork: period must be finite"),
        ("clockwork", {"t": 3}, "clockwork: t is the step number, which the loop counts"),
        ("slstm", {"num_heads": 0}, "slstm: num_heads must be given, a whole number: Recurrent(slstm, ..., num_heads=...)"),
    ],
)
def test_constants(name: str, constants: dict[str, object], message: str) -> None:
    with pytest.raises(CellError) as caught:
        compile_cell(find(name), constants=constants)
    assert str(caught.value).partition(" (")[0] == message


def test_a_required_constant(tmp_path: Path) -> None:
    text = "@cell\ndef f(x, h, *, period): return where(h > period, tanh(x.h + h.h), h)"
    assert raised(tmp_path, text).startswith("f: period must be given: Recurrent(f, ..., period=...)")
