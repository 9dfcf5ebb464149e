"""Programs as JSON: what a file stores of a cell. Reading checks everything and runs nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from recurra.cells.declaration import STRUCTURES, Structure, blocks, octaves, triangular
from recurra.cells.notation import ARITY, LEAVES, POINTWISE, REDUCTIONS, ROW_FUNCTIONS, Attribute, Node
from recurra.errors import CellError

if TYPE_CHECKING:
    from recurra.compiler.program import Program

NAME = re.compile(r"[^\W\d]\w{0,63}")
MOST_NODES = 10_000
KEYS = frozenset(
    ("name", "nodes", "sizes", "inputs", "states", "new", "output", "matrices", "vectors", "units", "same_size", "gates", "source", "text")
)


def write_program(program: Program) -> str:
    """A program as one line of JSON; the same program gives the same line."""
    return json.dumps(_to_data(program), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def read_program(text: str) -> Program:
    """The program that a line of JSON holds. Raises CellError for anything that is not one."""
    # Before anything is built of it: a node takes two brackets, and the rest few.
    _require(text.count("[") <= 3 * MOST_NODES, f"a cell must have 1 to {MOST_NODES} nodes")
    try:
        return _from_data(json.loads(text))
    except (KeyError, TypeError, ValueError, IndexError, RecursionError, AttributeError) as error:
        if isinstance(error, CellError):
            raise
        raise CellError(f"not the graph of a cell: {type(error).__name__}: {error}") from None


def _to_data(p: Program) -> dict[str, Any]:
    return {
        "name": p.name,
        "nodes": [[n.op, list(n.args), n.attr, n.scalar] for n in p.nodes],
        "sizes": list(p.sizes),
        "inputs": list(p.inputs),
        "states": list(p.states),
        "new": list(p.new),
        "output": list(p.output),
        "matrices": [[m.name, list(m.gates), m.rows, m.columns, _structure_data(m.structure), m.bias] for m in p.matrices],
        "vectors": [[v.name, v.size, v.start] for v in p.vectors],
        "units": [[k, {"octaves": v.groups} if isinstance(v, octaves) else list(v)] for k, v in p.units],
        "same_size": p.same_size,
        "gates": list(p.gates),
        "source": p.source,
        "text": p.text,
    }


def _structure_data(structure: Structure | None) -> list[Any] | None:
    if structure is None:
        return None
    kind = next(name for name, cls in STRUCTURES.items() if isinstance(structure, cls))
    return [kind, *vars(structure).values()]


def _from_data(data: dict[str, Any]) -> Program:
    from recurra.compiler.program import Matrix, Program, Vector

    _require(isinstance(data, dict), "a cell's graph must be an object")
    for key in data:
        _require(key in KEYS, f"unknown key {key[:40]!r}")
    _require(0 < len(data["nodes"]) <= MOST_NODES, f"a cell must have 1 to {MOST_NODES} nodes")
    nodes = tuple(_node(j, row) for j, row in enumerate(data["nodes"]))
    matrices = tuple(
        Matrix(_name(name), _names(gates), _name(rows), _name(columns), _structure(kind), _flag(bias))
        for name, gates, rows, columns, kind, bias in data["matrices"]
    )
    vectors = tuple(Vector(_name(name), _name(size), _number(start)) for name, size, start in data["vectors"])
    program = Program(
        _name(data["name"]), nodes, tuple(map(_name, data["sizes"])), _names(data["inputs"]), _names(data["states"]),
        tuple(_position(n, len(nodes)) for n in data["new"]), _names(data["output"]), matrices, vectors,
        tuple((_name(k), _units(v)) for k, v in data["units"]), _flag(data["same_size"]), _names(data["gates"]),
        _string(data["source"]), _string(data["text"]),
    )  # fmt: skip
    _check(program)
    return program


def _check(program: Program) -> None:
    """What refers to something must find it: states and inputs their leaves, products their matrix, constants their values."""
    _require(len(program.sizes) == len(program.nodes), "every node must have a size")
    _require(len(program.new) == max(1, len(program.states)), "every state must be renewed")
    for state, n in zip(program.states, program.new, strict=False):
        _require(program.sizes[n] in ("one", program.sizes[program.leaves["state", state]]), f"the renewed {state} must have its size")
    _require(set(program.output) <= set(program.states) and bool(program.output) == bool(program.states), "the output must be states")
    for kind, names in (("input", program.inputs), ("state", program.states)):
        found = [n.attr for n in program.nodes if n.op == kind]
        _require(len(set(names)) == len(names) == len(found) and set(found) == set(names), f"every {kind} must stand once among the nodes")
    _require(len({m.name for m in program.matrices}) == len(program.matrices), "matrices must have different names")
    vectors, units = {v.name: v.size for v in program.vectors}, dict(program.units)
    _require(len(vectors) == len(program.vectors), "vectors must have different names")
    for node, size in zip(program.nodes, program.sizes, strict=True):
        _check_size(program, node, size)
        if node.op == "product":
            matrix, _ = program.matrix(node)
            fits = (matrix.rows, matrix.columns) == (size, program.sizes[node.args[0]])
            _require(fits, f"the product {node.attr} must have the sizes of its matrix")
        elif node.op in ("gain", "shift", "learned"):
            name = str(node.attr) if node.op == "learned" else f"{node.op}_{node.attr}"
            _require(vectors.get(name) == size, f"{name} must be learned, and of one size")
        elif node.op == "unit":
            _require(node.attr in units, f"the constant {node.attr} must have values")
    for matrix in program.matrices:
        if isinstance(matrix.structure, triangular):
            _require(matrix.structure.key in units, f"the constant {matrix.structure.key} must have values")


def _check_size(program: Program, node: Node, size: str) -> None:
    """Vectors that meet have one size; a number a row may meet any."""
    _require(node.scalar <= (size == "one"), f"{node.op} of one number a row must have the size one")
    read = [program.sizes[a] for a in node.args]
    if node.op in POINTWISE:
        _require({size, *read} <= {size, "one"}, f"{node.op} must read values of one size")
    elif node.op in REDUCTIONS:
        _require(size == "one", f"{node.op} must have the size one")
    elif node.op in ROW_FUNCTIONS:
        _require(size == read[int(node.attr or 0)], f"{node.op} must have the size of what it reads")


def _node(position: int, row: Sequence[Any]) -> Node:
    op, args, attr, scalar = row
    _require(op in (*LEAVES, "product", *POINTWISE, *REDUCTIONS, *ROW_FUNCTIONS), f"unknown operation {op!r}")
    _require(isinstance(args, list) and all(type(a) is int and 0 <= a < position for a in args), f"node {position} must read earlier nodes")
    arity = 0 if op in LEAVES else 1 if op == "product" else ARITY.get(op)
    _require(len(args) == arity if arity is not None else len(args) > 0, f"{op} must have {arity} arguments")
    return Node(op, tuple(args), _attribute(op, attr, len(args)), _flag(scalar))


def _attribute(op: str, attr: Any, arguments: int) -> Attribute:
    if op == "number":
        return _number(attr)
    if op == "product":
        matrix, gate = _string(attr).split(".")
        return f"{_name(matrix)}.{_name(gate)}"
    if op in LEAVES:
        _require(op != "step" or attr == "t", "the step number must be called t")
        return _name(attr)
    if op == "norm":
        _position(attr, arguments)
        return int(attr)
    _require(attr is None, f"{op} has no attribute")
    return None


def _require(holds: bool, law: str) -> None:
    if not holds:
        raise CellError(f"not the graph of a cell: {law}")


def _name(value: Any) -> str:
    _require(isinstance(value, str) and NAME.fullmatch(value) is not None, f"{str(value)[:40]!r} must be a name")
    return str(value)


def _names(values: Any) -> tuple[str, ...]:
    _require(isinstance(values, list), "names must be a list")
    return tuple(map(_name, values))


def _string(value: Any) -> str:
    _require(isinstance(value, str), "a text must be a string")
    return str(value)


def _flag(value: Any) -> bool:
    _require(isinstance(value, bool), "a flag must be true or false")
    return bool(value)


def _number(value: Any) -> float:
    _require(type(value) in (int, float) and math.isfinite(value), "a number must be finite")
    return float(value)


def _position(value: Any, count: int) -> int:
    _require(type(value) is int and 0 <= value < count, "a node must exist")
    return int(value)


def _structure(value: Any) -> Structure | None:
    if value is None:
        return None
    kind, *rest = value
    _require(kind in STRUCTURES and len(rest) == (kind != "diagonal"), f"unknown structure {kind!r}")
    if kind == "blocks":
        _require(type(rest[0]) is int and rest[0] > 0, "blocks must have a count")
        return blocks(rest[0])
    return triangular(_name(rest[0])) if kind == "triangular" else STRUCTURES[kind]()


def _units(value: Any) -> tuple[float, ...] | octaves:
    if isinstance(value, dict):
        _require(list(value) == ["octaves"] and type(value["octaves"]) is int and 0 < value["octaves"] <= 64, "octaves must have a count")
        return octaves(value["octaves"])
    return tuple(map(_number, value))
