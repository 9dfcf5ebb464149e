"""Configuration keys are the keyword arguments of constructors: types, defaults and help are read off them, so they stand nowhere else."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from recurra.errors import ConfigurationError, suggest

WORDING = (
    ("Input should be", "must be"),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid string", "text"),
    ("a valid boolean", "true or false"),
    ("a valid list", "a list"),
)
WORDS: dict[Any, str] = {bool: "true or false", int: "whole number", float: "number", str: "text"}
SIGNS = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Key:
    """One key of a section: its type in words, its default (None: it must be given), and what it means."""

    name: str
    kind: str
    default: Any
    help: str


@dataclass(frozen=True)
class Section:
    """A table of a configuration file, `[model]` or `[training]`: the keyword arguments of one or more constructors."""

    name: str
    schema: type[BaseModel]

    @classmethod
    def of(
        cls, name: str, constructors: Iterable[Callable[..., Any]], without: Iterable[str] = (), also: Mapping[str, Any] | None = None
    ) -> Section:
        """The keyword-only arguments of `constructors`, each as the first one has it; `also` maps more keys to (type, default)."""
        fields: dict[str, Any] = {}
        for constructor in constructors:
            fields = {**fields, **{k: v for k, v in _fields(constructor, frozenset(without)).items() if k not in fields}}
        return cls(name, create_model(name, __config__=STRICT, **(fields | dict(also or {}))))

    @property
    def keys(self) -> list[Key]:
        """What can be set, in the order of the constructors."""
        return [
            Key(name, _words(field.annotation, field.metadata), None if field.is_required() else field.default, field.description or "")
            for name, field in self.schema.model_fields.items()
        ]

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every key with its value, given or default. Raises ConfigurationError for an unknown key and for a value that cannot be meant."""
        for key in given:
            if key not in self.schema.model_fields:
                known = suggest(key, self.schema.model_fields) if self.schema.model_fields else "; it has none here"
                raise ConfigurationError(f"{self.name}: unknown key {key!r}{known}")
        try:
            return self.schema(**given).model_dump()
        except ValidationError as error:
            raise ConfigurationError(self._sentence(error)) from None

    def _sentence(self, error: ValidationError) -> str:
        """The first fault in one sentence; a key of several types has a fault for each."""
        faults = error.errors(include_url=False)
        key = str(faults[0]["loc"][0])
        if faults[0]["type"] == "missing":
            return f"{self.name}.{key}: must be given."
        wishes = dict.fromkeys(_plain(fault["msg"]) for fault in faults if fault["loc"][0] == key)
        text = " or ".join([*wishes][:1] + [wish.removeprefix("must be ") for wish in [*wishes][1:]])
        return f"{self.name}.{key}: {text}, got {faults[0]['input']!r}."


def _fields(constructor: Callable[..., Any], without: frozenset[str]) -> dict[str, Any]:
    hints = typing.get_type_hints(getattr(constructor, "__init__") if isinstance(constructor, type) else constructor, include_extras=True)  # noqa: B009
    helps = _helps(constructor)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(constructor).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and name not in without:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (hints[name], Field(default, description=helps.get(name, "")))
    return fields


def _helps(constructor: Callable[..., Any]) -> dict[str, str]:
    """The first sentence after each `name: ` of a docstring."""
    text = " ".join((inspect.getdoc(constructor) or "").split())
    names = "|".join(inspect.signature(constructor).parameters)
    parts = re.split(rf"\b({names}): ", text)
    return {name: re.split(r"[.;,]?(?:\. |\s*$)", meaning)[0] for name, meaning in zip(parts[1::2], parts[2::2], strict=True)}


def _words(annotation: Any, bounds: Iterable[Any] = ()) -> str:
    """A type as a reader says it."""
    kinds, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if origin is typing.Literal:
        return " | ".join(map(str, kinds))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(dict.fromkeys(_words(kind) for kind in kinds if kind is not types.NoneType))
    if origin is typing.Annotated:
        return _words(kinds[0], [bound for field in kinds[1:] for bound in field.metadata])
    if origin is not None:
        return f"{'list' if origin is list else 'table'} of {_words(kinds[-1])}s"
    limits = [(text, getattr(bound, sign, None)) for bound in bounds for sign, text in SIGNS.items()]
    return " ".join([WORDS.get(annotation, str(annotation)), *(f"{text} {limit}" for text, limit in limits if limit is not None)])


def _plain(message: str) -> str:
    for old, new in WORDING:
        message = message.replace(old, new)
    return message
