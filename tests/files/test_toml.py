"""TOML: the standard library's reader is the judge."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import ArgumentTypeError
from recurra.files import to_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = TEXT | st.integers() | st.floats(allow_nan=False) | st.booleans()


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner.filter(lambda item: item is not None)) | st.dictionaries(TEXT, inner)


VALUES = st.recursive(SCALARS | st.none(), nested, max_leaves=12)


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, (list, tuple)) else value


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.dictionaries(TEXT, VALUES))
def test_what_is_written_is_read(values: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(values)) == without_none(values)


def test_it_is_pleasant_to_read() -> None:
    model = {"cell": "gru", "hidden size": 128, "path": None, "init": {}}
    config = {"model": model, "seed": 1, "data": {"words": {"keep": ["a", "b"]}}, "rate": 1e-5}
    assert to_toml(config) == (
        'seed = 1\nrate = 1e-05\n\n[model]\ncell = "gru"\n"hidden size" = 128\n\n[model.init]\n\n[data.words]\nkeep = ["a", "b"]\n'
    )


def test_corners() -> None:
    values = {"a": float("inf"), "b": True, "c": 1.0, "d": (1, [2]), "e": '\\"\x00\x7f\r\n\u2028', "f": [{"g": None, "h": [{}]}]}
    assert tomllib.loads(to_toml(values)) == without_none({**values, "d": [1, [2]]})
    assert isinstance(tomllib.loads(to_toml({"a": 1.0}))["a"], float)
    assert tomllib.loads(to_toml({"a": True}))["a"] is True
    assert math.isnan(tomllib.loads(to_toml({"a": math.nan}))["a"])
    assert to_toml({"a": np.float64(0.5)}) == "a = 0.5\n"
    assert to_toml({}) == to_toml({"a": None}) == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {"b": object}}, "a.b: TOML has no type, got <class 'object'>."),
        ({"a": [1, None]}, "a: TOML has no NoneType, got None."),
        ({"a": {1: 2}}, "TOML: a key must be text, got 1."),
        ({"a": "\udc80"}, r"TOML: text that is not Unicode (half a surrogate pair): '\udc80'."),
    ],
)
def test_what_toml_cannot_say(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        to_toml(values)
    assert str(caught.value) == message
