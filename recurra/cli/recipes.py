"""`recurra recipes`: what can be trained, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recurra.cli.showing import columns
from recurra.training import describe, read_recipe, recipe_names


def all_recipes() -> list[dict[str, str]]:
    """Every recipe: its name, task, and the command in its first line."""
    found = [read_recipe(name) for name in recipe_names()]
    return [{"name": r.name, "task": r.task, "introduction": r.introduction.split("\n")[0]} for r in found]


def list_lines() -> list[str]:
    """The same as lines."""
    return columns([(row["name"], row["task"], row["introduction"]) for row in all_recipes()])


def one_recipe(name: str, cell: str) -> dict[str, Any]:
    """A recipe with every key that can be set. Raises ConfigurationError for an unknown recipe or cell."""
    recipe = read_recipe(name)
    sections = {section: [vars(key) for key in keys] for section, keys in describe(name, cell).items()}
    return {"name": name, "task": recipe.task, "introduction": recipe.introduction, "cell": cell, "settings": sections}


def recipe_lines(found: Mapping[str, Any]) -> list[str]:
    """A recipe as lines: its introduction, then each key with its default, type and meaning."""
    lines = [found["introduction"]]
    for section, keys in found["settings"].items():
        rows = [(f"{section}.{key['name']}", _value(key["default"]), key["kind"], key["help"]) for key in keys]
        lines += ["", *columns(rows)]
    return lines


def _value(default: Any) -> str:
    return "-" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
