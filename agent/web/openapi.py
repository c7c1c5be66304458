"""The description of the JSON interface (OpenAPI 3.1), made from the table of operations and the types of its values.

Served at `/api/openapi.json`, printed by `modality-agent openapi`, and the source of the table in `docs/api.md`
(`python -m agent.web.openapi docs/api.md` writes it). Nothing of it is written by hand, so it cannot disagree.
"""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter

from agent import __version__
from agent.actor import PERMISSIONS, Act
from agent.web.looking import LOOKS
from agent.web.operation import IDEMPOTENCY_KEY, MOST_QUERY, Operation
from agent.web.operations import OPERATIONS
from agent.web.says import SENTENCES
from agent.web.streams import STREAMS, Stream

Json = dict[str, Any]
Use = tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]

ANSWERS = {
    400: "The request names another host than the box, or was not HTTP.",
    401: "Nobody is logged in, or a password has to be given again; a login or PIN that was not right.",
    403: "Not permitted to whoever asks, or not proven to come from the box's own page.",
    404: "There is nothing of that name.",
    405: "The path takes another method.",
    408: "The body took too long to arrive.",
    409: "Out of date, or not possible in the present state; nothing was changed.",
    413: "The body is larger than 64 kB.",
    414: "The address is longer than 2 kB.",
    422: "The body was not understood; the message names the fields.",
    429: "Too many at once.",
    431: "The headers are larger than 8 kB.",
    503: "A device, a peer or a part of the box does not do its work now.",
    507: "No room on the disk.",
}
"""HTTP status → what it means; every operation may answer with any of them."""
_PLAIN = (400, 403, 408, 413, 414, 429, 431)
"""May also come from the guard in front of the interface, in words."""
_ERROR: Json = {
    "type": "object",
    "required": ["code", "message", "hint", "blame"],
    "properties": {
        "code": {"type": "string", "description": "For IT; stable."},
        "message": {"type": "string", "description": "What happened. Never holds patient data."},
        "hint": {"type": "string", "description": "What the person at the box should do."},
        "blame": {"type": "string", "description": "Who has to act: person, device, box, destination or instance."},
    },
}
SECURITY: Json = {
    "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session", "description": "A person's login."},
    "screen": {"type": "apiKey", "in": "cookie", "name": "__Host-screen", "description": "An enrolled screen."},
    "token": {"type": "http", "scheme": "bearer", "description": "A program's token, made by an administrator."},
}
_BRACES = re.compile(r"{(\w+)(?::(\w+))?}")


def path_of(template: str) -> str:
    """Return the path of a route as OpenAPI writes it: braces without a converter."""
    return _BRACES.sub(r"{\1}", template)


@cache
def description() -> Json:
    """Return the whole document."""
    schemas, components = _schemas()
    paths: Json = {}
    for number, operation in enumerate(OPERATIONS):
        paths.setdefault(path_of(operation.path), {})[operation.method.lower()] = _operation(
            operation, schemas.get(f"{number} body"), schemas.get(f"{number} answer")
        )
    for stream in (*STREAMS, *LOOKS):
        paths.setdefault(path_of(stream.path), {})["get"] = _stream(stream)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "modality-agent",
            "version": __version__,
            "description": "Everything that the screens do. Guide: docs/api.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api"}],
        "security": [{name: []} for name in SECURITY],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"Error": _ERROR, **components}, "securitySchemes": SECURITY},
    }


def says(method: str, template: str, act: Act, own: str = "") -> str:
    """Return the sentence of an operation; where nobody wrote one, what it needs permission for."""
    return own or SENTENCES.get(f"{method} {path_of(template)}", f"Needs permission to {act.value}.")


def roles(act: Act) -> list[str]:
    """Return who may do `act`, in the order of the roles."""
    return [role.value for role in type(next(iter(PERMISSIONS[act]))) if role in PERMISSIONS[act]]


def _schemas() -> tuple[dict[str, Json], Json]:
    """Return the schema of each body and answer by its place in the table, and what they share."""
    found, shared = TypeAdapter.json_schemas(list(_uses()), ref_template="#/components/schemas/{model}")
    # Everything was asked for inside a tuple, which takes the configuration that reads the attributes' sentences.
    return {name: schema["items"] for (name, _), schema in found.items()}, shared.get("$defs", {})


def _uses() -> Iterator[Use]:
    for number, operation in enumerate(OPERATIONS):
        if operation.changes:
            yield f"{number} body", "validation", _rows_of(operation.body)
        if operation.is_json:
            yield f"{number} answer", "serialization", _rows_of(operation.answer)


def _rows_of(kind: Any) -> TypeAdapter[Any]:
    rows: Any = types.GenericAlias(tuple, (kind, ...))
    return TypeAdapter(rows, config=ConfigDict(use_attribute_docstrings=True))


def _operation(operation: Operation, body: Json | None, answer: Json | None) -> Json:
    media = operation.media
    content = {media: {"schema": answer if answer is not None else {"type": "string", "format": "binary"}}}
    told: Json = {
        **_common(operation.method, operation.path, operation.act, operation.says),
        "responses": {"200": {"description": "Done.", "content": content}, **_errors()},
    }
    told["parameters"] += [_query(name) for name in operation.query]
    if operation.changes:
        told["parameters"].append(_IDEMPOTENCY)
        taken: Json = {"application/json": {"schema": body}}
        told["requestBody"] = {"required": operation.needs_body, "content": taken}
    return told


def _stream(stream: Stream) -> Json:
    content = {stream.media: {"schema": {"type": "string", "format": "binary"}}}
    told = _common("GET", stream.path, stream.act, "")
    told["parameters"] += [_query(name) for name in stream.query]
    return {
        **told,
        "responses": {"200": {"description": "Bytes, as long as there are any.", "content": content}, **_errors()},
    }


def _common(method: str, template: str, act: Act, own: str) -> Json:
    path = path_of(template)
    return {
        "operationId": "-".join([method.lower(), *re.findall(r"[\w]+", path)]),
        "summary": says(method, template, act, own),
        "tags": [path.split("/")[1]],
        "parameters": [_path(name, kind) for name, kind in _BRACES.findall(template)],
        "x-act": act.value,
        "x-roles": roles(act),
    }


def _path(name: str, kind: str) -> Json:
    number = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
    text = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[^/]+$"}
    return {"name": name, "in": "path", "required": True, "schema": number if kind else text}


def _query(name: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string", "maxLength": MOST_QUERY}}


_IDEMPOTENCY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key again, by the same person for the same path, gives the first answer and does nothing.",
    "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
}


def _errors() -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    words = {"text/plain": {"schema": {"type": "string"}}}
    return {
        str(status): {"description": meaning, "content": {**error, **(words if status in _PLAIN else {})}}
        for status, meaning in ANSWERS.items()
    }


# --- the guide ---------------------------------------------------------------------------------------------------

BEGIN, END = "<!-- operations: made by python -m agent.web.openapi docs/api.md -->", "<!-- end of operations -->"


def table() -> str:
    """Return every operation as a table in Markdown, by noun."""
    rows = ["| operation | what it does | who may |", "|---|---|---|"]
    for path, methods in description()["paths"].items():
        for method, told in methods.items():
            who = ", ".join(role for role in told["x-roles"] if role != "box")
            rows.append(f"| `{method.upper()} /api{path}` | {told['summary']} | {who or '—'} |")
    return "\n".join(rows)


def with_table(guide: str) -> str:
    """Return the guide with its table made anew."""
    head, _, rest = guide.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def as_text() -> str:
    """Return the document as JSON text."""
    return json.dumps(description(), ensure_ascii=False, indent=1)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_table(target.read_text(encoding="utf-8")), encoding="utf-8")
