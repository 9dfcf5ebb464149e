"""What a run is made of: defaults, then the recipe, then a file, then what the user sets. Nothing unknown, nothing ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurra.cells import Cell, find
from recurra.compiler import Program
from recurra.data import Corpus
from recurra.errors import ConfigurationError, suggest
from recurra.tasks import TASKS, Task
from recurra.tasks.configuration import compiled, constants, model_section, network_settings
from recurra.tasks.corpora import CORPORA, built_in
from recurra.tasks.schema import Key, Section
from recurra.training.loop import Training
from recurra.training.recipes import Recipe, read_recipe, read_settings

SECTIONS = ("corpus", "model", "training")
# What stands above the sections in a config.toml; of these a user sets the first two, the others say what was trained on.
PLAIN = ("cell", "seed", "recipe", "task", "data", "built_in")


@dataclass(frozen=True)
class Configuration:
    """A run, resolved: every key has a value."""

    recipe: str
    task: type[Task]
    cell: Cell
    program: Program
    corpus: str | None
    path: Path | None
    seed: int
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    cell_name: str = ""

    def read_corpus(self) -> Corpus:
        """The data that it is about. Raises DataError."""
        if self.path is not None:
            return self.task.read_corpus(self.path)
        assert self.corpus is not None
        return built_in(self.corpus, self.sections["corpus"])

    def to_data(self) -> dict[str, Any]:
        """Plain data, as it is written to config.toml and to a model file; of a path only its last part, since files are handed on."""
        data = self.path.resolve().name if self.path else self.corpus
        plain = (self.cell_name, self.seed, self.recipe, self.task.name, data, self.path is None)
        return {**dict(zip(PLAIN, plain, strict=True)), **self.sections}


def resolve(
    recipe: str,
    path: str | Path | None,
    cell: Cell | str | None,
    seed: int | None,
    file: str | Path | None,
    settings: Mapping[str, Any],
) -> Configuration:
    """Settle every key. Raises ConfigurationError, CellError, FileError."""
    chosen = read_recipe(recipe)
    if path is None and chosen.corpus is None:
        raise ConfigurationError(f"train: {recipe} has no built-in corpus: say which data to train on.")
    task, corpus = TASKS[chosen.task], chosen.corpus if path is None else None
    name, found, values = _settled(chosen, path is None, cell, file, settings)
    resolved = {key: section.resolve(values.get(key, {})) for key, section in _sections(task, found, corpus).items()}
    program, resolved["model"] = compiled(task, found, resolved["model"])
    task.rehearse(program, **network_settings(task, program, resolved["model"]))
    Training(**resolved["training"])
    number = _seed(seed if seed is not None else values.get("seed", 1))
    return Configuration(recipe, task, found, program, corpus, None if path is None else Path(path), number, resolved, name)


def describe(recipe: str, cell: Cell | str = "lstm", built_in: bool = True) -> dict[str, list[Key]]:
    """The keys that can be set, section by section, with the values that the recipe gives them as defaults."""
    chosen = read_recipe(recipe)
    _, found, values = _settled(chosen, built_in, cell, None, {})
    sections = _sections(TASKS[chosen.task], found, chosen.corpus if built_in else None)
    return {
        name: [Key(k.name, k.kind, values.get(name, {}).get(k.name, k.default), k.help) for k in section.keys]
        for name, section in sections.items()
    }


def _settled(
    recipe: Recipe, built_in: bool, cell: Cell | str | None, file: str | Path | None, settings: Mapping[str, Any]
) -> tuple[str, Cell, dict[str, Any]]:
    """The cell, what it is called, and all settings: those of the recipe, over them the file's, over them the user's."""
    earlier = {} if file is None else read_settings(file)
    if earlier.get("recipe", recipe.name) != recipe.name:
        raise ConfigurationError(f"{file}: must be of the recipe {recipe.name}, got {earlier['recipe']!r}.")
    for key in PLAIN[2:]:
        if key in settings:
            raise ConfigurationError(f"train: {key} cannot be set: it follows from what is trained.")
    values = _merged(recipe.values, recipe.built_in if built_in else {}, earlier, settings)
    wanted = cell if cell is not None else values.get("cell", "lstm")
    found = wanted if isinstance(wanted, Cell) else find(str(wanted))
    own = {name: value for name, value in recipe.constants.items() if name in constants(found)}
    values["model"] = {**own, **values.get("model", {})}
    return found.name if isinstance(wanted, Cell) else str(wanted), found, values


def _sections(task: type[Task], cell: Cell, corpus: str | None) -> dict[str, Section]:
    generated = Section.of("corpus", [CORPORA[corpus]] if corpus else [])
    return {"corpus": generated, "model": model_section(task, cell), "training": Section.of("training", [Training])}


def _merged(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Settings, the later ones over the earlier."""
    merged: dict[str, Any] = {}
    for source in sources:
        for key, value in nested_settings(source).items():
            merged[key] = {**merged.get(key, {}), **value} if key in SECTIONS else value
    return merged


def nested_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`training.epochs` as well as `{"training": {"epochs": ...}}`, as sections; raises ConfigurationError for a key that is neither."""
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        section, _, name = key.partition(".")
        if section in SECTIONS and name:
            nested.setdefault(section, {})[name] = value
        elif key in SECTIONS and isinstance(value, Mapping):
            nested.setdefault(key, {}).update(value)
        elif key in PLAIN:
            nested[key] = value
        else:
            raise ConfigurationError(f"train: unknown key {key!r}{_nearest(section, name)}")
    return nested


def _nearest(section: str, name: str) -> str:
    if name:
        return suggest(section, SECTIONS)
    return "; a key stands in a section, as in training.epochs or model.hidden_size"


def _seed(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ConfigurationError(f"seed: must be a whole number from 0 to 2^63 - 1, got {value!r}.")
    return value
