"""The functions of 16 floats on a million points, against numpy's in float64."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from recurra.engine.cpu import mathematics
from recurra.engine.cpu.code import LANES, Code, Loaded, Module, Vector, compile_text, host

POINTS = 1_000_000
Array = np.ndarray


def compiled(function: Callable[..., Vector]) -> Callable[..., Array]:
    """A function of vectors as one of float32 arrays."""
    arguments = len(inspect.signature(function).parameters)
    module = Module("points")
    code = Code(module, "points", arguments + 2)
    *sources, target, count = code.arguments
    with code.loop(code.integer(0), count, code.integer(LANES)) as at:
        code.store(function(*(code.load(source, at) for source in sources)), target, at)
    code.end()
    loaded = Loaded(compile_text(module.text(), *host()))
    kernel = loaded.function("points", arguments + 2)

    def run(*values: Array) -> Array:
        padded = [np.pad(v.astype(np.float32), (0, -len(v) % LANES)) for v in values]
        result = np.empty_like(padded[0])
        kernel(*(v.ctypes.data for v in padded), result.ctypes.data, len(result))
        return result[: len(values[0])]

    # The code lives as long as what calls it.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run


def spread(low: float, high: float) -> Array:
    """Points of both signs whose sizes are spread evenly over the exponents between two bounds."""
    random = np.random.default_rng(1)
    sizes = np.exp(random.uniform(np.log(low), np.log(high), POINTS))
    return (sizes * random.choice([-1.0, 1.0], POINTS)).astype(np.float32)


def even(low: float, high: float) -> Array:
    return np.random.default_rng(2).uniform(low, high, POINTS).astype(np.float32)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def log_sigmoid(x: Array) -> Array:
    return -np.logaddexp(-x, 0)


def worst(name: str, exact: Callable[[Array], Array], points: Array, floor: float = 0.0) -> float:
    """The largest relative error; what is smaller than `floor` may be off by that share of it."""
    want = exact(points.astype(np.float64))
    got = compiled(getattr(mathematics, name))(points).astype(np.float64)
    assert np.isfinite(got).all()
    return float((np.abs(got - want) / np.maximum(np.abs(want), floor)).max())


@pytest.mark.parametrize("points", [spread(1e-37, 80.0), even(-69.0, 20.0), even(-3.0, 3.0)], ids=["spread", "even", "near"])
def test_sigmoid(points: Array) -> None:
    """Down to 1e-30, which it is at -69."""
    assert worst("sigmoid", sigmoid, points[points > -69.0]) <= 1e-6


@pytest.mark.parametrize("points", [spread(1e-30, 100.0), even(-9.0, 9.0), even(-0.7, 0.7)], ids=["spread", "even", "near"])
def test_tanh(points: Array) -> None:
    assert worst("tanh", np.tanh, points) <= 1e-6


@pytest.mark.parametrize(
    ("name", "exact", "points", "bound", "floor"),
    [
        ("exp", np.exp, even(-87.0, 88.5), 3e-7, 0.0),
        ("exp", np.exp, spread(1e-30, 1.0), 3e-7, 0.0),
        ("log", np.log, np.abs(spread(1e-37, 3e38)), 3e-7, 0.0),
        ("log", np.log, even(0.5, 2.0), 3e-7, 0.0),
        ("softplus", lambda x: np.logaddexp(x, 0), even(-80.0, 80.0), 1e-6, 0.0),
        ("log_sigmoid", log_sigmoid, even(-80.0, 80.0), 1e-6, 0.0),
        ("sin", np.sin, even(-1000.0, 1000.0), 3e-7, 1.0),
        ("cos", np.cos, even(-1000.0, 1000.0), 3e-7, 1.0),
        ("sin", np.sin, spread(1e-30, 0.7), 3e-7, 0.0),
    ],
)
def test_other_functions(name: str, exact: Callable[[Array], Array], points: Array, bound: float, floor: float) -> None:
    assert worst(name, exact, points, floor) <= bound


@pytest.mark.parametrize("name", ["sqrt", "add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum", "relu"])
def test_what_the_machine_rounds_is_exact(name: str) -> None:
    exact = {
        "sqrt": np.sqrt, "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
        "maximum": np.maximum, "minimum": np.minimum, "relu": lambda x: np.maximum(x, np.float32(0)),
    }[name]  # fmt: skip
    function = mathematics.MEANING[name]
    values = [np.abs(spread(1e-15, 1e15)), even(-9.0, 9.0)][: len(inspect.signature(function).parameters)]
    np.testing.assert_array_equal(compiled(function)(*values), exact(*values))


# Denormals count as zero inside a kernel, but not in these bare loops.
EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, 1e-38, 104.0, -104.0], dtype=np.float32)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp", "log", "sqrt", "softplus", "log_sigmoid", "sin", "cos", "relu", "abs", "neg"])
def test_edges(name: str) -> None:
    """NaN where numpy has it, infinity where it has it, the same number elsewhere; nothing below 1e-37 counts."""
    exact = {
        "sigmoid": sigmoid, "softplus": lambda x: np.logaddexp(x, 0), "log_sigmoid": log_sigmoid, "relu": lambda x: np.maximum(x, 0),
    }.get(name) or getattr(np, name if name not in ("neg",) else "negative")  # fmt: skip
    points = EDGES
    if name in ("sin", "cos"):
        points = EDGES[np.isnan(EDGES) | (np.abs(EDGES) < 1e6) | np.isinf(EDGES)]
    if name == "log":
        points = EDGES[np.isnan(EDGES) | (np.abs(EDGES) > 1e-38) | (EDGES == 0)]
    with np.errstate(all="ignore"):
        want = exact(points.astype(np.float64)).astype(np.float32)
    got = compiled(mathematics.MEANING[name])(points)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-37, equal_nan=True)


def test_remainder_has_the_sign_of_the_divisor() -> None:
    a, b = np.array([7, -7, 7, -7, 5.5, 0], dtype=np.float32), np.array([3, 3, -3, -3, 2, 4], dtype=np.float32)
    np.testing.assert_array_equal(compiled(mathematics.MEANING["mod"])(a, b), np.mod(a, b))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_nan_on_either_side_comes_out(name: str) -> None:
    a, b = np.array([np.nan, 1, np.nan, np.inf], dtype=np.float32), np.array([1, np.nan, np.nan, -np.inf], dtype=np.float32)
    np.testing.assert_array_equal(compiled(mathematics.MEANING[name])(a, b), getattr(np, name)(a, b))
