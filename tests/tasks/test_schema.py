"""Configuration keys read off signatures: every kind of mistake and its sentence."""

from collections.abc import Mapping
from typing import Literal

import pytest

from recurra.errors import ConfigurationError
from recurra.models.amounts import Amount, Count, Share
from recurra.tasks.schema import Key, Section


def build(
    *,
    size: Count = 3,
    rate: Share = 0.5,
    bound: Amount = 0.0,
    deep: bool = False,
    way: Literal["up", "down"] = "up",
    name: str | None = None,
    mixed: float | str | list[float] = 1.0,
    table: float | Mapping[str, float] = 0.0,
) -> None:
    """Something.

    size: how large it is; a second thought. More about it.
    rate: how often,
        over two lines.
    """


class Other:
    """rate: said elsewhere. wanted: what must be given."""

    def __init__(self, place: int, *, wanted: int, rate: Share = 0.1) -> None: ...


SECTION = Section.of("model", [build])

MISTAKES = {
    ("sise", 3): "model: unknown key 'sise'; did you mean 'size'?",
    ("zzz", 3): "model: unknown key 'zzz'; expected one of size rate bound deep way name mixed table",
    ("size", 0): "model.size: must be greater than 0, got 0.",
    ("size", 1.5): "model.size: must be a whole number, got 1.5.",
    ("size", True): "model.size: must be a whole number, got True.",
    ("size", "x"): "model.size: must be a whole number, got 'x'.",
    ("rate", 1): "model.rate: must be less than 1, got 1.",
    ("rate", float("nan")): "model.rate: must be a finite number, got nan.",
    ("bound", float("inf")): "model.bound: must be a finite number, got inf.",
    ("bound", -1): "model.bound: must be greater than or equal to 0, got -1.",
    ("deep", 1): "model.deep: must be true or false, got 1.",
    ("way", "left"): "model.way: must be 'up' or 'down', got 'left'.",
    ("name", 3): "model.name: must be text, got 3.",
    ("mixed", True): "model.mixed: must be a number or text or a list, got True.",
}


@pytest.mark.parametrize(("key", "value"), MISTAKES)
def test_mistakes(key: str, value: object) -> None:
    """One sentence each: which key, what must be, what came."""
    with pytest.raises(ConfigurationError) as error:
        SECTION.resolve({key: value})
    assert str(error.value) == MISTAKES[key, value]


def test_a_key_that_must_be_given() -> None:
    """It has no default."""
    with pytest.raises(ConfigurationError, match=r"^model\.wanted: must be given\.$"):
        Section.of("model", [Other]).resolve({})


def test_no_keys_at_all() -> None:
    """There is nothing to suggest."""
    with pytest.raises(ConfigurationError, match=r"^corpus: unknown key 'train'; it has none here$"):
        Section.of("corpus", []).resolve({"train": 3})


def test_every_key_has_its_value() -> None:
    """Given or default; a whole number stands for a number."""
    given = {"size": 4, "bound": 1, "table": {"c": 0.5}}
    defaults = {"rate": 0.5, "deep": False, "way": "up", "name": None, "mixed": 1.0}
    assert SECTION.resolve(given) == {**given, **defaults}


def test_keys_are_described() -> None:
    """Types in words, defaults, and the first sentence that the docstring has about each."""
    assert SECTION.keys == [
        Key("size", "whole number above 0", 3, "how large it is; a second thought"),
        Key("rate", "number from 0 below 1", 0.5, "how often, over two lines"),
        Key("bound", "number from 0", 0.0, ""),
        Key("deep", "true or false", False, ""),
        Key("way", "up | down", "up", ""),
        Key("name", "text", None, ""),
        Key("mixed", "number or text or list of numbers", 1.0, ""),
        Key("table", "number or table of numbers", 0.0, ""),
    ]


def test_the_first_constructor_describes_a_shared_key() -> None:
    """Positional arguments are no keys, and `without` leaves keys out."""
    keys = {key.name: key for key in Section.of("model", [build, Other], without=["size"]).keys}
    assert "place" not in keys
    assert "size" not in keys
    assert keys["rate"].default == 0.5
    assert keys["wanted"] == Key("wanted", "whole number", None, "what must be given")
