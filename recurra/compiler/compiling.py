"""From a declared cell to a program: trace, join sizes, name matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recurra.cells.declaration import Cell, Diagonal, Structure, blocks, triangular
from recurra.cells.notation import Node
from recurra.compiler.naming import Names, Naming
from recurra.compiler.program import Matrix, Program, Vector
from recurra.compiler.trace import Traced, trace
from recurra.errors import CellError


def compile_cell(
    cell: Cell,
    *,
    constants: Mapping[str, Any] | None = None,
    structure: Mapping[str, Structure] | None = None,
    bias: str | None = None,
) -> Program:
    """Trace a cell with its constants and name what it learns.

    `structure` and `bias` override what the cell declares (bias: the names of the matrices that have one, "" for none).
    Raises CellError, which names the cell, its line and what to write instead.
    """
    constants = dict(constants or {})
    traced = trace(cell, constants)
    declared = {k: _counted(cell, k, s, constants) for k, s in {**cell.structure, **(structure or {})}.items()}
    for key, value in declared.items():
        if isinstance(value, triangular) and value.key not in traced.units:
            raise CellError(f"{cell.name}: weight_{key} is triangular by {value.key!r}, which must be a constant of one value a unit")
    names = Naming(cell, traced, declared).names()
    return _assemble(cell, traced, names, declared, cell.bias if bias is None else bias)


def _counted(cell: Cell, key: str, structure: Structure, constants: Mapping[str, Any]) -> Structure:
    """blocks("num_heads") with the number that the layer, or the cell's default, gives it."""
    if not isinstance(structure, Structure):
        raise CellError(f"{cell.name}: weight_{key} must be diagonal, blocks(n) or triangular(key), got {structure!r}")
    if not isinstance(structure, blocks) or isinstance(structure.count, int):
        return structure
    count = constants.get(structure.count, cell.constants.get(structure.count))
    if not isinstance(count, int) or count < 1:
        raise CellError(f"{cell.name}: {structure.count} must be given, a whole number: Recurrent({cell.name}, ..., {structure.count}=...)")
    return blocks(count)


def _assemble(cell: Cell, traced: Traced, names: Names, structure: Mapping[str, Structure], bias: str | None) -> Program:
    kinds = names.families
    biased = set(kinds) if bias is None else set(bias.split())
    for name in biased - set(kinds):
        raise CellError(f"{cell.name}: bias names {name!r}, but there is no weight_{name}; expected some of {' '.join(kinds)}")
    matrices = []
    for name, gates in sorted(kinds.items(), key=lambda item: item[0] != "ih"):
        product = next(n for n, site in names.sites.items() if site[0] == name)
        source = traced.nodes[product].args[0]
        kind = structure.get(name)
        matrices.append(
            Matrix(name, gates, names.sizes[product], names.sizes[source], kind, name in biased and not isinstance(kind, Diagonal))
        )
    nodes = tuple(replace(node, attr=".".join(names.sites[n])) if node.op == "product" else node for n, node in enumerate(traced.nodes))
    vectors = tuple(
        Vector(f"{n.op}_{n.attr}" if n.op != "learned" else str(n.attr), names.sizes[j], _start(n, traced))
        for j, n in enumerate(nodes)
        if n.op in ("gain", "shift", "learned")
    )
    # Gains and shifts stand in the order of the gates, whatever the order of the equations.
    rank = {gate: j for j, gate in enumerate(cell.gates)}
    vectors = tuple(sorted(vectors, key=lambda v: rank.get(v.name.partition("_")[2], len(rank))))
    used = {str(n.attr) for n in nodes if n.op == "unit"} | {s.key for s in structure.values() if isinstance(s, triangular)}
    return Program(
        cell.name, nodes, names.sizes, cell.inputs, cell.states, traced.new, cell.output if cell.states else (), tuple(matrices), vectors,
        tuple((k, v) for k, v in traced.units.items() if k in used), names.same_size, cell.gates, cell.source, cell.text,
    )  # fmt: skip


def _start(node: Node, traced: Traced) -> float:
    return traced.starts[str(node.attr)] if node.op == "learned" else 1.0 if node.op == "gain" else 0.0
