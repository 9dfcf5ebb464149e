"""TOML for people to read: what `tomllib` reads back equal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from recurra.errors import ArgumentTypeError

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
CONTROL = re.compile(r'[\x00-\x1f\x7f"\\]')


def to_toml(values: Mapping[str, Any]) -> str:
    """The text of nested dicts of text, numbers, truth values and lists; within a table plain values first, then the tables.

    A key whose value is None is left out, as TOML has no such value; anything else that it cannot say is an ArgumentTypeError.
    """
    return "".join(f"{line}\n" for line in _table(values, ())).lstrip("\n")


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    present = {key: value for key, value in values.items() if value is not None}
    tables = {key: value for key, value in present.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value, (*path, key))}" for key, value in present.items() if key not in tables]
    if path and (lines or not tables):
        lines = ["", f"[{'.'.join(map(_key, path))}]", *lines]
    for key, value in tables.items():
        lines += _table(value, (*path, _key_text(key)))
    return lines


def _value(value: object, path: tuple[str, ...]) -> str:
    """A value on one line; a dict inside a list is an inline table."""
    if isinstance(value, bool):
        return str(value).lower()
    # Through int and float: a number of numpy shows itself otherwise.
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item, path) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)} = {_value(item, path)}' for key, item in value.items() if item is not None)}}}"
    raise ArgumentTypeError(f"{'.'.join(path)}: TOML has no {type(value).__name__}, got {value!r}.")


def _key_text(key: object) -> str:
    if not isinstance(key, str):
        raise ArgumentTypeError(f"TOML: a key must be text, got {key!r}.")
    return key


def _key(key: object) -> str:
    text = _key_text(key)
    return text if BARE_KEY.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError(f"TOML: text that is not Unicode (half a surrogate pair): {text[:40]!a}.") from None
    return '"' + CONTROL.sub(_escape, text) + '"'


def _escape(found: re.Match[str]) -> str:
    return ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}"
