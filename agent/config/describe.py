"""The reference page of the configuration, made from the schema so that it cannot disagree with it.

`python -m agent.config.describe docs/configuration.md` writes it; a test keeps it equal.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from agent.config import modality
from agent.config.problem import toml
from agent.config.schema import Configuration
from agent.config.section import Section
from agent.config.values import AS_PATH
from agent.config.walk import extra, section_in

HEAD = """# Configuration

One TOML file. An unknown key is refused with the nearest known one, and all mistakes are told at once. Check
it with `modality-agent check`; it needs no hardware and no network. File names are relative to the folder of
the configuration file. Complete example: [modality-agent.example.toml]../config/modality-agent.example.toml).

This page is made from the schema: `python -m agent.config.describe docs/configuration.md`.
"""

ROWS = "| Key | Type | Unit | Default | Meaning | Example |\n|---|---|---|---|---|---|"


def page() -> str:
    """Return the whole page in Markdown."""
    parts = [HEAD, *(_section(*found) for found in _sections(Configuration, "", rows=False)), _modalities()]
    return "\n".join(parts)


def _sections(table: type[Section], name: str, *, rows: bool) -> Iterator[tuple[str, type[Section], bool]]:
    """Yield (heading, table, whether it comes in rows), each table before the tables inside it."""
    if name:
        yield name, table, rows
    for key, field in table.model_fields.items():
        inner = section_in(field.annotation)
        if inner:
            yield from _sections(inner, f"{name}.{key}".lstrip("."), rows=rows or _in_rows(field.annotation))


def _in_rows(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _section(name: str, table: type[Section], rows: bool) -> str:  # noqa: FBT001 -- the triple of `_sections`
    brackets = f"[[{name}]]" if rows and "." not in name else f"[{name}]"
    about = " ".join((table.__doc__ or "").split())
    lines = [_row(key, field) for key, field in table.model_fields.items() if not section_in(field.annotation)]
    return "\n".join([f"## `{brackets}`", "", about, "", ROWS, *lines, ""])


def _row(key: str, field: FieldInfo) -> str:
    told = extra(field)
    default = "**required**" if field.is_required() else _code(field.default)
    unit = told["unit"]
    cells = [f"`{key}`", _type(field), unit, default, field.description or "", _code(told["example"])]
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def _code(value: Any) -> str:
    return "" if value is None else f"`{toml(value)}`"


def _type(field: FieldInfo) -> str:
    limits = {
        sign: getattr(m, name)
        for m in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("max_length", "at most"))
        if getattr(m, name, None) is not None
    }
    kind = "path" if AS_PATH in field.metadata else _kind(field.annotation)
    counted = " characters" if kind == "text" else " values"
    shown = [
        f"{sign} {int(n) if n == int(n) else n}" if sign != "at most" else f"at most {n}{counted}"
        for sign, n in limits.items()
    ]
    return ", ".join([kind, *shown])


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "one of " + ", ".join(f"`{toml(v)}`" for v in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(a) for a in inner if a is not type(None))
    if origin is tuple:
        return f"list of {_kind(inner[0])}" if inner[-1] is Ellipsis else f"{len(inner)} × {_kind(inner[0])}"
    if origin is Annotated:
        return _kind(inner[0])
    plain = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}
    return plain.get(annotation, "table")


def _modalities() -> str:
    current = [f"| `{code}` | {meaning} |" for code, meaning in modality.CURRENT.items()]
    retired = [f"| `{code}` | {meaning} | `{new}` |" for code, (meaning, new) in modality.RETIRED.items()]
    head = ["## Modality codes", "", "| Code | Meaning |", "|---|---|"]
    refused = ["", "Retired codes are refused:", "", "| Code | Meaning | Use |", "|---|---|---|"]
    return "\n".join([*head, *current, *refused, *retired, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
