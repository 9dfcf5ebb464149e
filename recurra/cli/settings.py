"""`--set KEY=VALUE`: values are those of TOML, and a bare word is text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

from recurra.errors import ConfigurationError

# What a value that was meant as TOML begins with; a fault in one is an error instead of a text.
TOML_STARTS = ('"', "'", "[", "{")


def parse_settings(given: Iterable[str]) -> dict[str, Any]:
    """`["training.epochs=20", "cell=gru"]` as a dict. Raises ConfigurationError for what is not KEY=VALUE and for a key given twice."""
    settings: dict[str, Any] = {}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise ConfigurationError(f"--set: must be KEY=VALUE, as in training.epochs=20, got {text!r}.")
        if key in settings:
            raise ConfigurationError(f"--set: {key} is given twice.")
        settings[key] = parse_value(value)
    return settings


def parse_value(text: str) -> Any:
    """A number, true, false, a quoted text, an array or a table as TOML writes them; anything else is text itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text.startswith(TOML_STARTS):
            raise ConfigurationError(f"--set: {text} is no TOML value: {error}.") from None
        return text
    plain = set(table) == {"value"} and isinstance(table["value"], bool | int | float | str | list | dict)
    return table["value"] if plain else text


def parse_names(text: str) -> list[str]:
    """`--cells elman,my.py:ugrnn` as a list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_seeds(text: str) -> int | list[int]:
    """`--seeds 3`, three seeds, or `--seeds 4,5,8`, those. Raises ConfigurationError."""
    words = parse_names(text)
    if not words or not all(word.isdecimal() for word in words) or text.strip() == "0":
        raise ConfigurationError(f"--seeds: must be how many seeds, or which, as in 3 or 4,5,8; got {text!r}.")
    return [int(word) for word in words] if "," in text else int(text)
