"""Frozen dataclasses to JSON values and back, by their declared types, strictly.

Everything that is stored as JSON or crosses a process border goes through here, so that a damaged or foreign
value is refused at the border and not met later as an odd attribute (promise P2). Understood are `str`,
`int`, `float` (finite), `bool`, `StrEnum`, `X | None`, `tuple[X, ...]`, `tuple[X, Y]`, `dict[str, X]` and
dataclasses of these. A dataclass may name in `LATER` the fields (with defaults) that an older file does not have.
Error messages name the place and the reason, never the value: it may be patient data.
"""

from __future__ import annotations

import sys
import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(obj: object) -> dict[str, Any]:
    """Return the dataclass instance `obj` as a dictionary of JSON values, every field named.

    Raises `ValueError` for a value that its declared type does not allow, so what is written can be read.
    """
    if not is_dataclass(obj) or isinstance(obj, type):
        raise ValueError("not a dataclass instance")
    plain = _write(obj)
    _read(type(obj), plain, type(obj).__name__)
    return typing.cast("dict[str, Any]", plain)


def from_plain(cls: type[T], value: object) -> T:
    """Return the instance of the dataclass `cls` that `to_plain` wrote as `value`.

    Raises `ValueError` when a key is missing or unknown or a value has not the declared type.
    """
    if not is_dataclass(cls):
        raise ValueError(f"{cls.__name__} is not a dataclass")
    return typing.cast("T", _read(cls, value, cls.__name__))


def _write(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _write(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [_write(item) for item in value]
    if isinstance(value, dict):
        return {key: _write(item) for key, item in value.items()}
    return value


def _read(kind: Any, value: object, where: str) -> object:
    if is_dataclass(kind):
        return _read_dataclass(typing.cast("type", kind), value, where)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _read_optional(typing.get_args(kind), value, where)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), value, where)
    if origin is dict:
        return _read_dict(typing.get_args(kind), value, where)
    return _read_scalar(kind, value, where)


@cache
def _types(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}


def _read_dataclass(cls: type, value: object, where: str) -> object:
    declared = _types(cls)
    if not isinstance(value, dict):
        raise ValueError(f"{where}: not an object")  # noqa: TRY004 - one exception for every refusal
    if missing := declared.keys() - value.keys() - getattr(cls, "LATER", frozenset()):
        raise ValueError(f"{where}: {min(missing)} is missing")
    if value.keys() - declared.keys():
        raise ValueError(f"{where}: there are unknown keys")
    return cls(**{name: _read(declared[name], told, f"{where}.{name}") for name, told in value.items()})


def _read_optional(kinds: tuple[Any, ...], value: object, where: str) -> object:
    inner = [kind for kind in kinds if kind is not type(None)]
    if len(inner) != 1 or len(kinds) != 2:
        raise ValueError(f"{where}: only unions with None are understood")
    return None if value is None else _read(inner[0], value, where)


def _read_tuple(kinds: tuple[Any, ...], value: object, where: str) -> object:
    if not isinstance(value, list):
        raise ValueError(f"{where}: not a list")  # noqa: TRY004 - as above
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ValueError(f"{where}: has {len(value)} values, not {len(kinds)}")
    return tuple(_read(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value, strict=True)))


def _read_dict(kinds: tuple[Any, ...], value: object, where: str) -> object:
    if kinds[0] is not str:
        raise ValueError(f"{where}: only dictionaries with text keys are understood")
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{where}: not an object")
    return {key: _read(kinds[1], item, f"{where}[]") for key, item in value.items()}


def _read_scalar(kind: Any, value: object, where: str) -> object:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"{where}: not one of the values of {kind.__name__}") from None
    if kind is float and isinstance(value, (int, float)):
        return _read_float(value, where)
    if kind not in (str, int, bool) or type(value) is not kind:
        raise ValueError(f"{where}: not {getattr(kind, '__name__', kind)}")
    if kind is str:
        _check_text(typing.cast("str", value), where)
    return value


def _read_float(value: float, where: str) -> float:
    if isinstance(value, bool) or not abs(value) <= sys.float_info.max:  # also true for NaN
        raise ValueError(f"{where}: not a finite number")
    return float(value)


def _check_text(value: str, where: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: text that UTF-8 cannot hold") from None
