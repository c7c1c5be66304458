"""The root of every error of ours: its code, its sentence, who has to act, and how it crosses borders."""


from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Blame(StrEnum):
    """Who has to act so that the same thing does not happen again."""

    PERSON = "person"
    DEVICE = "device"
    BOX = "box"
    DESTINATION = "destination"
    INSTANCE = "instance"


class AgentError(Exception):
    """Something went wrong inside the box."""

    code: ClassVar[str] = "B-00"
    blame: ClassVar[Blame] = Blame.BOX
    hint: ClassVar[str] = "Call IT and name the code."
    safe: ClassVar[str] = "What was captured before is safe."
    """What is known about the pictures; empty: the message says it, or nothing can be said."""
    _by_code: ClassVar[dict[str, type[AgentError]]] = {}

    def __init_subclass__(cls) -> None:
        other = AgentError._by_code.setdefault(cls.code, cls)
        if other is not cls and other.__qualname__ != cls.__qualname__ and "code" in cls.__dict__:
            raise TypeError(f"{cls.__name__} and {other.__name__} share the code {cls.code}")

    def __init__(self, message: str = "", **facts: str | int | float | None) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.facts = facts
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint} ({self.code})"

    @classmethod
    def by_code(cls, code: str) -> type[AgentError]:
        """Return the class of a code; an unknown one is a plain `AgentError`."""
        return cls._by_code.get(code, AgentError)

    def to_wire(self) -> dict[str, Any]:
        """Return the error as JSON-ready values, to cross a process border."""
        return {"code": self.code, "message": self.message, "facts": self.facts}


def from_wire(value: dict[str, Any]) -> AgentError:
    """Return the error that `to_wire` described; an unknown code becomes a plain `AgentError`."""
    kind = AgentError.by_code(str(value.get("code")))
    return kind(str(value.get("message", "")), **dict(value.get("facts") or {}))
