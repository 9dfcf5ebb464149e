"""Teacher forcing: in training a cell that feeds back its answers is given the true ones instead (Williams & Zipser 1989)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from recurra.cells.notation import Node
from recurra.compiler import Program
from recurra.compiler.trace import reach
from recurra.engine import run


def true_answers(program: Program, gold: Tensor, labels: int, reverse: bool) -> Tensor:
    """What a cell reads of its last answer at each step, [T, B, Y]: the true label of the step before as 0 and 1.

    gold: label numbers [T, B]. Where there is no label (a number below 0, the edges) it reads what an empty memory feeds back.
    """
    rest = _rest(program, labels).to(gold.device)
    one_hot = functional.one_hot(gold.clamp(min=0), labels).to(rest.dtype)
    known = torch.where((gold >= 0).unsqueeze(-1), one_hot, rest)
    edge = rest.expand(1, gold.shape[1], labels)
    return torch.cat([known[1:], edge]) if reverse else torch.cat([edge, known[:-1]])


def _rest(program: Program, labels: int) -> Tensor:
    """What the matrices of a cell read of its output state while that is zero, [1, 1, Y]: softmax feeds back equal shares."""
    state = program.output[0]
    source = _feedback(program, state)
    if source is None:
        return torch.zeros(1, 1, labels)
    y, _ = run(source, {state: torch.zeros(1, 1, labels)}, {}, {})
    return y


def _feedback(program: Program, state: str) -> Program | None:
    """The program from a state to what the first matrix that reads it reads; None where that is the state itself."""
    leaf = program.leaves["state", state]
    reads = [node.args[0] for node in program.nodes if node.op == "product" and leaf in reach(program.nodes, node.args)]
    if not reads or reads[0] == leaf:
        return None
    kept = reach(program.nodes, reads[:1])
    to = {n: j for j, n in enumerate(kept)}
    nodes = tuple(replace(program.nodes[n], args=tuple(to[a] for a in program.nodes[n].args)) for n in kept)
    nodes = tuple(Node("input", (), state, node.scalar) if node.op == "state" else node for node in nodes)
    sizes = tuple(program.sizes[n] for n in kept)
    stateless = replace(program, inputs=(state,), states=(), output=(), matrices=(), vectors=(), units=())
    return replace(stateless, nodes=nodes, sizes=sizes, new=(to[reads[0]],))
