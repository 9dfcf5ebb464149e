"""What the notation allows, and how symbols stand up to copying, printing and threads."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

from recurra.cells import Cell, cell, names, registry
from recurra.cells.notation import Symbol, Trace, sigmoid, tanh, tracing
from recurra.compiler import Program, compile_cell
from recurra.errors import CellError
from tests.cells.samples import samples


def parameters(declared: Cell, **constants: object) -> dict[str, tuple[int, ...]]:
    """The shapes of a cell's parameters for I = 4, H = 6."""
    return compile_cell(declared, constants=constants).parameters({"input_size": 4, "hidden_size": 6})


def test_the_same_spelling_is_the_same_product() -> None:
    @cell
    def f(x, h):
        return sigmoid(x.h) * tanh(x.h) + tanh(x.h + h.h)

    assert parameters(f) == {"weight_ih": (6, 4), "weight_hh": (6, 6), "bias_ih": (6,), "bias_hh": (6,)}


def test_augmented_assignment_makes_a_new_value() -> None:
    @cell
    def f(x, h):
        a = x.h
        a += h.h
        return tanh(a)

    assert len(parameters(f)) == 4


def test_states_may_be_swapped_on_purpose() -> None:
    @cell
    def f(x, h, g):
        return g, h

    program = compile_cell(f)
    assert program.new == (program.leaves["state", "g"], program.leaves["state", "h"])


def gate(v: Symbol, w: Symbol, k: str) -> Symbol:
    """A helper function, as users write them."""
    return sigmoid(getattr(v, k) + getattr(w, k))


def test_helpers_generators_and_closures() -> None:
    scale = 2.0

    @cell(gates="r z n")
    def f(x, h):
        r, z = (gate(x, h, k) for k in "rz")
        return scale * (1 - z) * tanh(x.n + r * h.n) + z * h

    assert parameters(f)["weight_hh"] == (18, 6)


def test_a_python_loop_unrolls() -> None:
    @cell
    def f(x, h):
        for k in range(3):
            u = sigmoid(getattr(h, f"u{k}") + (x.u if k == 0 else 0)) if k else sigmoid(h.u + x.u)
            h = u * h + (1 - u) * tanh(getattr(h, f"n{k}"))
        return h

    assert compile_cell(f).stacked("weight_hh") == ("u", "n0", "u1", "n1", "u2", "n2")


@pytest.mark.parametrize("number", [0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(2)])
def test_numbers_of_python_and_numpy(number: float) -> None:
    @cell
    def f(x, h):
        return number * tanh(x.h + h.h) + h * number - number

    nodes = compile_cell(f).nodes
    assert {n.attr for n in nodes if n.op == "number"} == {float(number)}
    assert all(type(n.attr) is float for n in nodes if n.op == "number")


def test_numpy_numbers_compare_from_the_left() -> None:
    @cell
    def f(x, h):
        from_left = (np.float64(0.5) < h) * 1
        return from_left * tanh(x.h + h.h)

    assert [n.op for n in compile_cell(f).nodes if n.op in ("lt", "gt")] in (["lt"], ["gt"])


def test_if_works_on_a_number() -> None:
    @cell
    def f(x, h, *, alpha=0.5):
        return tanh(x.h + h.h) if not alpha else alpha * h + tanh(x.h + h.h)

    assert len(compile_cell(f, constants={"alpha": 0.0}).nodes) < len(compile_cell(f).nodes)


def test_powers() -> None:
    @cell
    def f(x, h):
        return h**3 + h**0 + h**0.5 + 2**h + h**1.5 + x.h * 0

    ops = [n.op for n in compile_cell(f).nodes]
    assert ops.count("sqrt") == 1
    assert ops.count("exp") == 2


def test_a_source_stands_beside_every_cell() -> None:
    assert names() == list(registry)
    for declared in [*registry.values(), *samples.values()]:
        assert declared.source
        assert declared.function.__doc__
        assert declared.text.startswith("@cell")


def test_layers_of_the_built_in_cells_have_different_names() -> None:
    layers = [declared.layer for declared in registry.values()]
    assert all(layers)
    assert len(set(layers)) == len(layers)


def test_the_names_of_gates_are_fixed_where_there_are_several() -> None:
    for declared in registry.values():
        gates = {str(n.attr).split(".")[1] for n in compile_cell(declared).nodes if n.op == "product"}
        stacked = max((m.gates for m in compile_cell(declared).matrices), key=len)
        assert set(declared.gates) in ({*gates}, set())
        assert declared.gates or len(stacked) == 1


def symbol() -> Symbol:
    """A symbol of a trace of its own."""
    trace = Trace()
    return trace.symbol("state", attr="h")


@pytest.mark.parametrize(
    "name",
    [
        "__deepcopy__",
        "__copy__",
        "__getstate__x",
        "_repr_html_",
        "_ipython_display_",
        "_ipython_canary_method_should_not_exist_",
        "__array__",
    ],
)
def test_underscore_names_are_no_gates(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(symbol(), name)


def test_symbols_cannot_be_hashed_and_say_so() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(symbol())


def test_probes_add_no_nodes() -> None:
    h = symbol()
    trace = h._trace
    with tracing(trace):
        for probe in (repr, copy.copy, copy.deepcopy, pickle.dumps):
            try:
                probe(h)
            except (CellError, TypeError, AttributeError, pickle.PicklingError):
                continue
    assert len(trace.nodes) == 1


def test_a_symbol_outside_a_trace() -> None:
    for use in (lambda h: h.i, lambda h: h + 1, tanh, lambda h: h == h):
        with pytest.raises(CellError, match=r"^a symbol was used outside the trace of its cell$"):
            use(symbol())


def test_two_threads_trace_at_once() -> None:
    """The trace in progress belongs to its thread: both wait for each other in the middle of their cells."""
    meeting = threading.Barrier(2, timeout=10)

    def one(steps: int) -> Cell:
        def f(x, h):
            for k in range(steps):
                meeting.wait()
                h = tanh(getattr(h, f"g{k}"))
                meeting.wait()
            return h

        return cell(f)

    programs: dict[int, Program] = {}

    def work(key: int) -> None:
        programs[key] = compile_cell(one(4))

    threads = [threading.Thread(target=work, args=(key,)) for key in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert programs[0].nodes == programs[1].nodes
    assert sum(n.op == "product" for n in programs[0].nodes) == 4


def test_cells_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        registry["lstm"].name = "other"
    assert repr(registry["lstm"]) == "<cell lstm(x, h, c)>"
