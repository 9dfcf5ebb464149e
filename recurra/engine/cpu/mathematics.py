"""What each operation means on 16 floats. NaN goes in and comes out; nothing is clamped that a caller could see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recurra.engine.cpu.code import Vector

INFINITY = float("inf")
# Cody & Waite: log(2) in two parts, the first with few bits.
LOG2_HIGH, LOG2_LOW, LOG2_E = 0.693359375, -2.12194440e-4, 1.44269504088896341
# Polynomials: Moshier's Cephes.
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
    -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)


def _horner(x: Vector, coefficients: Sequence[float]) -> Vector:
    result = x.code.constant(coefficients[0])
    for c in coefficients[1:]:
        result = result.fma(x, c)
    return result


def _between(x: Vector, low: float, high: float) -> Vector:
    """x within bounds; NaN stays NaN, because comparisons with it are false."""
    x = x.compare(">", high).choose(x.code.constant(high), x)
    return x.compare("<", low).choose(x.code.constant(low), x)


def _exp_parts(x: Vector) -> tuple[Vector, Vector]:
    """exp(x) as a number near 1 and the power of two that it is multiplied with."""
    n = (x * LOG2_E + 0.5).call("floor")
    r = n.fma(-LOG2_LOW, n.fma(-LOG2_HIGH, x))
    return _horner(r, EXP).fma(r * r, r) + 1.0, n


def exp(x: Vector) -> Vector:
    # Beyond these bounds the result is infinity or 0 in any case.
    power, n = _exp_parts(_between(x, -105.0, 90.0))
    # In two steps, because 2 ** n alone may be out of range.
    half = (n * 0.5).call("floor")
    return power * half.power_of_two() * (n - half).power_of_two()


def _exp_of_moderate(x: Vector) -> Vector:
    """exp(x) between e ** -87 and e ** 88, which is as good as all of it where 1 is added."""
    power, n = _exp_parts(_between(x, -87.0, 88.0))
    return power * n.power_of_two()


def sigmoid(x: Vector) -> Vector:
    return x.code.constant(1.0) / (_exp_of_moderate(-x) + 1.0)


def tanh(x: Vector) -> Vector:
    """A polynomial near 0, 1 - 2 / (exp(2 |x|) + 1) elsewhere: near 1 the last bit counts, since gradients are 1 - y * y."""
    size, square = x.call("fabs"), x * x
    near = (_horner(square, TANH) * square).fma(x, x)
    far = x.code.constant(1.0) - x.code.constant(2.0) / (_exp_of_moderate(size + size) + 1.0)
    return size.compare("<", 0.625).choose(near, x.compare("<", 0.0).choose(-far, far))


def relu(x: Vector) -> Vector:
    return x.compare("<", 0.0).choose(x.code.constant(0.0), x)


def log(x: Vector) -> Vector:
    exponent, fraction = x.exponent_and_fraction()
    small = fraction.compare("<", 0.70710678)
    exponent = small.choose(exponent - 1.0, exponent)
    r = small.choose(fraction + fraction, fraction) - 1.0
    square = r * r
    y = _horner(r, LOG) * r * square
    y = exponent.fma(LOG2_LOW, y) - square * 0.5
    y = exponent.fma(LOG2_HIGH, r + y)
    code = x.code
    y = x.compare("==", INFINITY).choose(x, y)
    y = x.compare("==", 0.0).choose(code.constant(-INFINITY), y)
    return (x.compare("<", 0.0) | x.compare("uno", x)).choose(code.constant(float("nan")), y)


def softplus(x: Vector) -> Vector:
    """max(x, 0) + log(1 + u) with u = exp(-|x|); log(1 + u) keeps its digits where 1 + u is rounded."""
    u = exp(-x.call("fabs"))
    whole = u + 1.0
    correction = log(whole) * (u / (whole - 1.0))
    return relu(x) + whole.compare("==", 1.0).choose(u, correction)


def log_sigmoid(x: Vector) -> Vector:
    return -softplus(-x)


def _turn(x: Vector, shift: float) -> Vector:
    quarters, r = x.quarter_turns()
    quarters = quarters + shift
    quarters = quarters.compare(">=", 4.0).choose(quarters - 4.0, quarters)
    square = r * r
    sine = _horner(square, SIN).fma(square * r, r)
    cosine = _horner(square, COS).fma(square * square, square.fma(-0.5, 1.0))
    odd = quarters.compare("==", 1.0) | quarters.compare("==", 3.0)
    value = odd.choose(cosine, sine)
    return quarters.compare(">=", 2.0).choose(-value, value)


def sin(x: Vector) -> Vector:
    return _turn(x, 0.0)


def cos(x: Vector) -> Vector:
    return _turn(x, 1.0)


def maximum(a: Vector, b: Vector) -> Vector:
    """NaN if either is, as in torch."""
    return a.compare("uno", b).choose(a + b, a.compare(">", b).choose(a, b))


def minimum(a: Vector, b: Vector) -> Vector:
    return a.compare("uno", b).choose(a + b, a.compare("<", b).choose(a, b))


MEANING: dict[str, Callable[..., Vector]] = {
    "neg": lambda a: -a,
    "abs": lambda a: a.call("fabs"),
    "tanh": tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "exp": exp,
    "log": log,
    "sqrt": lambda a: a.call("sqrt"),
    "softplus": softplus,
    "log_sigmoid": log_sigmoid,
    "sin": sin,
    "cos": cos,
    "spread": lambda a: a,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "mod": lambda a, b: a.remainder(b),
    "maximum": maximum,
    "minimum": minimum,
}
COMPARISON = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
