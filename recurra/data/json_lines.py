"""JSON lines: an object a line, such as `{"words": ["leave", "taipei"], "labels": ["O", "B-departure"], "intent": "flight"}`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recurra.data.example import Tagged
from recurra.data.lines import Found, Line, Problem, text_lines

WORDS = ("words", "tokens")
LABELS = ("labels", "tags", "ner_tags")
EXAMPLE = 'such as `{"words": ["leave", "taipei"], "labels": ["O", "B-departure"]}`'


def parse_json_lines(path: Path) -> Iterator[Found | Problem]:
    """The sentences of a file: words (or tokens), labels (or tags, ner_tags) and perhaps an intent; other keys are left alone."""
    for line in text_lines(path):
        if line.problem:
            yield line.problem
        elif line.text.strip():
            yield _sentence(path, line)


def _sentence(path: Path, line: Line) -> Found | Problem:
    try:
        row = json.loads(line.text)
    except json.JSONDecodeError as error:
        return Problem(path, line.number, error.colno, f"must be an object in JSON, {EXAMPLE}, but {error.msg.lower()}.")
    except RecursionError:
        return Problem(path, line.number, 1, f"must be an object in JSON, {EXAMPLE}, but it is nested too deeply.")
    fault = _fault(row)
    if fault:
        return Problem(path, line.number, 1, f"{fault}; {EXAMPLE}.")
    return Found(line.number, Tagged(tuple(_value(row, WORDS)), tuple(_value(row, LABELS)), row.get("intent")))


def _fault(row: Any) -> str:
    """What is wrong with an object; nothing if it is a sentence."""
    if not isinstance(row, dict):
        return f"must be an object, got {type(row).__name__}"
    for keys in (WORDS, LABELS):
        value = _value(row, keys)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            return f"{keys[0]} must be a list of texts that are not empty, got {json.dumps(value, ensure_ascii=False)[:60]}"
    words, labels = _value(row, WORDS), _value(row, LABELS)
    if len(words) != len(labels):
        return f"labels must be one for each of the {len(words)} words, got {len(labels)}"
    if not isinstance(row.get("intent", ""), str):
        return f"intent must be a text, got {row['intent']!r}"
    return ""


def _value(row: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if key in row), None)
