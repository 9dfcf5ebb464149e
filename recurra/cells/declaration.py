"""What a cell declares beside its equations: sizes, order of gates, structure of matrices, biases, source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, overload

from recurra.errors import CellError, suggest


@dataclass(frozen=True)
class learned:
    """A constant that is a parameter, one value a unit: `alpha=learned(0.95)` starts at 0.95."""

    start: float = 0.0


@dataclass(frozen=True)
class octaves:
    """One value a unit: `groups` equal groups of units with the values 1, 2, 4, 8 ...; what a clockwork network runs at."""

    groups: int = 8

    def values(self, units: int) -> tuple[float, ...]:
        """The values for `units` units."""
        return _octaves(self.groups, units)


@lru_cache(64)
def _octaves(groups: int, units: int) -> tuple[float, ...]:
    return tuple(float(2 ** (j * groups // units)) for j in range(units))


@dataclass(frozen=True)
class Diagonal:
    """Each unit is mapped to itself alone: a vector instead of a matrix, without bias."""


@dataclass(frozen=True)
class blocks:
    """Block diagonal: `blocks(4)` has four heads that do not see each other; `blocks("num_heads")` lets the layer say how many."""

    count: int | str


@dataclass(frozen=True)
class triangular:
    """A unit reads only the units whose constant `key` is at least its own."""

    key: str


diagonal = Diagonal()
Structure = Diagonal | blocks | triangular
STRUCTURES: dict[str, type] = {"diagonal": Diagonal, "blocks": blocks, "triangular": triangular}
REQUIRED = inspect.Parameter.empty
OPTIONS = ("gates", "output", "bias", "scalars", "source", "layer")


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell as declared: a function of symbols and what stands in its decorator. Nothing has been traced yet.

    `inputs`, `states` and `constants` are the function's parameters; `sizes` maps a state or gate to the name of its size;
    `structure` maps a matrix (`hh`) to its structure; `layer` names the class that recurra.layers makes of it.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    states: tuple[str, ...]
    constants: Mapping[str, Any]
    gates: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    bias: str | None = None
    scalars: frozenset[str] = frozenset()
    sizes: Mapping[str, str] = field(default_factory=dict)
    structure: Mapping[str, Structure] = field(default_factory=dict)
    source: str = ""
    layer: str = ""

    def __repr__(self) -> str:
        return f"<cell {self.name}({', '.join((*self.inputs, *self.states))})>"

    @property
    def text(self) -> str:
        """The source text, for readers only; empty where it cannot be found."""
        try:
            return textwrap.dedent(inspect.getsource(self.function))
        except (OSError, TypeError):
            return ""


@overload
def cell(function: Callable[..., Any], /) -> Cell: ...
@overload
def cell(**options: Any) -> Callable[[Callable[..., Any]], Cell]: ...
def cell(function: Callable[..., Any] | None = None, /, **options: Any) -> Cell | Callable[[Callable[..., Any]], Cell]:
    """Declare a function of symbols to be a cell: `@cell` or `@cell(gates="i f g o", source="...")`.

    Options: `gates` (the order of storage), `output` (which states are given out, side by side), `bias` (the matrices that have
    one; all by default), `scalars` (gates and inputs of one number a row), `NAME_size="names"` (states and gates of another size),
    `weight_XY=` (diagonal, blocks(n), triangular(key)), `source` (paper), `layer` (the name of its class).
    Raises CellError, with what to write instead.
    """
    return _declare(function, options) if function is not None else lambda f: _declare(f, options)


def _declare(function: Callable[..., Any], options: dict[str, Any]) -> Cell:
    name = function.__name__
    for key in options:
        if key not in OPTIONS and not key.endswith("_size") and not key.startswith("weight_"):
            raise CellError(f"{name}: unknown option {key!r}{suggest(key, OPTIONS)}")
        if not key.startswith("weight_") and not isinstance(options[key], str):
            raise CellError(f"{name}: {key} must be a text, names with spaces between, got {type(options[key]).__name__}")
    inputs, states, constants = _parameters(name, function)
    output = tuple(options.get("output", "").split()) or states[:1]
    for state in output:
        if state not in states:
            raise CellError(f"{name}: output {state!r} is not a state ({' '.join(states)}): what a cell gives out is a state, read or not")
    _check_order_of_return(name, function, states)
    return Cell(
        name, function, inputs, states, constants,
        gates=tuple(options.get("gates", "").split()),
        output=output,
        bias=options.get("bias"),
        scalars=frozenset(options.get("scalars", "").split()),
        sizes={who: size for size, names in options.items() if size.endswith("_size") for who in names.split()},
        structure={key.removeprefix("weight_"): value for key, value in options.items() if key.startswith("weight_")},
        source=options.get("source", ""),
        layer=options.get("layer", ""),
    )  # fmt: skip


def _parameters(name: str, function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]:
    """Inputs stand before `/` (or are the first parameter), states after them, constants after `*`."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise CellError(f"{name}: parameters are named one by one, without *args or **kwargs")
    positional = [p for p in parameters if p.kind != p.KEYWORD_ONLY]
    for p in positional:
        if p.default is not REQUIRED:
            raise CellError(f"{name}: {p.name} has a default, so it is a constant: put it after *")
    before_slash = [p.name for p in positional if p.kind == p.POSITIONAL_ONLY]
    count = len(before_slash) or 1
    inputs, states = tuple(p.name for p in positional[:count]), tuple(p.name for p in positional[count:])
    if not inputs:
        raise CellError(f"{name}: a cell needs an input: def {name}(x, h)")
    if "i" in states:
        raise CellError(f"{name}: no state may be called i: weight_ih is the input's")
    return inputs, states, {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}


def _check_order_of_return(name: str, function: Callable[..., Any], states: tuple[str, ...]) -> None:
    """A renewed state returned in another's place; only where the source can be read, and only for this lint."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return
    renewed = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} & set(states)
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            given = [e.id if isinstance(e, ast.Name) else None for e in node.value.elts]
            for state, got in zip(states, given, strict=False):
                if got != state and got in renewed and state in given and state in renewed:
                    raise CellError(
                        f"{name}: returns {got} where {state} belongs: the order is that of the parameters, {', '.join(states)}"
                    )
