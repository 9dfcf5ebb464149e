"""The forms in which a sequence comes: time or batch first, unbatched, packed. Inside a layer it is always [T, B, n]."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurra.errors import ConfigurationError, check_shape
from recurra.layers.checks import check_tensor


@dataclass(frozen=True)
class Form:
    """The form of one call's input; `packed` is the input itself where it was a PackedSequence."""

    batch_first: bool = False
    batched: bool = True
    packed: PackedSequence | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes before the last one, as the user sees them."""
        return ("T",) if not self.batched else ("B", "T") if self.batch_first else ("T", "B")

    def sized(self, x: Tensor) -> tuple[tuple[str, int | None], ...]:
        """Those axes with the sizes that an entered input [T, B, n] gives them."""
        return tuple((axis, x.shape["TB".index(axis)]) for axis in self.axes)

    def enter(self, value: Tensor) -> Tensor:
        """The user's tensor with its axes as [T, B, ...]."""
        if not self.batched:
            return value.unsqueeze(1)
        return value.transpose(0, 1) if self.batch_first else value

    def leave(self, output: Tensor) -> Tensor | PackedSequence:
        """An output [T, B, n] in the form that the input had."""
        if self.packed is not None:
            return _packed_like(self.packed, output)
        if not self.batched:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output


def form_of(who: str, input: Tensor | PackedSequence, batch_first: bool, width: int) -> Form:
    """The form of an input that must be `width` wide. Raises ConfigurationError (a ValueError, as torch) and ShapeError."""
    if isinstance(input, PackedSequence):
        check_shape(who, "the packed input", input.data.shape, (("steps", None), ("I", width)))
        return Form(batch_first, packed=input)
    check_tensor(who, "input", input)
    if input.dim() not in (2, 3):
        raise ConfigurationError(f"{who}: input must have 3 dimensions, or 2 for a single sequence, got {input.dim()}.")
    form = Form(batch_first, input.dim() == 3)
    check_shape(who, "input", input.shape, (*((axis, None) for axis in form.axes), ("I", width)))
    return form


def padded(packed: PackedSequence) -> tuple[Tensor, Tensor]:
    """A packed sequence as [T, B, n] in the order of the user's batch, and its lengths [B]."""
    value, lengths = pad_packed_sequence(packed)
    return value, lengths


def _packed_like(packed: PackedSequence, output: Tensor) -> PackedSequence:
    """An output [T, B, n] with the steps, and in the order, of a packed sequence."""
    if packed.sorted_indices is not None:
        output = output.index_select(1, packed.sorted_indices)
    rows = packed.batch_sizes
    # Row b of the sorted batch is as long as there are steps with more than b rows.
    lengths = (rows.unsqueeze(1) > rows.new_tensor(range(int(rows[0])))).sum(0)
    data = pack_padded_sequence(output, lengths).data
    return PackedSequence(data, rows, packed.sorted_indices, packed.unsorted_indices)
