"""The phases of one step: how often a step must wait for whole rows.

A full product, or a function of a whole row, of a value of this step opens a new phase; x-only values count as given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from recurra.cells.notation import REDUCTIONS, ROW_FUNCTIONS
from recurra.compiler.derivative import differentiate, in_loop
from recurra.compiler.program import Program
from recurra.compiler.trace import reach


@dataclass(frozen=True)
class Phases:
    """What opens each phase, forward and backward ("4U", "norm"), and the groups of states that depend on each other."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


@cache
def phases(program: Program) -> Phases:
    """The phases of a program with states."""
    tied = in_loop(program)
    level: dict[int, int] = {}
    opened: dict[int, list[str]] = {}
    for n, node in enumerate(program.nodes):
        level[n] = max((level[a] for a in node.args), default=0)
        opens = n in tied and (_full(program, n) or node.op in ROW_FUNCTIONS or (node.op in REDUCTIONS and node.op != "width"))
        if opens:
            level[n] += 1
            opened.setdefault(level[n], []).append("U" if node.op == "product" else node.op)
    return Phases(_labels(opened), _backward(program), _groups(program))


def _full(program: Program, n: int) -> bool:
    return program.nodes[n].op == "product" and not program.matrix(program.nodes[n])[0].diagonal


def _labels(opened: dict[int, list[str]]) -> tuple[str, ...]:
    def label(kinds: list[str]) -> str:
        products, rows = kinds.count("U"), sorted(set(kinds) - {"U"})
        return " + ".join(([f"{products}U"] if products else []) + rows)

    return tuple(label(opened[p]) for p in sorted(opened))


def _backward(program: Program) -> tuple[str, ...]:
    gradient = differentiate(program)
    level = dict.fromkeys(range(gradient.forward), 0)
    opened: dict[int, list[str]] = {}
    wanted = set(reach(gradient.nodes, gradient.targets))
    for n in range(gradient.forward, len(gradient.nodes)):
        node = gradient.nodes[n]
        level[n] = max((level[a] for a in node.args), default=0)
        sums = node.op in REDUCTIONS and node.op != "width" and any(a >= gradient.forward for a in node.args)
        if node.op == "back" or sums:
            level[n] += 1
            if n in wanted:
                opened.setdefault(level[n], []).append("U" if node.op == "back" else "sum")
    return _labels(opened)


def _groups(program: Program) -> tuple[tuple[str, ...], ...]:
    """States that read each other, in the order in which the groups run; a group of one may be a scan."""
    reads = {name: _states_below(program, n) for name, n in zip(program.states, program.new, strict=True)}
    changed = True
    while changed:
        changed = False
        for mine in reads.values():
            further = set().union(*(reads[other] for other in mine)) if mine else set()
            if not further <= mine:
                mine |= further
                changed = True
    groups: list[tuple[str, ...]] = []
    for name in program.states:
        group = tuple(o for o in program.states if o == name or (o in reads[name] and name in reads[o]))
        if group not in groups:
            groups.append(group)
    return tuple(sorted(groups, key=lambda g: len(reads[g[0]] | set(g))))


def _states_below(program: Program, n: int) -> set[str]:
    return {str(program.nodes[m].attr) for m in reach(program.nodes, [n]) if program.nodes[m].op == "state"}
