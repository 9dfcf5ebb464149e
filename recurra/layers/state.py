"""The state of a layer as a value: tensors by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, final

import torch
from torch import Tensor
from torch.utils import _pytree

from recurra.errors import ArgumentTypeError, ModelFileError
from recurra.files import read_model, write_model

KIND = "recurra.state"


@final
class State(Mapping[str, Tensor]):
    """What a layer remembers: `state.h` or `state["h"]`, each [layers * directions, B, n]; unbatched without B.

    Layer 0 forward stands first, then layer 0 reverse, as in torch. A cell that reads the step number has it as `t`, int64
    [layers * directions, B]. The names come in the order of the cell. A state is immutable: every method gives a new one.
    """

    _tensors: dict[str, Tensor]
    # Tensors have no one truth value, so states are compared by identity; `structure` can be compared.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        object.__setattr__(self, "_tensors", dict(tensors))

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __getattr__(self, name: str) -> Tensor:
        # copy and pickle probe underscore names of a state that has no tensors yet.
        if name.startswith("_") or name not in self._tensors:
            raise AttributeError(f"this state has no {name!r}; it has {', '.join(self.__dict__.get('_tensors', ())) or 'nothing'}.")
        return self._tensors[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a state is immutable; make a new one: State({{**state, {name!r}: ...}}).")

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __repr__(self) -> str:
        return f"State({', '.join(f'{k}: {list(v.shape)}' for k, v in self._tensors.items())})"

    @property
    def structure(self) -> tuple[tuple[str, tuple[int, ...], torch.dtype], ...]:
        """Names, shapes and dtypes: equal for two states that can stand in each other's place."""
        return tuple((k, tuple(v.shape), v.dtype) for k, v in self._tensors.items())

    def detach(self) -> State:
        """The same values, from which no gradient flows back: truncated back-propagation through time."""
        return self._each(Tensor.detach)

    def clone(self) -> State:
        """A copy with its own memory."""
        return self._each(Tensor.clone)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> State:
        """The state on another device or in another floating-point dtype; the step number stays int64."""
        return self._each(lambda v: v.to(device=device, dtype=dtype if v.is_floating_point() else None))

    def rows(self, index: int | slice | list[int] | Tensor) -> State:
        """Rows of the batch, as in `value[:, index]`; a single number gives the unbatched state of that row."""
        return self._each(lambda v: v[:, index])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the values to a safetensors file, whole or not at all. Raises FileError."""
        write_model(path, {name: _array(name, value) for name, value in self._tensors.items()}, {"kind": KIND, "names": list(self)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> State:
        """Read a state that `save` wrote, on the CPU. Raises FileError, and ModelFileError for any other file."""
        file = read_model(path)
        names = file.metadata.get("names")
        if file.metadata.get("kind") != KIND or not isinstance(names, list) or sorted(names) != sorted(file.tensors):
            raise ModelFileError(f"{os.fspath(path)}: this is not a saved state.")
        return cls({name: torch.from_numpy(file.tensors[name].copy()) for name in names})

    def _each(self, change: Callable[[Tensor], Tensor]) -> State:
        return State({name: change(value) for name, value in self._tensors.items()})


def _array(name: str, value: Tensor) -> Any:
    if value.dtype is torch.bfloat16:
        raise ArgumentTypeError(f"State: {name} is bfloat16, which the file does not know. Save state.to(dtype=torch.float32).")
    return value.detach().cpu().contiguous().numpy()


_pytree.register_pytree_node(
    State,
    lambda state: (list(state.values()), tuple(state)),
    lambda values, names: State(dict(zip(names, values, strict=True))),
    serialized_type_name="recurra.layers.State",
)
