"""The notation: `v.gate` is the learned map of the vector `v` into `gate`; everything else is arithmetic.

A cell is traced by calling its function with symbols. Every operation on a symbol adds a node to the trace in progress; equal
operations on equal arguments are one node, so `x.i` written twice is one product. Nothing here knows sizes, loops or torch.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn

from recurra.errors import CellError

Attribute = str | float | int | None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its arguments are positions of earlier nodes; `scalar` means one number a row instead of a vector."""

    op: str
    args: tuple[int, ...] = ()
    attr: Attribute = None
    scalar: bool = False


COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
UNARY = ("neg", "abs", "tanh", "sigmoid", "relu", "exp", "log", "sqrt", "softplus", "log_sigmoid", "sin", "cos", "stop")
BINARY = ("add", "sub", "mul", "div", "mod", "maximum", "minimum", *COMPARISONS)
POINTWISE = (*UNARY, *BINARY, "where")
# A reduction makes one number of a row (several vectors count as one long row); a row function makes a row of a row.
REDUCTIONS = ("total", "mean", "largest", "rstd", "width")
ROW_FUNCTIONS = ("softmax", "norm")
ARITY = {**dict.fromkeys(UNARY, 1), **dict.fromkeys(BINARY, 2), "where": 3, "softmax": 1}
LEAVES = ("number", "input", "state", "step", "unit", "learned", "gain", "shift", "mask")


@dataclass(eq=False)
class Trace:
    """The nodes recorded so far, in an order in which arguments come first."""

    scalars: frozenset[str] = frozenset()
    nodes: list[Node] = field(default_factory=list)
    norms: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _known: dict[tuple[str, tuple[int, ...], Attribute], int] = field(default_factory=dict)

    def add(self, op: str, args: tuple[int, ...] = (), attr: Attribute = None, scalar: bool | None = None) -> int:
        """Record an operation, or find the equal one that stands already."""
        key = (op, tuple(sorted(args)) if op in ("add", "mul") else args, attr)
        if key not in self._known:
            if scalar is None:
                scalar = op in REDUCTIONS or op == "number" or (op in POINTWISE and all(self.nodes[a].scalar for a in args))
            self._known[key] = len(self.nodes)
            self.nodes.append(Node(op, args, attr, scalar))
        return self._known[key]

    def symbol(self, op: str, *args: Symbol | float, attr: Attribute = None, scalar: bool | None = None) -> Symbol:
        """Record an operation on symbols and numbers."""
        return Symbol(self, self.add(op, tuple(self.lift(a) for a in args), attr, scalar))

    def lift(self, value: object) -> int:
        """The node of a symbol of this trace, or of a number."""
        if isinstance(value, Symbol):
            if _trace_of(value) is not self:
                raise CellError("a symbol of another cell was used: a cell may not keep symbols from one call to the next")
            return node_of(value)
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            if not math.isfinite(value):
                raise CellError(f"the number {float(value)} cannot enter an equation: numbers must be finite")
            return self.add("number", (), float(value))
        if callable(value):
            raise CellError(f"expected a value, got the function '{getattr(value, '__name__', value)}'")
        raise CellError(f"a {type(value).__name__} cannot enter an equation: numbers may; an array belongs after * in the parameters")


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


@contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    """Make `trace` the one that symbols add to, in this thread and context only."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def _active() -> Trace:
    trace = _current.get()
    if trace is None:
        raise CellError("a symbol was used outside the trace of its cell")
    return trace


# Words that people write after a dot when they take a symbol for a tensor.
TENSOR_WORDS = frozenset(
    [
        "shape",
        "size",
        "dtype",
        "device",
        "view",
        "reshape",
        "clone",
        "detach",
        "chunk",
        "split",
        "item",
        "mean",
        "sum",
        "matmul",
        "dim",
        "unsqueeze",
        "squeeze",
        "transpose",
        "permute",
        "numpy",
    ]
)
_NUMPY = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "remainder": "mod", "greater": "gt", "less": "lt",
    "greater_equal": "ge", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip


class Symbol:
    """A vector of the step. Every attribute without a leading underscore is a product; there are no methods."""

    __slots__ = ("_node", "_trace")
    __hash__ = None  # type: ignore[assignment]
    _node: int
    _trace: Trace

    def __init__(self, trace: Trace, node: int) -> None:
        object.__setattr__(self, "_trace", trace)
        object.__setattr__(self, "_node", node)

    def __getattr__(self, gate: str) -> Symbol:
        if gate.startswith("_"):
            raise AttributeError(gate)
        if gate in TENSOR_WORDS:
            raise CellError(f".{gate}: a symbol is not a tensor; v.gate is the learned map of v into gate")
        trace = _active()
        node = trace.lift(self)
        if trace.nodes[node].op == "step":
            raise CellError(f"{trace.nodes[node].attr}.{gate}: the step number has no learned map")
        return Symbol(trace, trace.add("product", (node,), gate, scalar=gate in trace.scalars))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise CellError(f".{name} = ...: values of a step cannot be assigned into; give the new value a name")

    def __call__(self, *values: object) -> NoReturn:
        node = self._trace.nodes[self._node]
        if node.op == "product":
            raise CellError(f".{node.attr}(...): {node.attr} after a dot is a gate, not a method; write {node.attr}(value)")
        raise CellError("a value of the step cannot be called")

    def __bool__(self) -> NoReturn:
        raise CellError(
            "a Python if, and, or, max or chained comparison saw a value of the step: use where(condition, a, b), maximum(a, b)"
        )

    def __iter__(self) -> NoReturn:
        raise CellError("a vector cannot be unpacked: use one gate per part")

    def __getitem__(self, key: object) -> NoReturn:
        raise CellError("a vector cannot be indexed: use one gate per part")

    def __len__(self) -> NoReturn:
        raise CellError("a vector cannot be measured: sizes are given to the layer")

    def __float__(self) -> NoReturn:
        raise CellError("a value of the step is not a number: use recurra's tanh, exp, ... not math's")

    __int__ = __index__ = __complex__ = __trunc__ = __floor__ = __ceil__ = __round__ = __float__

    @classmethod
    def __torch_function__(cls, function: object, types: object, args: object = (), kwargs: object = None) -> NoReturn:
        name = getattr(function, "__name__", function)
        raise CellError(f"torch.{name} met a symbol: use recurra's function of the same name, and plain numbers")

    def __array_ufunc__(self, ufunc: Any, method: str, *values: object, **options: object) -> Symbol:
        op = _NUMPY.get(ufunc.__name__)
        # numpy hands some of its numbers over as arrays without an axis.
        values = tuple(v if isinstance(v, Symbol) or getattr(v, "shape", None) != () else v.item() for v in values)  # type: ignore[attr-defined]
        if op and method == "__call__" and all(isinstance(v, Symbol | numbers.Real) for v in values):
            return _active().symbol(op, *values)  # type: ignore[arg-type]
        raise CellError(f"numpy.{ufunc.__name__} met a symbol: use recurra's function of the same name, and plain numbers")

    def __neg__(self) -> Symbol:
        return _active().symbol("neg", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return _active().symbol("abs", self)

    def __add__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("add", self, other)

    def __radd__(self, other: float) -> Symbol:
        return _active().symbol("add", other, self)

    def __sub__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("sub", self, other)

    def __rsub__(self, other: float) -> Symbol:
        return _active().symbol("sub", other, self)

    def __mul__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("mul", self, other)

    def __rmul__(self, other: float) -> Symbol:
        return _active().symbol("mul", other, self)

    def __truediv__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("div", self, other)

    def __rtruediv__(self, other: float) -> Symbol:
        return _active().symbol("div", other, self)

    def __mod__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("mod", self, other)

    def __rmod__(self, other: float) -> Symbol:
        return _active().symbol("mod", other, self)

    def __pow__(self, power: Symbol | float) -> Symbol | float:
        if isinstance(power, int) and power >= 0:
            return 1.0 if power == 0 else self if power == 1 else self * self ** (power - 1)
        return sqrt(self) if not isinstance(power, Symbol) and power == 0.5 else exp(log(self) * power)

    def __rpow__(self, base: float) -> Symbol:
        return exp(self * math.log(base))

    def __eq__(self, other: object) -> Symbol:  # type: ignore[override]
        return _active().symbol("eq", self, other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> Symbol:  # type: ignore[override]
        return _active().symbol("ne", self, other)  # type: ignore[arg-type]

    def __lt__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("lt", self, other)

    def __le__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("le", self, other)

    def __gt__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("gt", self, other)

    def __ge__(self, other: Symbol | float) -> Symbol:
        return _active().symbol("ge", self, other)


def _unknown(spelling: str, advice: str) -> Callable[..., NoReturn]:
    def refuse(*values: object) -> NoReturn:
        raise CellError(f"{spelling}: {advice}")

    return refuse


for _word, _spelling in {"matmul": "@", "floordiv": "//", "lshift": "<<", "rshift": ">>", "and": "&", "or": "|", "xor": "^"}.items():
    _advice = "the only products are the learned maps v.gate" if _spelling == "@" else "unknown operation; expected one of + - * / % **"
    setattr(Symbol, f"__{_word}__", _unknown(_spelling, _advice))
    setattr(Symbol, f"__r{_word}__", _unknown(_spelling, _advice))
for _word, _spelling in {"divmod": "divmod()", "rdivmod": "divmod()", "invert": "~"}.items():
    setattr(Symbol, f"__{_word}__", _unknown(_spelling, "unknown operation; expected one of + - * / % **"))


def node_of(symbol: Symbol) -> int:
    """The position of a symbol's node in its trace."""
    return object.__getattribute__(symbol, "_node")  # type: ignore[no-any-return]


def _trace_of(symbol: Symbol) -> Trace:
    return object.__getattribute__(symbol, "_trace")  # type: ignore[no-any-return]


Function = Callable[..., Symbol]


def _function(op: str, meaning: str) -> Function:
    def apply(*values: Symbol | float) -> Symbol:
        if op in ARITY and len(values) != ARITY[op]:
            raise CellError(f"{op}: takes {ARITY[op]} value{'s' * (ARITY[op] > 1)}, got {len(values)}")
        return _active().symbol(op, *values)

    apply.__name__ = apply.__qualname__ = op
    apply.__doc__ = meaning
    return apply


sigmoid = _function("sigmoid", "1 / (1 + exp(-a)).")
tanh = _function("tanh", "The hyperbolic tangent.")
relu = _function("relu", "a where it is positive, else 0.")
exp = _function("exp", "e to the power of a.")
log = _function("log", "The natural logarithm.")
sqrt = _function("sqrt", "The square root.")
softplus = _function("softplus", "log(1 + exp(a)), without overflow.")
log_sigmoid = _function("log_sigmoid", "log(sigmoid(a)), without underflow.")
sin = _function("sin", "The sine, a in radians.")
cos = _function("cos", "The cosine, a in radians.")
maximum = _function("maximum", "The larger of a and b; at a tie each gets half of the gradient, as in torch.")
minimum = _function("minimum", "The smaller of a and b; at a tie each gets half of the gradient, as in torch.")
where = _function("where", "where(condition, a, b): a where the condition holds, else b.")
stop = _function("stop", "The value, through which no gradient flows.")
total = _function("total", "The sum of a row, one number; several vectors count as one long row.")
mean = _function("mean", "The mean of a row, one number; several vectors count as one long row.")
largest = _function("largest", "The largest value of a row, one number, through which no gradient flows.")


def softmax(value: Symbol) -> Symbol:
    """exp(v) / total(exp(v)) over a row, without overflow."""
    return _active().symbol("softmax", value, scalar=False)


def identity(value: Symbol) -> Symbol:
    """The value itself: no nonlinearity."""
    return value


class _Norm:
    """norm(a): centred, with unit variance. norm(a, b): together, as one row. norm.i(a): with the learned gain_i and shift_i."""

    def __call__(self, *values: Symbol, name: str = "") -> Any:
        trace = _active()
        if not values:
            raise CellError("norm: takes at least 1 value, got 0")
        nodes = tuple(trace.lift(v) for v in values)
        if name and trace.norms.setdefault(name, nodes) != nodes:
            raise CellError(f"norm.{name} is used for two different vectors: give the second its own name")
        parts = [Symbol(trace, trace.add("norm", nodes, j, scalar=False)) for j in range(len(nodes))]
        if name:
            tags = [name] if len(parts) == 1 else [f"{name}{j}" for j in range(len(parts))]
            parts = [
                trace.symbol("gain", attr=tag, scalar=False) * part + trace.symbol("shift", attr=tag, scalar=False)
                for tag, part in zip(tags, parts, strict=True)
            ]
        return parts[0] if len(parts) == 1 else tuple(parts)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *values: self(*values, name=name)


norm: Any = _Norm()

# The functions that a constant may be given by name, as in `nonlinearity="relu"`.
NONLINEARITIES: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (tanh, sigmoid, relu, identity, softmax, softplus, log_sigmoid, sin, cos)
}
