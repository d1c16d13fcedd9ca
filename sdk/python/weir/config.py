"""A plugin's configuration: the JSON that weir made of the operator's document, into the plugin's own dataclass."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import re
import types
import typing
from typing import Any

_NONE = type(None)
_NAMES = {dict: "a table", list: "a list", str: "a string", bool: "true or false", int: "a whole number", float: "a number", _NONE: "nothing"}


class ConfigError(Exception):
    """What is wrong with a configuration, as the operator is to read it. It names the key."""


def read(text: str, into: Any) -> Any:
    """Makes a value of a type of a JSON document. Unknown keys are errors, and so is whatever is of another type."""
    return _value(json.loads(text), into, "config")


def _wrong(at: str, wanted: str, got: Any) -> ConfigError:
    found = _NAMES.get(type(got), type(got).__name__)
    return ConfigError(f"{at}: expected {wanted}, found {found}" + (f": {got!r}" if isinstance(got, (str, int, float)) else ""))


def _value(value: Any, into: Any, at: str) -> Any:
    if into is Any or into is object:
        return value
    if dataclasses.is_dataclass(into):
        return _dataclass(value, into, at)
    origin, of = typing.get_origin(into), typing.get_args(into)
    if origin in (typing.Union, types.UnionType):
        return _union(value, of, at)
    if origin is typing.Literal:
        if value in of:
            return value
        raise ConfigError(f"{at}: expected one of {', '.join(map(repr, of))}, found {value!r}")
    if into is re.Pattern or origin is re.Pattern:
        return _pattern(value, at)
    if origin is typing.Annotated:
        return _value(value, of[0], at)
    kind = origin or into
    if kind is dict:
        if not isinstance(value, dict):
            raise _wrong(at, "a table", value)
        return {k: _value(v, of[1] if of else Any, f"{at}.{k}") for k, v in value.items()}
    if kind in (list, set, frozenset, tuple):
        return _sequence(value, kind, of, at)
    if isinstance(into, type) and issubclass(into, enum.Enum):
        try:
            return into(value)
        except ValueError:
            known = ", ".join(repr(m.value) for m in into)
            raise ConfigError(f"{at}: expected one of {known}, found {value!r}") from None
    return _plain(value, into, at)


def _plain(value: Any, into: Any, at: str) -> Any:
    if into is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if into not in (str, int, float, bool, _NONE):
        raise TypeError(f"{at}: a configuration cannot be read into {into!r}")
    # true is an int to Python, and to nobody who writes a configuration
    if not isinstance(value, into) or (into is int and isinstance(value, bool)):
        raise _wrong(at, _NAMES[into], value)
    return value


def _pattern(value: Any, at: str) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise _wrong(at, "a regular expression", value)
    try:
        return re.compile(value)
    except re.error as e:
        raise ConfigError(f"{at}: {e}, in the regular expression {value!r}") from None


def _union(value: Any, of: tuple, at: str) -> Any:
    if value is None and _NONE in of:
        return None
    choices = [t for t in of if t is not _NONE]
    for choice in choices[:-1]:
        try:
            return _value(value, choice, at)
        except ConfigError:
            continue
    return _value(value, choices[-1], at)


def _sequence(value: Any, kind: Any, of: tuple, at: str) -> Any:
    if not isinstance(value, list):
        raise _wrong(at, "a list", value)
    if kind is tuple and of and of[-1] is not ...:
        if len(of) != len(value):
            raise ConfigError(f"{at}: expected {len(of)} values, found {len(value)}")
        return tuple(_value(v, t, f"{at}[{i}]") for i, (v, t) in enumerate(zip(value, of)))
    return kind(_value(v, of[0] if of else Any, f"{at}[{i}]") for i, v in enumerate(value))


_hints = functools.cache(typing.get_type_hints)


def prepare(into: Any) -> None:
    """Looks at a type's annotations ahead, while a component is built: it takes a millisecond that each instance would pay."""
    if dataclasses.is_dataclass(into):
        for hint in _hints(into).values():
            prepare(hint)
    for of in typing.get_args(into):
        prepare(of)


def _dataclass(value: Any, into: Any, at: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(at, "a table", value)
    hints = _hints(into)
    fields = {f.name: f for f in dataclasses.fields(into) if f.init}
    for key in value:
        if key not in fields:
            known = ", ".join(fields) or "none"
            raise ConfigError(f"{at}.{key}: there is no such key; known: {known}")
    for name, f in fields.items():
        if name not in value and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{at}: {name} is missing")
    given = {key: _value(v, hints[key], f"{at}.{key}") for key, v in value.items()}
    try:
        return into(**given)
    except ValueError as e:  # from __post_init__: the author's own check
        raise ConfigError(f"{at}: {e}") from None
