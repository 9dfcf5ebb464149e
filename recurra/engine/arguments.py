"""What a program is given, held against what it needs; an error says who, what must be, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from torch import Tensor

from recurra.cells.declaration import blocks
from recurra.compiler import Program
from recurra.errors import ConfigurationError, ShapeError, check_choice, check_shape

Shape = tuple[int, ...]
Named = tuple[tuple[str, Shape], ...]


def check_arguments(
    program: Program, inputs: Mapping[str, Tensor], state: Mapping[str, Tensor], parameters: Mapping[str, Tensor],
    initial: Mapping[str, Tensor], masks: Mapping[str, Tensor],
) -> None:  # fmt: skip
    """Raise ConfigurationError for a missing or unknown name, ShapeError for a tensor that does not fit."""
    if program.uses_step and "t" in state and state["t"].is_floating_point():
        raise ConfigurationError(f"{program.name}: state t must be whole numbers, got {state['t'].dtype}. Use t.long()")
    _check(
        program, *(tuple([(name, value.shape) for name, value in given.items()]) for given in (inputs, state, parameters, initial, masks))
    )


@lru_cache(maxsize=4096)
def _check(program: Program, inputs: Named, state: Named, parameters: Named, initial: Named, masks: Named) -> None:
    """The same on shapes alone: a step of a stream asks what the step before asked."""
    states = (*program.states, "t") if program.uses_step else program.states
    _check_names(program, "input", inputs, program.inputs, ", a tensor (T, B, n)")
    _check_names(program, "state", state, states, ", a tensor (B, n)")
    _check_names(program, "mask", masks, [k for op, k in program.leaves if op == "mask"], ", a tensor (B, n)")
    for name, _ in initial:
        check_choice(program.name, "initial state", name, states)
    first = dict(inputs)[program.inputs[0]]
    check_shape(program.name, program.inputs[0], first, [("T", None), ("B", None), ("n", None)])
    sizes = _sizes(program, inputs, state, parameters)
    axes: list[tuple[str, int | None]] = [("T", first[0]), ("B", first[1])]
    for kind, given, leading in (("input", inputs, axes), ("state", state, axes[1:]), ("mask", masks, axes[1:])):
        for name, shape in given:
            check_shape(program.name, name if kind == "input" else f"{kind} {name}", shape, [*leading, *_width(program, kind, name, sizes)])
    for name, shape in initial:
        _check_broadcast(program, f"initial {name}", shape, [axes[1], *_width(program, "state", name, sizes)])


def _width(program: Program, kind: str, name: str, sizes: Mapping[str, int]) -> list[tuple[str, int | None]]:
    """The last axis of a leaf, called as in the declaration; the step number has none."""
    if (kind, name) == ("state", "t"):
        return []
    size = program.sizes[program.leaves[kind, name]] if (kind, name) in program.leaves else "n"
    return [("one", 1) if size == "one" else (size, sizes.get(size))]


def _sizes(program: Program, inputs: Named, state: Named, parameters: Named) -> Mapping[str, int]:
    """The numbers of a program's sizes, read off the parameters, which must agree; off the rest where no parameter has them."""
    shapes = dict(parameters)
    names = [f"{kind}_{m.name}" for m in program.matrices for kind in ("weight", "bias") if kind == "weight" or m.bias]
    names += [v.name for v in program.vectors]
    # A layer's own parameters, an initial state say, may stand beside the program's.
    _check_names(program, "parameter", tuple(p for p in parameters if p[0] in names), names, "")
    sizes: dict[str, int] = {}
    for matrix in program.matrices:
        shape = shapes[f"weight_{matrix.name}"]
        if len(shape) == 2 and not matrix.diagonal:
            sizes.setdefault(matrix.rows, shape[0] // len(matrix.gates))
            sizes.setdefault(matrix.columns, shape[1] * (int(matrix.structure.count) if isinstance(matrix.structure, blocks) else 1))
    for kind, given in (("input", inputs), ("state", state)):
        for name, shape in given:
            if (kind, name) in program.leaves and shape:
                sizes.setdefault(program.sizes[program.leaves[kind, name]], shape[-1])
    for size in program.size_names:
        sizes.setdefault(size, sizes.get("hidden_size", 0) if program.same_size else 0)
    for name, want in program.parameters(sizes).items():
        if shapes[name] != want:
            raise ShapeError(f"{program.name}: {name} must have shape {_text(want)}, got {_text(shapes[name])}.")
    return sizes


def _check_names(program: Program, kind: str, given: Named, known: Iterable[str], what: str) -> None:
    known, have = tuple(known), [name for name, _ in given]
    for name in have:
        if not known:
            raise ConfigurationError(f"{program.name}: there is no {kind}, got {name!r}")
        check_choice(program.name, kind, name, known)
    for name in known:
        if name not in have:
            shape = ", a tensor (B)" if (kind, name) == ("state", "t") else what
            raise ConfigurationError(f"{program.name}: the {kind} {name!r} must be given{shape}")


def _check_broadcast(program: Program, what: str, shape: Shape, want: Sequence[tuple[str, int | None]]) -> None:
    """Leading axes may be missing or 1: one state for all rows."""
    pairs = zip(reversed(shape), reversed(want), strict=False)
    if len(shape) > len(want) or not all(have == 1 or size in (None, have) for have, (_, size) in pairs):
        check_shape(program.name, what, shape, want)


def _text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
