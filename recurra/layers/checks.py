"""The arguments of a layer, checked with the exception types of torch's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from recurra.errors import ArgumentTypeError, ConfigurationError, ShapeError


def check_count(who: str, name: str, value: object) -> None:
    """Raise ArgumentTypeError unless `value` is an int, ConfigurationError unless it is at least 1."""
    if not isinstance(value, int):
        raise ArgumentTypeError(f"{who}: {name} should be of type int, got: {type(value).__name__}.")
    if value <= 0:
        raise ConfigurationError(f"{who}: {name} must be greater than zero, got {value}.")


def check_flag(who: str, name: str, value: object) -> None:
    """Raise ArgumentTypeError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"{who}: {name} should be of type bool, got: {type(value).__name__}.")


def check_dropout(who: str, value: object) -> None:
    """Raise ConfigurationError unless `value` is a number from 0 to 1, both included, as torch's dropout."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"{who}: dropout should be a number in range [0, 1], the share that is zeroed, got {value!r}.")


def check_rate(who: str, name: str, value: object) -> None:
    """Raise ConfigurationError unless `value` is a number from 0 to below 1: what is left is scaled by 1 / (1 - rate)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigurationError(f"{who}: {name} must be a number from 0 to below 1, got {value!r}.")


def check_names(who: str, what: str, given: Mapping[str, object], expected: tuple[str, ...]) -> None:
    """Raise ConfigurationError unless `given` has exactly the names `expected`."""
    if set(given) != set(expected):
        raise ConfigurationError(f"{who}: {what} must be named {_listed(expected)}, got {_listed(tuple(given))}.")


def check_tensor(who: str, what: str, value: object) -> None:
    """Raise ArgumentTypeError unless `value` is a tensor."""
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"{who}: {what} must be a tensor, got {type(value).__name__}.")


def check_dtype(who: str, what: str, value: Tensor, like: Tensor) -> None:
    """Raise ShapeError (torch's RuntimeError) unless `value` has the dtype of the input."""
    if value.dtype != like.dtype:
        raise ShapeError(f"{who}: {what} must have the input's dtype, {like.dtype}, got {value.dtype}.")


def checked_pair(who: str, hx: object) -> tuple[Tensor, Tensor]:
    """The (h, c) of torch's LSTM. Raises ShapeError for one tensor, or for more or fewer values, as torch's RuntimeError."""
    if isinstance(hx, tuple | list) and len(hx) == 2:
        return hx[0], hx[1]
    got = f"a tensor ({', '.join(map(str, hx.shape))})" if isinstance(hx, Tensor) else f"a {type(hx).__name__}"
    raise ShapeError(f"{who}: hx must be a pair (h, c), got {got}.")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
