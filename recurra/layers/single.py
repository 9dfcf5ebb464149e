"""`RNNCell`, `LSTMCell` and `GRUCell`: one step of one layer, as torch's modules of these names."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from recurra.cells import find
from recurra.compiler import Program, compile_cell
from recurra.engine import run
from recurra.errors import ConfigurationError, ShapeError, check_choice
from recurra.layers import initial
from recurra.layers.checks import check_dtype, check_tensor, checked_pair


class TorchCell(nn.Module, ABC):
    """One step of a registered cell, with torch's arguments; parameters `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`."""

    weight_ih: Tensor

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, bias: bool, constants: Mapping[str, Any], device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.program = compile_cell(find(cell), constants=constants, bias=None if bias else "")
        for name, shape in self.program.parameters(self._sizes).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        if not bias:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    @property
    def _sizes(self) -> dict[str, int]:
        return {"input_size": self.input_size, "hidden_size": self.hidden_size}

    def _parameters_by_name(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.program.parameters(self._sizes)}

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform within 1 / sqrt(hidden_size)."""
        initial.start(self.program, self._sizes, self._parameters_by_name(), "torch", None, None)

    def _step(self, input: Tensor, state: dict[str, Tensor] | None, names: tuple[str, ...]) -> dict[str, Tensor]:
        """One step, batched or not; `names` is what the values of the state are called in errors."""
        who = type(self).__name__
        check_tensor(who, "input", input)
        _check_dimensions(who, "input", input)
        values = list((state or {}).values())
        for j, (name, value) in enumerate(zip(names, values, strict=False)):
            check_tensor(who, name, value)
            _check_dimensions(who, name, value)
            if value.dim() != input.dim():
                wanted = f"{input.dim()} dimension{'s' * (input.dim() - 1)}"
                raise ShapeError(f"{who}: hidden{j} must have {wanted}, as the input has, got {value.dim()}.")
        batched = input.dim() == 2
        x, values = (input, values) if batched else (input.unsqueeze(0), [v.unsqueeze(0) for v in values])
        if x.shape[1] != self.input_size:
            raise ShapeError(f"{who}: input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}.")
        if x.dtype != self.weight_ih.dtype:
            raise ShapeError(f"{who}: input must have the weights' dtype, {self.weight_ih.dtype}, got {x.dtype}.")
        for j, value in enumerate(values):
            self._check_hidden(who, j, value, x)
        start = dict(zip(self.program.states, values or [x.new_zeros(x.shape[0], self.hidden_size)] * len(names), strict=True))
        _, new = run(self.program, {self.program.inputs[0]: x.unsqueeze(0)}, start, self._parameters_by_name())
        return new if batched else {name: value.squeeze(0) for name, value in new.items()}

    def _check_hidden(self, who: str, j: int, value: Tensor, x: Tensor) -> None:
        if value.shape[0] != x.shape[0]:
            raise ShapeError(f"{who}: Input batch size {x.shape[0]} doesn't match hidden{j} batch size {value.shape[0]}.")
        if value.shape[1] != self.hidden_size:
            raise ShapeError(f"{who}: hidden{j} has inconsistent hidden_size: got {value.shape[1]}, expected {self.hidden_size}.")
        check_dtype(who, f"hidden{j}", value, x)

    def __getstate__(self) -> dict[str, Any]:
        """The program goes as JSON: what is stored holds no function."""
        return {**self.__dict__, "program": self.program.to_json()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "program": Program.from_json(state["program"])})  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        shown = [str(self.input_size), str(self.hidden_size), *([f"bias={self.bias}"] if self.bias is not True else [])]
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return ", ".join([*shown, f"nonlinearity={nonlinearity}"] if nonlinearity != "tanh" else shown)


def _check_dimensions(who: str, name: str, value: Tensor) -> None:
    if value.dim() not in (1, 2):
        raise ConfigurationError(f"{who}: Expected {name} to be 1D or 2D, got {value.dim()}D instead.")


@final
class RNNCell(TorchCell):
    """torch.nn.RNNCell: one step of Elman's network with tanh or relu; `hx` is [B, H], or [H] unbatched."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        check_choice("RNNCell", "nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__("elman", input_size, hidden_size, bias, {"nonlinearity": nonlinearity}, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step: the new hidden state."""
        return self._step(input, None if hx is None else {"h": hx}, ("hidden",))["h"]


@final
class GRUCell(TorchCell):
    """torch.nn.GRUCell: one step of a gated unit; `hx` is [B, H], or [H] unbatched."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        super().__init__("gru", input_size, hidden_size, bias, {}, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """One step: the new hidden state."""
        return self._step(input, None if hx is None else {"h": hx}, ("hidden",))["h"]


@final
class LSTMCell(TorchCell):
    """torch.nn.LSTMCell: one step of long short-term memory; `hx` is (h, c), each [B, H], or [H] unbatched."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        super().__init__("lstm", input_size, hidden_size, bias, {}, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """One step: the new (h, c)."""
        state = None if hx is None else dict(zip("hc", checked_pair("LSTMCell", hx), strict=True))
        new = self._step(input, state, ("hx[0]", "hx[1]"))
        return new["h"], new["c"]
