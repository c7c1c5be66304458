"""Finding one's way in the schema: which table and which field a location of the file belongs to."""

from __future__ import annotations

from typing import Any, get_args

from pydantic.fields import FieldInfo

from agent.config.schema import Configuration
from agent.config.section import Location, Section


def section_in(annotation: Any) -> type[Section] | None:
    """Return the table that a field of this type holds, once or in rows, or None."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_in, get_args(annotation))), None)


def table_at(where: Location) -> type[Section] | None:
    """Return the table at `where` (`()` is the whole file), or None where there is none."""
    table: type[Section] | None = Configuration
    for part in where:
        if isinstance(part, int):
            continue
        field = table.model_fields.get(part) if table else None
        table = section_in(field.annotation) if field else None
    return table


def field_at(where: Location) -> tuple[str, FieldInfo] | None:
    """Return name and declaration of the innermost known field on the way to `where`."""
    for end in range(len(where), 0, -1):
        name = where[end - 1]
        table = table_at(where[: end - 1]) if isinstance(name, str) else None
        if isinstance(name, str) and table and name in table.model_fields:
            return name, table.model_fields[name]
    return None


def extra(field: FieldInfo) -> dict[str, Any]:
    """Return `unit` and `example` of a field."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
