"""`Recurrent(cell, ...)`, for any cell, and a class by name for each registered one. Their state is a named value."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.cells import Cell, find, registry
from recurra.compiler import Program, compile_cell
from recurra.errors import ArgumentTypeError, ConfigurationError
from recurra.layers.checks import check_count, check_names
from recurra.layers.layer import Layer
from recurra.layers.state import State
from recurra.layers.torch_like import TORCH_NAMES


class StateLayer(Layer):
    """A layer whose state is a `State`."""

    def forward(
        self,
        input: Tensor | PackedSequence,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        forced: Mapping[str, Tensor] | None = None,
        backend: str | None = None,
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run whole sequences: (output, state).

        input: [T, B, I], [B, T, I] with batch_first, [T, I] unbatched, or packed; the output [T, B, O] has the same form, 0 beyond a
        row's length. state: a State, or tensors by name, each [L*D, B, n] ([L*D, n] unbatched); by default zeros, or the learned one.
        lengths: whole numbers [B], any order, 0 too, any device. resets: bool [T, B] (its axes as the input's); where it holds, the
        state becomes the initial one (zeros or learned, never `state`) between t - 1 and t. inputs: the cell's further inputs by name.
        forced: by state, [T, B, D*n], what matrices read at step t in place of that state's last value. backend: "reference", "cpu".
        """
        options: dict[str, Any] = {"lengths": lengths, "resets": resets, "inputs": inputs, "forced": forced, "backend": backend}
        y, final_state = self._call(input, self._named(state), **options)
        return y, State(final_state)

    def step(
        self,
        input: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
        forced: Mapping[str, Tensor] | None = None,
        backend: str | None = None,
    ) -> tuple[Tensor, State]:
        """Run one step, [B, I] to [B, O] or [I] to [O]; the state is that of forward. Raises ConfigurationError for two directions."""
        y, final_state = self._call_step(input, self._named(state), inputs=inputs, forced=forced, backend=backend)
        return y, State(final_state)

    def _named(self, state: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
        if state is None:
            return None
        if not isinstance(state, Mapping):
            raise ArgumentTypeError(f"{self._who}: state must be a State or tensors by name, got {type(state).__name__}.")
        check_names(self._who, "state", state, self.state_names)
        return {name: state[name] for name in self.state_names}


@final
class Recurrent(StateLayer):
    """Any cell as a layer: `Recurrent(ugrnn, 64, 128, num_layers=2, bidirectional=True)`.

    cell: a cell, the name of a registered one (or "my.py:name"), or a program. bias: True for every full matrix, False for none,
    "ih hh" for some; None leaves it to the cell. dropout: a share of every layer's output but the last's, as torch. input_dropout: of
    what enters each layer, output_dropout: of what leaves the last, recurrent_dropout: of what matrices read of the state; these have one
    mask for all steps of a row. zoneout: the share of each state (or by state, {"c": 0.5}) that keeps its value in a step. residual:
    the second and later layers add their input to their output. learned_state: the initial state is learned, `initial_h_l0`.
    init: "torch", "orthogonal" or "chrono" (with max_length); forget_bias: the sum of the biases of the gate f. Everything else is
    a size (context_size=40), a structure (weight_hh=blocks(4)) or a constant (alpha=0.9) of the cell.

    Raises ConfigurationError (a ValueError), ArgumentTypeError (a TypeError); in a call also ShapeError (a RuntimeError).
    """

    def __init__(
        self,
        cell: Cell | Program | str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        batch_first: bool = False,
        bias: bool | str | None = None,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | Mapping[str, float] = 0.0,
        residual: bool = False,
        learned_state: bool = False,
        init: str = "torch",
        forget_bias: float | None = None,
        max_length: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **of_the_cell: Any,
    ) -> None:
        program, sizes = prepare("Recurrent", cell, input_size, hidden_size, bias, of_the_cell)
        super().__init__(
            program, sizes, num_layers, bias, bidirectional=bidirectional, batch_first=batch_first, dropout=dropout,
            input_dropout=input_dropout, output_dropout=output_dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout,
            residual=residual, learned_state=learned_state, init=init, forget_bias=forget_bias, max_length=max_length,
            device=device, dtype=dtype,
        )  # fmt: skip
        self._shown_first = (program.name,)


def prepare(
    who: str, cell: Cell | Program | str, input_size: int, hidden_size: int, bias: bool | str | None, of_the_cell: Mapping[str, Any]
) -> tuple[Program, dict[str, int]]:
    """The program and the sizes that a layer's arguments stand for."""
    check_count(who, "input_size", input_size)
    check_count(who, "hidden_size", hidden_size)
    if bias is not None and not isinstance(bias, bool | str):
        raise ArgumentTypeError(f"{who}: bias should be of type bool or str, got: {type(bias).__name__}.")
    sizes = {k: v for k, v in of_the_cell.items() if k.endswith("_size")}
    structure = {k.removeprefix("weight_"): v for k, v in of_the_cell.items() if k.startswith("weight_")}
    constants = {k: v for k, v in of_the_cell.items() if k not in sizes and not k.startswith("weight_")}
    for name, size in sizes.items():
        check_count(who, name, size)
    program = _compiled(who, cell, constants, structure, bias)
    for name in sizes:
        if name not in program.size_names:
            raise ConfigurationError(f"{who}: {program.name} has no {name}; its sizes are {', '.join(program.size_names)}.")
    for name in program.size_names[1:]:
        if name not in ("hidden_size", *sizes):
            raise ConfigurationError(f"{who}: {program.name} needs {name}=, a whole number.")
    return program, {"input_size": input_size, "hidden_size": hidden_size, **sizes}


def _compiled(
    who: str, cell: Cell | Program | str, constants: Mapping[str, Any], structure: Mapping[str, Any], bias: bool | str | None
) -> Program:
    if isinstance(cell, Program):
        if constants or structure or bias is not None:
            given = ", ".join([*constants, *(f"weight_{k}" for k in structure), *(["bias"] if bias is not None else [])])
            raise ConfigurationError(f"{who}: a program is compiled already, so {given} cannot change it: give the cell instead.")
        return cell
    if isinstance(cell, str):
        cell = find(cell)
    if not isinstance(cell, Cell):
        raise ArgumentTypeError(f"{who}: cell must be a cell, a name or a program, got {type(cell).__name__}. Put @recurra.cell above it.")
    named = "" if bias is False else None if bias is True else bias
    program = compile_cell(cell, constants=constants, structure=structure, bias=named)
    if bias is not True:
        return program
    return compile_cell(cell, constants=constants, structure=structure, bias=" ".join(m.name for m in program.matrices))


def _named_class(cell: Cell) -> type[StateLayer]:
    """The final class of a registered cell: Recurrent without its first argument."""

    def __init__(self: StateLayer, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        bias = options.pop("bias", None)
        own = {name: options.pop(name) for name in list(options) if name not in PARAMETERS}
        program, sizes = prepare(cell.layer, cell, input_size, hidden_size, bias, own)
        super(made, self).__init__(program, sizes, num_layers, bias, **options)

    own = [p for name, p in PARAMETERS.items() if name != "cell"]
    __init__.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    text = f"{cell.function.__doc__}\n\nSource: {cell.source}. Arguments as Recurrent's, without the cell."
    made: type[StateLayer] = type(cell.layer, (StateLayer,), {"__init__": __init__, "__doc__": text, "__module__": "recurra.layers"})
    return final(made)


PARAMETERS = dict(inspect.signature(Recurrent.__init__).parameters)
# The classes that take torch's place are written out in torch_like.py.
named_layers: dict[str, type[StateLayer]] = {
    cell.layer: _named_class(cell) for cell in registry.values() if cell.layer and cell.layer not in TORCH_NAMES
}
