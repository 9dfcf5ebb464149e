"""JSON from a stranger: what a text would cost is known before it is parsed, and what JSON leaves open is closed.

Refused with a ValueError that says what is wrong: nesting beyond 64 levels, more memory than allowed, a key twice in one object, NaN and
infinity (1e999 too), integers of more than 40 digits, text that is not Unicode.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from recurra.errors import ArgumentTypeError

MAX_DEPTH = 64
MAX_DIGITS = 40

# What stands before the next bracket that is not inside a string, and the bracket; possessive, so that nothing is tried twice.
BRACKET = re.compile(r'(?:[^\[\]{}"]++|"(?:[^"\\]|\\.)*+")*+([\[\]{}])')
STEP = {"[": 1, "{": 1, "]": -1, "}": -1}

# The next string, by the width of its characters in memory: 1, 2 or 4 bytes.
NARROW, MIDDLE = r"[^\"\\]|\\[^u]|\\u00..", r"[^\"\\]|\\[^u]|\\u(?![dD][89abAB])"
STRING = re.compile(rf'[^"]*+"(?:(?P<one>(?:{NARROW})*+)"|(?P<two>(?:{MIDDLE})*+)"|(?P<four>(?:[^"\\]|\\.)*+)")')

# Bytes that one of each may cost in CPython 3.11 to 3.14: the value it stands before and its container's growth; a test holds them
# against tracemalloc. Marks inside strings are counted too, which only makes the sum larger.
COST = {"[": 144, "{": 352, ":": 256, ",": 56, '"': 32}

# Bytes a character of the text, while its string is built and checked.
CHARACTER = {"one": 0, "two": 5, "four": 8}


def dumps(value: object) -> str:
    """Compact ASCII; the order of the keys is kept. Call `check_json` first for what cannot be written."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def loads(text: str, budget: int) -> Any:
    """The value of a text in ASCII, if it takes at most `budget` bytes of memory; else, or when the text is not strict JSON, ValueError."""
    cost = weigh(text)
    if cost > budget:
        raise ValueError(f"would take about {cost:,} bytes in memory, more than the {max(budget, 0):,} that a file of this size may")
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer)
        check_json(value, "")
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos})") from None
    except ArgumentTypeError as error:
        raise ValueError(f"cannot be used ({error})") from None
    return value


def weigh(text: str) -> int:
    """Bytes that the parsed value takes at most; reckoned without taking any."""
    return len(text) * 5 // 4 + sum(text.count(mark) * cost for mark, cost in COST.items()) + _weigh_wide(text)


def _weigh_wide(text: str) -> int:
    """Bytes that strings take beyond one a character."""
    cost, at = 0, 0
    while "\\u" in text and (found := STRING.match(text, at)):
        cost += 32 + CHARACTER[found.lastgroup or "one"] * (found.end() - at)
        at = found.end()
    return cost


def check_json(value: object, where: str, depth: int = 0) -> None:
    """Raise ArgumentTypeError, naming the place, unless `value` is JSON: finite numbers, Unicode text, text as keys, at most 64 levels."""
    if depth > MAX_DEPTH:
        raise ArgumentTypeError(f"{where}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise ArgumentTypeError(f"{where or 'the value'}: keys must be text, got {key!r}")
            _check_text(key, where)
            check_json(item, f"{where}.{key[:80]}" if where else key[:80], depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            check_json(item, where, depth + 1)
    else:
        _check_scalar(value, where)


def _check_scalar(value: object, where: str) -> None:
    if type(value) is str:
        _check_text(value, where)
    elif type(value) is float:
        if not math.isfinite(value):
            raise ArgumentTypeError(f"{where or 'the value'}: must be finite, got {value}")
    elif value is not None and type(value) not in (bool, int):
        kinds = "text, a number, true, false, null, a list or a dict"
        raise ArgumentTypeError(f"{where or 'the value'}: must be {kinds}, got {type(value).__name__}")
    elif type(value) is int and abs(value) >= 10**MAX_DIGITS:
        raise ArgumentTypeError(f"{where or 'the value'}: an integer of more than {MAX_DIGITS} digits")


def _check_text(text: str, where: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ArgumentTypeError(f"{where or 'the value'}: text that is not Unicode (half a surrogate pair): {text[:40]!a}") from None


def _check_depth(text: str) -> None:
    depth, at = 0, 0
    while depth >= 0 and (found := BRACKET.match(text, at)):
        depth, at = depth + STEP[found[1]], found.end()
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"has the key {twice[:40]!a} twice")
    return result


def _constant(name: str) -> NoReturn:
    raise ValueError(f"has {name}, which is not a number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise ValueError(f"has an integer of {len(digits)} digits")
    return int(digits)
