"""The plans of a program: one step forward, one step backward, a function without a state."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from recurra.cells.notation import Node
from recurra.compiler.derivative import differentiate, frontier
from recurra.compiler.lowering import Lowering, condition_of, users_of
from recurra.compiler.plan import Access, Plan
from recurra.compiler.program import Program
from recurra.compiler.saving import save
from recurra.compiler.schedule import Output, schedule
from recurra.compiler.trace import reach

# The number of the source that stands for zero.
NOTHING = -(10**9)


def is_hoisted(program: Program, n: int) -> bool:
    """Whether a node outside the loop is a product of an input itself."""
    node = program.nodes[n]
    return node.op == "product" and program.nodes[node.args[0]].op == "input" and not program.matrix(node)[0].diagonal


@cache
def is_conditional(program: Program, n: int) -> bool:
    """Whether a value is used at some steps only."""
    users = users_of(program.nodes, reach(program.nodes, program.new))
    return condition_of(program.nodes, users, n, lambda m: program.nodes[m].op == "unit") is not None


@cache
def forward_plan(program: Program, training: bool) -> Plan:
    """One step of a program with states; in training it also stores what the backward needs."""
    gradient = differentiate(program) if training else None
    nodes, sizes = (gradient.nodes, gradient.sizes) if gradient else (program.nodes, program.sizes)
    lowering = Lowering(program, nodes, sizes, backward=False)
    kept = save(program) if training else None
    courses = set(program.output) | set(kept.states if kept else ())
    outputs: list[Output] = []
    for name in program.states:
        size = program.sizes[program.leaves["state", name]]
        lowering.buffer(f"state:{name}", "course" if name in courses else "pair", size)
    for n in frontier(program):
        # What only some steps need is not computed for all of them; in training one large product is cheaper still.
        if is_hoisted(program, n) and (training or not is_conditional(program, n)):
            lowering.given[n] = lowering.leaf(lowering.gate("hoisted", str(program.nodes[n].attr), "time"), sizes[n])
    for name, n in zip(program.states, program.new, strict=True):
        at = lowering.buffer(f"state:{name}", "", "")
        outputs.append((n, Access(at, new=True), False))
    for n in kept.nodes if kept else ():
        if n not in lowering.given:
            outputs.append((n, Access(lowering.buffer(f"saved:{n}", "time", sizes[n])), False))
    plan = schedule(program.name, lowering, outputs)
    # A hoisted value that the backward reads as it is must not be written over.
    read = {lowering.gate("hoisted", str(program.nodes[n].attr), "time") for n in (kept.nodes if kept else ()) if n in frontier(program)}
    return replace(plan, over={name: access for name, access in plan.over.items() if access not in read})


@cache
def backward_plan(program: Program) -> Plan:
    """One step of the backward: from the gradients of what a step leaves to those of what it read."""
    gradient = differentiate(program)
    lowering = Lowering(program, gradient.nodes, gradient.sizes, backward=True)
    _give_saved(lowering, program)
    outputs: list[Output] = []
    # A state that no step reads passes nothing back: a number of the plan's own.
    lowering.given[NOTHING] = lowering.graph.number(0.0)
    for name, d in gradient.states.items():
        at = lowering.buffer(f"cotangent:{name}", "pair", program.sizes[program.leaves["state", name]])
        outputs.append((NOTHING if d is None else d, Access(at, new=True), False))
    same = _same_gradients(program)
    for n, d in gradient.products.items():
        if str(program.nodes[n].attr).split(".")[0] not in same:
            outputs.append((d, lowering.gate("gradient", str(program.nodes[n].attr), "time"), False))
        if _must_store_source(program, n):
            source = program.nodes[n].args[0]
            size = program.matrix(program.nodes[n])[0].columns
            outputs.append((source, Access(lowering.buffer(f"source_of:{source}", "time", size)), False))
    for n, d in gradient.leaves.items():
        if not (is_hoisted(program, n) and str(program.nodes[n].attr).split(".")[0] in same):
            outputs.append(_leaf_gradient(lowering, program, n, d))
    # A gate that no gradient reaches, behind stop() or in a condition, has one of zeros beside those of its matrix.
    flowing = _flowing(program)
    still = [f"{m.name}.{g}" for m in program.matrices if m.name not in same for g in m.gates if g not in flowing.get(m.name, m.gates)]
    outputs += [(NOTHING, lowering.gate("gradient", label, "time"), False) for label in still]
    return replace(schedule(program.name, lowering, outputs), same=same)


def _flowing(program: Program) -> dict[str, dict[str, int]]:
    """The gradients of the gates of each matrix that has any; a gate that none reaches is missing."""
    gradient = differentiate(program)
    gates: dict[str, dict[str, int]] = {}
    for n, d in {**gradient.products, **{n: d for n, d in gradient.leaves.items() if is_hoisted(program, n)}}.items():
        matrix, gate = str(program.nodes[n].attr).split(".")
        gates.setdefault(matrix, {})[gate] = d
    return gates


def _same_gradients(program: Program) -> dict[str, str]:
    """Matrices whose gates all get the gradients that another one's get: x.i + h.i pass on the same."""
    gates, same = _flowing(program), dict[str, str]()
    for j, mine in enumerate(program.matrices):
        for other in program.matrices[:j]:
            alike = other.gates == mine.gates and gates.get(other.name) == gates.get(mine.name)
            if alike and mine.name in gates and other.name not in same and mine.name not in same:
                same[mine.name] = other.name
    return same


def _give_saved(lowering: Lowering, program: Program) -> None:
    """Saved values, and the courses of kept states, are leaves of the backward."""
    gradient, kept = differentiate(program), save(program)
    for n in frontier(program):
        if is_hoisted(program, n) and n in kept.nodes:
            lowering.given[n] = lowering.leaf(lowering.gate("hoisted", str(program.nodes[n].attr), "time"), gradient.sizes[n])
    for n in kept.nodes:
        if n not in lowering.given:
            lowering.given[n] = lowering.leaf(Access(lowering.buffer(f"saved:{n}", "time", gradient.sizes[n])), gradient.sizes[n])
    for name in kept.states:
        leaf = program.leaves["state", name]
        at = lowering.buffer(f"state:{name}", "course", program.sizes[leaf])
        lowering.given[leaf] = lowering.leaf(Access(at), program.sizes[leaf])
        new = program.new[program.states.index(name)]
        if program.nodes[new].args and new not in lowering.given:
            lowering.given[new] = lowering.leaf(Access(at, new=True), program.sizes[leaf])


def _must_store_source(program: Program, product: int) -> bool:
    """Whether the vector that a product of the loop reads is not one that stands in memory already."""
    source = program.nodes[product].args[0]
    if source in save(program).nodes:
        return False
    if program.nodes[source].op == "state" and str(program.nodes[source].attr) in save(program).states:
        return False
    return not any(program.new[program.states.index(k)] == source for k in save(program).states)


def _leaf_gradient(lowering: Lowering, program: Program, n: int, d: int) -> Output:
    """Where the gradient of what comes from outside goes; that of a vector is summed over the steps of a row."""
    node, size = program.nodes[n], program.sizes[n]
    if node.op == "input":
        return d, Access(lowering.buffer(f"gradient_of:{node.attr}", "time", size)), False
    if is_hoisted(program, n):
        return d, lowering.gate("gradient", str(node.attr), "time"), False
    if node.op == "product":
        # A diagonal weight: its gradient is the product's times the vector that it multiplies.
        source = lowering.lower(node.args[0])
        product = lowering.graph.add("mul", (lowering.lower(d), source), None, lowering.source_sizes[n])
        lowering.given[-1 - n] = product
        return -1 - n, lowering.gate("sum", str(node.attr), "row"), True
    name = str(node.attr) if node.op == "learned" else f"{node.op}_{node.attr}"
    return d, Access(lowering.buffer(f"sum:{name}", "row", size)), True


@cache
def stateless_plan(program: Program) -> Plan:
    """The one step of a function without a state; its rows are the steps of all sequences."""
    lowering = Lowering(program, program.nodes, program.sizes, backward=False)
    size = program.sizes[program.new[0]]
    return schedule(program.name, lowering, [(program.new[0], Access(lowering.buffer("result", "time", size)), False)])


def derived(program: Program) -> tuple[int, ...]:
    """What the loop reads of its inputs through more than one product: computed before the loop by functions without a state."""
    return tuple(n for n in frontier(program) if program.nodes[n].op != "input" and not is_hoisted(program, n))


@cache
def split(program: Program) -> tuple[Program, tuple[tuple[str, Program], ...]]:
    """A program whose loop reads nothing but inputs and products of inputs, and the functions that make its further inputs."""
    found = derived(program)
    if not found:
        return program, ()
    nodes = list(program.nodes)
    parts = []
    for n in found:
        parts.append((f"derived_{n}", replace(program, states=(), output=(), new=(n,))))
        nodes[n] = Node("input", (), f"derived_{n}", nodes[n].scalar)
    names = (*program.inputs, *(name for name, _ in parts))
    return replace(program, nodes=tuple(nodes), inputs=names), tuple(parts)


@cache
def with_state(program: Program) -> Program:
    """A function without a state as a cell whose one state, its result, is never read: what walks cells then walks it too."""
    result = program.new[0]
    leaf = Node("state", (), "result", program.nodes[result].scalar)
    sizes = (*program.sizes, program.sizes[result])
    return replace(program, nodes=(*program.nodes, leaf), sizes=sizes, states=("result",), output=("result",))
