"""Settings as declared by a frozen dataclass: how a field is declared, and how plain values become an
instance.

A driver's `Options` travel as JSON from the core to the child. Here unknown keys and wrong types are refused
with the key's name, before a device is touched. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class OptionRefused(ValueError):
    """A setting has an unknown name or an impossible value."""


def option(default: Any, *, unit: str = "", sentence: str) -> Any:
    """Return a dataclass field with a default, a unit (empty: none) and one sentence for a person."""
    return field(default=default, metadata={"unit": unit, "sentence": sentence})


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return `kind(**values)` after checking names and types; lists become tuples. Raises `OptionRefused`."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass by contract
    for name in values:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            raise OptionRefused(
                f"unknown setting {name!r}" + (f", did you mean {near[0]!r}?" if near else "")
            )
    try:
        return kind(**{name: _fit(name, hints[name], value) for name, value in values.items()})
    except ValueError as e:
        raise OptionRefused(str(e)) from e


def _fit(name: str, hint: Any, value: Any) -> Any:
    kinds = get_args(hint) if get_origin(hint) not in (tuple, None) else (hint,)
    for kind in kinds:
        if kind is type(None) and value is None:
            return None
        if get_origin(kind) is tuple and isinstance(value, list | tuple):
            return _fit_tuple(name, kind, value)
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(kind, type) and type(value) is kind:
            return value
    raise OptionRefused(f"{name} must be {_said(hint)}, not {type(value).__name__}")


def _fit_tuple(name: str, hint: Any, value: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    inner = get_args(hint)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_fit(name, inner[0], v) for v in value)
    if len(inner) != len(value):
        raise OptionRefused(f"{name} needs {len(inner)} values, not {len(value)}")
    return tuple(_fit(name, kind, v) for kind, v in zip(inner, value, strict=True))


def _said(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
