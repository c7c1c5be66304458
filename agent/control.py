"""Who works on a source: at most one screen while an exam is open on it, any other reads only (technician.md B2).

Kept in memory: after a restart nobody works anywhere, and the first who acts does. The box itself, its pedals and the
command line never ask for it, nor does an emergency exam.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.actor import Actor, Role
from agent.errors import NotInControl
from agent.store import Exam


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    exam_id: str
    holder: str
    name: str


def holder(actor: Actor) -> str:
    """Return what stands for the screen, else the session, else the program that asks."""
    return f"screen:{actor.screen}" if actor.screen else f"session:{actor.session or actor.name}"


class Control:
    """Remembers who controls which source; `open_on` tells the exam that is open there."""

    def __init__(self, open_on: Callable[[str], Exam | None]) -> None:
        self._open_on = open_on
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def assert_mine(self, source: str, actor: Actor) -> None:
        """Raise `NotInControl` while another screen works on the open exam of `source`; nobody there: it is mine."""
        if actor.role is Role.BOX:
            return
        exam = self._open_on(source)
        with self._lock:
            held = self._held.get(source)
            if exam is None:
                return
            if held is None or held.exam_id != exam.exam_id:
                self._held[source] = _Held(exam_id=exam.exam_id, holder=holder(actor), name=actor.name)
            elif held.holder != holder(actor):
                raise NotInControl

    def take(self, source: str, exam_id: str, actor: Actor) -> None:
        """From now on `actor` works on `source`: it opened the exam, or took it over."""
        if actor.role is not Role.BOX:
            with self._lock:
                self._held[source] = _Held(exam_id=exam_id, holder=holder(actor), name=actor.name)

    def controller(self, source: str) -> str:
        """Return the name of whoever works on `source`; empty: nobody yet."""
        held = self._now(source)
        return held.name if held else ""

    def is_mine(self, source: str, actor: Actor) -> bool:
        """Return whether `actor` may act on `source` without taking over."""
        held = self._now(source)
        return actor.role is Role.BOX or held is None or held.holder == holder(actor)

    def _now(self, source: str) -> _Held | None:
        exam, held = self._open_on(source), self._held.get(source)
        return held if exam is not None and held is not None and held.exam_id == exam.exam_id else None
