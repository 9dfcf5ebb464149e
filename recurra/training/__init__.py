"""Training: one loop for all tasks, the configuration of a run, its directory."""

from recurra.training.configuration import Configuration, describe, nested_settings, resolve
from recurra.training.loop import Training
from recurra.training.recipes import Recipe, read_recipe, recipe_names
from recurra.training.running import resume, train

__all__ = [
    "Configuration",
    "Recipe",
    "Training",
    "describe",
    "nested_settings",
    "read_recipe",
    "recipe_names",
    "resolve",
    "resume",
    "train",
]
