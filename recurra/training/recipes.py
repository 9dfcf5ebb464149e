"""Recipes: named uses of a task, one TOML file each, whose first lines give command, data, expected score and time."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from recurra.errors import ConfigurationError, FileError, check_choice


@dataclass(frozen=True)
class Recipe:
    """A recipe: `introduction` is the comment at its top, `corpus` the built-in corpus for when no data is given.

    `values` are its settings, `built_in` those that the built-in corpus wants otherwise, `constants` those of the cells that have them.
    """

    name: str
    task: str
    introduction: str
    values: dict[str, Any]
    corpus: str | None = None
    built_in: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)


def recipe_names() -> list[str]:
    """The recipes that there are."""
    return sorted(entry.name.removesuffix(".toml") for entry in files("recurra.recipes").iterdir() if entry.name.endswith(".toml"))


def read_recipe(name: str) -> Recipe:
    """A recipe by its name. Raises ConfigurationError for an unknown one."""
    check_choice("train", "recipe", name, recipe_names())
    text = files("recurra.recipes").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    comment = lines[: next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))]
    values = tomllib.loads(text)
    built_in = values.pop("built_in", {})
    corpus = built_in.pop("corpus", None)
    constants = values.pop("constants", {})
    return Recipe(name, values.pop("task"), "\n".join(line.lstrip("# ") for line in comment), values, corpus, built_in, constants)


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings of a configuration file, such as the config.toml of a run. Raises FileError, ConfigurationError."""
    try:
        return tomllib.loads(Path(path).read_bytes().decode())
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: must be TOML: {error}.") from None
