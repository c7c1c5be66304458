"""One page, or one act of a page, as a value: where it is, who may have it, what it does; and one visit to it.

A GET shows, a POST acts and sends the browser on (post–redirect–get), so that *back* and *refresh* change nothing.
A form carries the key under which its act is done once, and the token of the state that it was drawn from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from agent.actor import Act, Actor, may
from agent.errors import BadRequest
from agent.service import Service

_LONGEST = 4096
_MOST_FIELDS = 400


def _(text: str) -> str:
    """Mark a text that is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for a page after it was parsed."""

    service: Service
    actor: Actor
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Every value of the form's fields that came more than once."""
    language: str = "en"
    here: str = "/"
    """Path of the address, without its query."""

    @property
    def who(self) -> str:
        """The name that goes into the history."""
        return self.actor.name

    @property
    def token(self) -> str:
        """The state that the form was drawn from; empty: it does not depend on any."""
        return self.form.get("token", "")

    def may(self, act: Act) -> bool:
        """Return whether whoever looks may do `act` (what may not be done is not shown)."""
        return may(self.actor, act)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a GET answers: a template and what it needs."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What a GET answers when it is to be kept outside the box: a small file under a name."""

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One row. A GET returns what is shown; a POST does one thing and returns the address that shows it."""

    method: str
    path: str
    act: Act
    does: Callable[[Visit], Shown | File | str]
    back: Callable[[Visit], Shown] | None = None
    """What is shown, with the reason on top, when the act was refused; None: the reason alone."""
    longest: int = _LONGEST
    """Characters that a field of its form may have."""


def show(template: str, *, status: int = 200, **values: Any) -> Shown:
    """Return what a GET answers."""
    return Shown(template=template, values=values, status=status)


def get(path: str, act: Act, does: Callable[[Visit], Shown | File | str]) -> Page:
    """Return a row that shows (or sends on to where the thing is shown now)."""
    return Page(method="GET", path=path, act=act, does=does)


def post(
    path: str,
    act: Act,
    does: Callable[[Visit], str],
    back: Callable[[Visit], Shown] | None = None,
    *,
    longest: int = _LONGEST,
) -> Page:
    """Return a row that acts and returns where to go."""
    return Page(method="POST", path=path, act=act, does=does, back=back, longest=longest)


def fields(raw: bytes, longest: int = _LONGEST) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return (first values, all values) of a form; raises `BadRequest` for one that is no form of ours."""
    try:
        parsed = parse_qs(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise BadRequest("The form was not understood.") from None
    if any(len(value) > longest for values in parsed.values() for value in values):
        raise BadRequest("The form was not understood.")
    return {name: values[0] for name, values in parsed.items()}, {k: tuple(v) for k, v in parsed.items()}
