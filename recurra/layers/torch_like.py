"""`RNN`, `LSTM` and `GRU` take and give what torch's modules of these names do, and can do what Recurrent can."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, final

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurra.cells import find
from recurra.compiler import compile_cell
from recurra.errors import ArgumentTypeError, ConfigurationError, ShapeError, check_choice
from recurra.layers.checks import check_count, check_flag, checked_pair
from recurra.layers.layer import Layer

TORCH_NAMES = ("RNN", "LSTM", "GRU")
Hidden = TypeVar("Hidden")


class TorchLayer(Layer, Generic[Hidden]):
    """A layer with torch's arguments and results; `hx` is a tensor, or a tuple of them in the order of the states."""

    bias: bool
    mode: str
    proj_size: int

    def __init__(
        self, cell: str, mode: str, input_size: int, hidden_size: int, num_layers: int, bias: bool, constants: Mapping[str, Any],
        proj_size: int, **options: Any,
    ) -> None:  # fmt: skip
        who = type(self).__name__
        check_flag(who, "bias", bias)
        check_count(who, "input_size", input_size)
        check_count(who, "hidden_size", hidden_size)
        sizes = {"input_size": input_size, "hidden_size": hidden_size} | ({"proj_size": proj_size} if proj_size else {})
        program = compile_cell(find(cell), constants=constants, bias=None if bias else "")
        super().__init__(program, sizes, num_layers, bias, **options)
        self.mode, self.proj_size = mode, proj_size

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Hidden | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        backend: str | None = None,
    ) -> tuple[Tensor | PackedSequence, Hidden]:
        """Run whole sequences: (output, hx), as torch.

        input: [T, B, I], [B, T, I] with batch_first, [T, I] unbatched, or packed. hx: [L*D, B, n] each, zeros (or the learned state) by
        default. lengths: whole numbers [B], any order, 0 too; the output is 0 beyond them. resets: bool [T, B] (its axes as the input's);
        where it holds, the state becomes the initial one, never `hx`, between t - 1 and t. backend: "reference" or "cpu".
        """
        state = None if hx is None else self._take(hx)
        if isinstance(input, Tensor) and input.dim() in (2, 3) and input.shape[1 if self.batch_first and input.dim() == 3 else 0] == 0:
            raise ShapeError(f"{self._who}: Expected sequence length to be larger than 0, got {tuple(input.shape)}.")
        y, final_state = self._call(input, state, lengths=lengths, resets=resets, backend=backend)
        return y, self._give(final_state)

    def step(self, input: Tensor, hx: Hidden | None = None, *, backend: str | None = None) -> tuple[Tensor, Hidden]:
        """Run one step, [B, I] to [B, O] or [I] to [O]; hx is that of forward. Raises ConfigurationError for two directions."""
        y, final_state = self._call_step(input, None if hx is None else self._take(hx), backend=backend)
        return y, self._give(final_state)

    def flatten_parameters(self) -> None:
        """Nothing: the weights need not lie together. Here because torch's modules have it."""

    @abstractmethod
    def _take(self, hx: Hidden) -> dict[str, Tensor]:
        """The state by name."""

    @abstractmethod
    def _give(self, state: dict[str, Tensor]) -> Hidden:
        """The state in torch's form."""


class _OneState(TorchLayer[Tensor]):
    """A layer whose state is the output of its last step alone."""

    def _take(self, hx: Tensor) -> dict[str, Tensor]:
        if not isinstance(hx, Tensor):
            raise ArgumentTypeError(f"{self._who}: hx must be a tensor, got {type(hx).__name__}.")
        return {"h": hx}

    def _give(self, state: dict[str, Tensor]) -> Tensor:
        return state["h"]


@final
class RNN(_OneState):
    """torch.nn.RNN: Elman's network with tanh or relu. Same arguments, results, state_dict and initial weights."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        """options: what Recurrent has beyond torch (input_dropout, zoneout, learned_state, init ...)."""
        _refuse_projection("RNN", options)
        check_choice("RNN", "nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(
            "elman", f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, {"nonlinearity": nonlinearity}, 0,
            batch_first=batch_first, dropout=dropout, bidirectional=bidirectional, device=device, dtype=dtype, **options,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


@final
class GRU(_OneState):
    """torch.nn.GRU. Same arguments, results, state_dict and initial weights."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        """options: what Recurrent has beyond torch (input_dropout, zoneout, learned_state, init ...)."""
        _refuse_projection("GRU", options)
        super().__init__(
            "gru", "GRU", input_size, hidden_size, num_layers, bias, {}, 0,
            batch_first=batch_first, dropout=dropout, bidirectional=bidirectional, device=device, dtype=dtype, **options,
        )  # fmt: skip


@final
class LSTM(TorchLayer[tuple[Tensor, Tensor]]):
    """torch.nn.LSTM, proj_size included. Same arguments, results, state_dict and initial weights; hx is (h, c)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        """options: what Recurrent has beyond torch (input_dropout, zoneout, learned_state, init, forget_bias ...)."""
        _check_projection(proj_size, hidden_size)
        super().__init__(
            "lstm_projected" if proj_size else "lstm", "LSTM", input_size, hidden_size, num_layers, bias, {}, proj_size,
            batch_first=batch_first, dropout=dropout, bidirectional=bidirectional, device=device, dtype=dtype, **options,
        )  # fmt: skip

    def _take(self, hx: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        h, c = checked_pair(self._who, hx)
        return {"h": h, "c": c}

    def _give(self, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return state["h"], state["c"]


def _refuse_projection(who: str, options: Mapping[str, Any]) -> None:
    if "proj_size" in options:
        raise ConfigurationError(f"{who}: proj_size argument is only supported for LSTM.")


def _check_projection(proj_size: object, hidden_size: object) -> None:
    if not isinstance(proj_size, int):
        raise ArgumentTypeError(f"LSTM: proj_size should be of type int, got: {type(proj_size).__name__}.")
    if proj_size < 0:
        raise ConfigurationError(f"LSTM: proj_size should be a positive integer, or zero for no projection, got {proj_size}.")
    if isinstance(hidden_size, int) and 0 < hidden_size <= proj_size:
        raise ConfigurationError(f"LSTM: proj_size has to be smaller than hidden_size ({hidden_size}), got {proj_size}.")
