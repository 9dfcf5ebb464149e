"""Everything there is to say about a cell without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from recurra.cells.declaration import Diagonal, blocks, triangular
from recurra.cells.notation import Node
from recurra.compiler.derivative import differentiate, frontier
from recurra.compiler.formulas import formulas, value_names
from recurra.compiler.phases import phases
from recurra.compiler.program import Matrix, Program
from recurra.compiler.saving import save


def describe(program: Program, sizes: Mapping[str, int]) -> dict[str, Any]:
    """A cell as a dictionary of plain data: formulas, gates, matrices, parameters for `sizes`, phases, what is saved, source."""
    shapes = program.parameters(sizes)
    result: dict[str, Any] = {
        "name": program.name,
        "source": program.source,
        "inputs": list(program.inputs),
        "states": {name: program.sizes[program.leaves["state", name]] for name in program.states},
        "output": list(program.output),
        "formulas": formulas(program),
        "letters": formulas(program, letters=True),
        "gates": list(program.gates) or sorted({g for m in program.matrices for g in m.gates}),
        "matrices": [_matrix(m) for m in program.matrices],
        "matrix_count": sum(len(m.gates) for m in program.matrices),
        "stacked": _stacked(program),
        "sizes": dict(sizes),
        "parameters": {name: list(shape) for name, shape in shapes.items()},
        "parameter_count": sum(map(prod, shapes.values())),
        "state_count": sum(program.state_size(k, sizes) for k in program.states),
    }
    if program.states:
        found = phases(program)
        result |= {
            "phases": {"forward": list(found.forward), "backward": list(found.backward), "groups": [list(g) for g in found.groups]},
            "saved": _saved(program),
        }
    return result


def _matrix(m: Matrix) -> dict[str, Any]:
    return {
        "name": f"weight_{m.name}",
        "gates": list(m.gates),
        "rows": m.rows,
        "columns": m.columns,
        "structure": _structure_text(m),
        "bias": m.bias,
    }


def _structure_text(m: Matrix) -> str:
    if isinstance(m.structure, Diagonal):
        return "diagonal"
    if isinstance(m.structure, blocks):
        return f"{m.structure.count} blocks"
    return f"triangular by {m.structure.key}" if isinstance(m.structure, triangular) else "full"


def _stacked(program: Program) -> str:
    """The one matrix that [x, h] is multiplied with, as in the textbooks: [4H, I+H]."""
    letters = {"input_size": "I", "hidden_size": "H"}
    tall = [m for m in program.matrices if m.rows == "hidden_size" and not m.diagonal]
    if not tall:
        return ""
    gates = max(len(m.gates) for m in tall)
    columns = [letters.get(m.columns, m.columns.removesuffix("_size")) for m in tall]
    return f"[{gates if gates > 1 else ''}H, {'+'.join(columns)}]"


def _saved(program: Program) -> dict[str, Any]:
    """What the backward finds: the course of some states, and further vectors (or numbers) a step."""
    kept = save(program)
    names, nodes = value_names(program), differentiate(program).nodes
    outside = set(frontier(program))
    vectors = [n for n in kept.nodes if not nodes[n].scalar]
    beyond = [k for k in kept.states if k not in program.output]
    return {
        "states": list(kept.states),
        "values": [names.get(n, _plain(nodes, names, n)) + (" (hoisted)" if n in outside else "") for n in kept.nodes],
        "vectors_beyond_the_output": len(vectors) + len(beyond),
        "numbers": len(kept.nodes) - len(vectors),
    }


def _plain(nodes: Sequence[Node], names: Mapping[int, str], n: int) -> str:
    node = nodes[n]
    if node.op == "product" or not node.args:
        return str(node.attr)
    return f"{node.op}({', '.join(names.get(a) or _plain(nodes, names, a) for a in node.args)})"
