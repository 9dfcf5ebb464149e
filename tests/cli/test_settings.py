"""`--set KEY=VALUE` and its relatives."""

from __future__ import annotations

from typing import Any

import pytest

from recurra.cli.settings import parse_names, parse_seeds, parse_settings, parse_value
from recurra.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("gru", "gru"),
        ("my.py:ugrnn", "my.py:ugrnn"),
        ("learned(0.95)", "learned(0.95)"),
        ('"20"', "20"),
        ("'a b'", "a b"),
        ("two words", "two words"),
        ("湖光", "湖光"),
        ("[1, 2]", [1, 2]),
        ('{ h = 0.1 }', {"h": 0.1}),
        ("2026-11-21", "2026-11-21"),
        ("1\nother = 2", "1\nother = 2"),
        ("True", "True"),
    ],
)
def test_a_value_is_tomls_or_text(text: str, value: Any) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_settings_are_keys_with_values() -> None:
    assert parse_settings(["training.epochs=20", " cell = gru", 'a.b="x=y"']) == {"training.epochs": 20, "cell": "gru", "a.b": "x=y"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["training.epochs"], "--set: must be KEY=VALUE, as in training.epochs=20, got 'training.epochs'."),
        (["=20"], "--set: must be KEY=VALUE, as in training.epochs=20, got '=20'."),
        (["a.b="], "--set: must be KEY=VALUE, as in training.epochs=20, got 'a.b='."),
        (["a.b=1", "a.b=2"], "--set: a.b is given twice."),
    ],
)
def test_what_is_no_setting_is_an_error(given: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(given)
    assert str(caught.value) == message


def test_a_broken_toml_value_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"^--set: \[1, 2 is no TOML value: "):
        parse_value("[1, 2")


def test_names_and_seeds() -> None:
    assert parse_names("elman, my.py:ugrnn,") == ["elman", "my.py:ugrnn"]
    assert parse_seeds("3") == 3
    assert parse_seeds("4,5, 8") == [4, 5, 8]
    assert parse_seeds("7,") == [7]
    for text in ("", "0", "-1", "three", "1.5", "1;2"):
        with pytest.raises(ConfigurationError, match=r"^--seeds: must be how many seeds, or which, as in 3 or 4,5,8; got "):
            parse_seeds(text)
