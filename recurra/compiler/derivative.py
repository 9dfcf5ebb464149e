"""Reverse mode: one rule an operation, applied to the nodes of one step. The result is nodes again.

Source of the rules: calculus. A missing rule raises; no rule may be zero by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from recurra.cells.notation import (
    COMPARISONS,
    POINTWISE,
    REDUCTIONS,
    ROW_FUNCTIONS,
    Node,
    Symbol,
    Trace,
    cos,
    node_of,
    sigmoid,
    sin,
    total,
    tracing,
    where,
)  # fmt: skip
from recurra.compiler.program import Program
from recurra.compiler.trace import reach
from recurra.errors import CellError

Part = Symbol | float | None
Rule = Callable[..., tuple[Part, ...]]


def _share(a: Symbol, b: Symbol) -> Symbol:
    """What a gets of the gradient of a maximum: half at a tie; all where either is NaN, as in torch."""
    return where(a < b, 0.0, where(a == b, 0.5, 1.0))


def _spread(d: Symbol, like: Symbol) -> Symbol:
    """One number a row as a vector as long as `like`."""
    return d._trace.symbol("spread", d, like, scalar=False)


def _width(*values: Symbol) -> Symbol:
    return values[0]._trace.symbol("width", *values)


def _rstd(*values: Symbol) -> Symbol:
    return values[0]._trace.symbol("rstd", *values)


# d is the gradient of the result y, the rest are the arguments; None says that no gradient flows.
RULES: dict[str, Rule] = {
    "add": lambda d, y, a, b: (d, d),
    "sub": lambda d, y, a, b: (d, -d),
    "mul": lambda d, y, a, b: (d * b, d * a),
    "div": lambda d, y, a, b: (d / b, -d * y / b),
    # a % b is a - b * floor(a / b), so the derivative by b is -floor(a / b).
    "mod": lambda d, y, a, b: (d, d * (y - a) / b),
    "neg": lambda d, y, a: (-d,),
    "abs": lambda d, y, a: (d * where(a > 0, 1.0, where(a < 0, -1.0, 0.0)),),
    "tanh": lambda d, y, a: (d * (1 - y * y),),
    "sigmoid": lambda d, y, a: (d * (y * (1 - y)),),
    # Where y is NaN the gradient goes on, as in torch.
    "relu": lambda d, y, a: (where(y <= 0, 0.0, d),),
    "exp": lambda d, y, a: (d * y,),
    "log": lambda d, y, a: (d / a,),
    "sqrt": lambda d, y, a: (d / (2 * y),),
    "softplus": lambda d, y, a: (d * sigmoid(a),),
    "log_sigmoid": lambda d, y, a: (d * sigmoid(-a),),
    "sin": lambda d, y, a: (d * cos(a),),
    "cos": lambda d, y, a: (-d * sin(a),),
    "maximum": lambda d, y, a, b: (d * _share(a, b), d * _share(b, a)),
    "minimum": lambda d, y, a, b: (d * _share(b, a), d * _share(a, b)),
    "where": lambda d, y, condition, a, b: (None, where(condition, d, 0.0), where(condition, 0.0, d)),
    "stop": lambda d, y, a: (None,),
    **dict.fromkeys(COMPARISONS, lambda d, y, a, b: (None, None)),
    "total": lambda d, y, *v: tuple(_spread(d, a) for a in v),
    "mean": lambda d, y, *v: tuple(_spread(d / _width(*v), a) for a in v),
    "largest": lambda d, y, *v: tuple(None for _ in v),
    "softmax": lambda d, y, a: (y * (d - total(d * y)),),
}


def _norm_rule(d: Symbol, j: int, values: tuple[Symbol, ...]) -> tuple[Part, ...]:
    """Ba, Kiros & Hinton 2016, supplement: the row's mean and variance carry gradient from the j-th part to all."""
    trace = d._trace
    parts = [trace.symbol("norm", *values, attr=k, scalar=False) for k in range(len(values))]
    scale, width = _rstd(*values), _width(*values)
    shared = [(total(d) + part * total(d * parts[j])) / width for part in parts]
    return tuple(scale * (d - s) if k == j else scale * (0.0 - s) for k, s in enumerate(shared))


@dataclass(frozen=True)
class Gradient:
    """The backward of one step, as nodes that stand behind the program's own.

    `cotangents` are the leaves that hold the gradient of each renewed state; `states` the gradient of each old state (None:
    none flows), `products` that of each full product in the loop, `leaves` that of what comes into the loop from outside:
    hoisted values and inputs, learned vectors and diagonal weights.
    """

    nodes: tuple[Node, ...]
    sizes: tuple[str, ...]
    cotangents: Mapping[str, int]
    states: Mapping[str, int | None]
    products: Mapping[int, int]
    leaves: Mapping[int, int]
    forward: int

    @property
    def targets(self) -> list[int]:
        """Everything that a step of the backward computes."""
        states = [n for n in self.states.values() if n is not None]
        return [*states, *self.products.values(), *self.leaves.values()]


def in_loop(program: Program) -> frozenset[int]:
    """The nodes that depend on a state, the step number or a mask."""
    tied: set[int] = set()
    for n, node in enumerate(program.nodes):
        if node.op in ("state", "step", "mask") or any(a in tied for a in node.args):
            tied.add(n)
    return frozenset(tied)


@cache
def frontier(program: Program) -> tuple[int, ...]:
    """What the loop reads from outside: inputs, and products and row functions of inputs. Their pointwise equations stay in it."""
    tied = in_loop(program)
    hoisted = {
        n
        for n, node in enumerate(program.nodes)
        if n not in tied and (node.op == "input" or node.op == "product" or node.op in ROW_FUNCTIONS or node.op in REDUCTIONS)
    }
    seen = reach(program.nodes, program.new, stop=hoisted)
    return tuple(n for n in seen if n in hoisted)


@cache
def differentiate(program: Program) -> Gradient:
    """The backward of one step of a program with states. Raises CellError for an operation without a rule."""
    trace = Trace(nodes=list(program.nodes), _known={(n.op, _key(n), n.attr): j for j, n in enumerate(program.nodes)})
    stop = set(frontier(program))
    with tracing(trace):
        cotangents = {k: trace.add("cotangent", (), k, scalar=program.nodes[program.leaves["state", k]].scalar) for k in program.states}
        bar: dict[int, Symbol] = {}
        for name, n in zip(program.states, program.new, strict=True):
            seed = Symbol(trace, cotangents[name])
            bar[n] = bar[n] + seed if n in bar else seed
        products = _pull(program, trace, bar, stop)
    states = {k: _node(bar, program.leaves["state", k]) for k in program.states}
    wanted = {"gain", "shift", "learned", "product", "input", *ROW_FUNCTIONS, *REDUCTIONS}
    at = [n for n in bar if n < len(program.nodes)]
    leaves = {n: node_of(bar[n]) for n in at if (n in stop or not program.nodes[n].args) and program.nodes[n].op in wanted}
    leaves |= {n: d for n, d in products.items() if _diagonal(program, n)}
    full = {n: d for n, d in products.items() if not _diagonal(program, n)}
    sizes = _sizes(program, trace.nodes)
    return Gradient(tuple(trace.nodes), sizes, cotangents, states, full, leaves, len(program.nodes))


def _key(node: Node) -> tuple[int, ...]:
    return tuple(sorted(node.args)) if node.op in ("add", "mul") else node.args


def _node(bar: Mapping[int, Symbol], n: int) -> int | None:
    return node_of(bar[n]) if n in bar else None


def _diagonal(program: Program, n: int) -> bool:
    return program.nodes[n].op == "product" and program.matrix(program.nodes[n])[0].diagonal


def _pull(program: Program, trace: Trace, bar: dict[int, Symbol], stop: set[int]) -> dict[int, int]:
    """Walk back from the seeds in `bar`, which is filled; returns the gradient of every product that was met."""
    products: dict[int, int] = {}
    for n in reversed(reach(program.nodes, list(bar), stop)):
        node = program.nodes[n]
        if n not in bar or n in stop or not node.args:
            continue
        d = bar[n]
        if node.op == "product":
            products[n] = node_of(d)
            parts: tuple[Part, ...] = (_through_product(program, trace, node, d),)
        else:
            parts = _apply(program.name, trace, n, node, d)
        for a, part in zip(node.args, parts, strict=True):
            if part is not None and _takes_gradient(program.nodes[a]):
                part = part if isinstance(part, Symbol) else Symbol(trace, trace.lift(part))
                if program.nodes[a].scalar and not trace.nodes[node_of(part)].scalar:
                    part = total(part)
                bar[a] = bar[a] + part if a in bar else part
    return products


def _takes_gradient(node: Node) -> bool:
    return node.op not in ("number", "unit", "step", "mask", *COMPARISONS)


def _through_product(program: Program, trace: Trace, node: Node, d: Symbol) -> Symbol:
    """d times the matrix, transposed; unit by unit where it is diagonal."""
    if program.matrix(node)[0].diagonal:
        return d * trace.symbol("weight", attr=node.attr, scalar=False)
    return trace.symbol("back", d, attr=node.attr, scalar=program.nodes[node.args[0]].scalar)


def _apply(name: str, trace: Trace, n: int, node: Node, d: Symbol) -> tuple[Part, ...]:
    values = tuple(Symbol(trace, a) for a in node.args)
    if node.op == "norm":
        return _norm_rule(d, int(node.attr or 0), values)
    if node.op not in RULES:
        raise CellError(f"{name}: there is no derivative rule for {node.op}")
    return RULES[node.op](d, Symbol(trace, n), *values)


def _sizes(program: Program, nodes: Iterable[Node]) -> tuple[str, ...]:
    """The sizes of the program's nodes and of those behind them."""
    sizes = list(program.sizes)
    for node in list(nodes)[len(sizes) :]:
        if node.scalar or node.op in REDUCTIONS:
            sizes.append("one")
        elif node.op == "cotangent":
            sizes.append(program.sizes[program.leaves["state", str(node.attr)]])
        elif node.op == "back":
            sizes.append(program.matrix(node)[0].columns)
        elif node.op == "weight":
            sizes.append(program.matrix(node)[0].rows)
        elif node.op in ROW_FUNCTIONS:
            sizes.append(sizes[node.args[int(node.attr or 0)]])
        elif node.op == "spread":
            sizes.append(sizes[node.args[1]])
        else:
            assert node.op in POINTWISE, node.op
            sizes.append(next((sizes[a] for a in node.args if sizes[a] != "one"), "one"))
    return tuple(sizes)
