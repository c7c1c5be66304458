"""Turning what pydantic found into sentences for a person, each with a correct example."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from agent.config import options
from agent.config.problem import toml
from agent.config.section import Location
from agent.config.walk import extra, field_at, table_at

REASONS: Mapping[str, str] = MappingProxyType({
    "missing": "is missing",
    "string_type": "must be text in quotes, not {found}",
    "int_type": "must be a whole number, not {found}",
    "int_from_float": "must be a whole number, not {found}",
    "float_type": "must be a number, not {found}",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false, not {found}",
    "dict_type": "must be a table, not {found}",
    "model_type": "must be a table, not {found}",
    "tuple_type": "must be a list, not {found}",
    "too_long": "must have at most {max_length} values, not {actual_length}",
    "literal_error": "must be {expected}, not {value}",
    "value_error": "{error}",
    "rule": "{why}",
    "string_too_long": "must have at most {max_length} characters, not {length}",
    "string_too_short": "must not be empty",
    "greater_than_equal": "must be {ge} or more, not {value}",
    "greater_than": "must be more than {gt}, not {value}",
    "less_than_equal": "must be {le} or less, not {value}",
})  # fmt: skip
"""pydantic's kind of error -> our sentence; any other kind keeps pydantic's words."""

_FOUND: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a truth value"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number with a fraction"),
    ((list, tuple), "a list"),
    (Mapping, "a table"),
    ((datetime.date, datetime.time), "a date or time"),
)


def reason(error: Mapping[str, Any]) -> str:
    """Return what is wrong, from one entry of `ValidationError.errors()`."""
    if error["type"] == "extra_forbidden":
        return _unknown_key(tuple(error["loc"]))
    value, sentence = error["input"], REASONS.get(error["type"])
    if sentence is None:
        return str(error["msg"]).removesuffix(".")
    return sentence.format(
        **{
            "found": _found(value),
            "value": _shown(value),
            "length": len(value) if isinstance(value, str) else 0,
            **{key: _limit(limit) for key, limit in error.get("ctx", {}).items()},
        }
    )


def example(where: Location, raw: Mapping[str, Any]) -> str:
    """Return a correct line for the place `where`; `raw` tells which driver the options belong to."""
    option = _option_example(where, raw)
    if option:
        return option
    table = table_at(where[:-1])
    known = list(table.model_fields) if table else []
    if known and where and isinstance(where[-1], str) and where[-1] not in known:
        near = get_close_matches(where[-1], known, n=1)
        where = (*where[:-1], near[0] if near else known[0])
    found = field_at(where)
    return f"{found[0]} = {toml(extra(found[1])['example'])}" if found else "see docs/configuration.md"


def _unknown_key(where: Location) -> str:
    table = table_at(where[:-1])
    known = list(table.model_fields) if table else []
    near = get_close_matches(str(where[-1]), known, n=1)
    return "unknown key; " + (f"did you mean {near[0]!r}?" if near else "this table has: " + ", ".join(known))


def _option_example(where: Location, raw: Mapping[str, Any]) -> str:
    """Return the default of the driver's option nearest to the one at `where`, or the empty string."""
    if len(where) < 4 or where[2] != "options":
        return ""
    declared = options.defaults(str(raw[str(where[0])][where[1]]["driver"]))
    near = get_close_matches(str(where[3]), declared, n=1) or list(declared)[:1]
    return f"{near[0]} = {toml(declared[near[0]])}" if near else "options = {}"


def _limit(value: Any) -> Any:
    """Return a limit as a person writes it: 1, not 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _found(value: Any) -> str:
    return next((words for kind, words in _FOUND if isinstance(value, kind)), type(value).__name__)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    return str(value) if isinstance(value, int | float) and abs(value) < 1e18 else _found(value)
