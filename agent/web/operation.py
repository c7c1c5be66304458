"""One operation of the JSON interface as a value: where it is, who may do it, what it takes and what it answers.

Everything that must hold for all routes (roles, CSRF, OpenAPI, size of a body) is made from these rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from agent.accounts.credentials import Credentials, Issued
from agent.actor import Act, Actor
from agent.errors import BadRequest
from agent.service import Service

IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""Of a request that may be sent again; a key of another form is refused, never shortened."""
MOST_QUERY = 200
"""Characters of one query parameter."""
_STRICT = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """A body without values; also an answer that says no more than that it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request after it was parsed. `path` holds the values of the path's braces, `body` is of `Operation.body`."""

    actor: Actor
    path: Mapping[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    credentials: Credentials = field(default_factory=Credentials)

    @property
    def who(self) -> str:
        """The name that goes into the history."""
        return self.actor.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer that brings new cookies."""

    value: Any
    issued: Issued


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row. `does` calls one service method and returns a view, a tuple of views or JSON values."""

    method: str
    path: str
    act: Act
    does: Callable[[Service, Call], Any]
    answer: Any
    """Type of the answer, for the description of the interface."""
    body: type[Any] = Nothing
    query: tuple[str, ...] = ()
    """Names of the query parameters that it takes; all are text and optional."""
    secret: bool = False
    """True: the answer has a token or a code in it, so it is never kept for a repetition of the request."""
    media: str = "application/json"
    """Of the answer; anything but JSON: `does` returns the bytes themselves."""
    says: str = ""
    """One sentence for the description of the interface."""

    @property
    def changes(self) -> bool:
        """Whether it may change something: everything but a GET does."""
        return self.method != "GET"

    @property
    def needs_body(self) -> bool:
        """Whether the body has a value without a default; else nothing at all may be sent."""
        return any(f.default is MISSING and f.default_factory is MISSING for f in fields(self.body))

    @property
    def is_json(self) -> bool:
        """Whether the answer is a view; else it is bytes, which are never kept for a repetition."""
        return self.media == "application/json"


def body_type(cls: type[Any]) -> type[Any]:
    """Make `cls` the type of a body: a frozen dataclass that takes its own keys and no others, strictly typed."""
    return with_config(_STRICT)(dataclass(frozen=True, slots=True, kw_only=True)(cls))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def parsed(kind: Any, raw: bytes) -> Any:
    """Return the body of a request as a value of `kind`; raises `BadRequest`, which names the fields, never values."""
    try:
        return _adapter(kind).validate_json(raw or b"{}")
    except ValidationError as e:
        places = sorted({".".join(str(part) for part in error["loc"]) or "the body" for error in e.errors()})
        raise BadRequest(f"Not understood: {', '.join(places)[:200]}.") from None
