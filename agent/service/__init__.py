"""Everything that a person or a program may ask of the box, by noun, one method each; no I/O of its own.

The command line, the page and the JSON interface all call this and nothing else. Who may do what stands in
`agent.actor` and is asked once per request, before one of these methods is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.changes import Changes
from agent.exam import Examinations
from agent.service.accounts import Accounts, NewScreen
from agent.service.administration import Administration
from agent.service.audit import Audit
from agent.service.captures import Captures
from agent.service.connections import Connections
from agent.service.exams import Exams
from agent.service.groups import Groups
from agent.service.health import Health
from agent.service.overview import BoxFacts, Overview
from agent.service.patients import Patients
from agent.service.queue import Queue
from agent.service.review import Review
from agent.service.tray import Tray
from agent.store import Store

__all__ = [
    "Accounts", "Audit", "BoxFacts", "Captures", "Connections", "Exams", "Groups", "Health", "NewScreen", "Overview",
    "Patients", "Queue", "Repeats", "Review", "Service", "Tray",
]  # fmt: skip

_LOCKS = 32
"""Requests with different keys wait for each other only by chance."""


class Repeats:
    """Answers already given: the same request again changes nothing."""

    def __init__(self, store: Store, exams: Examinations) -> None:
        self._store, self._exams = store, exams
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    def once(self, key: str, act: Callable[[], Any]) -> Any:
        """Return what `act` returns (JSON values), done once for each non-empty `key`; a repetition changes nothing.

        The answer is durable on return. Two requests with one key that arrive together are served one after another.
        """
        if not key:
            return act()
        with self._locks[hash(key) % _LOCKS]:
            given = self._store.records.answer(key)
            if given is None:
                given = {"answer": act()}
                self._store.records.remember(key, given, self._exams.stamp(""))
        return given["answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The box, as asked from outside."""

    box: Overview
    health: Health
    patients: Patients
    exams: Exams
    captures: Captures
    queue: Queue
    groups: Groups
    tray: Tray
    review: Review
    connections: Connections
    accounts: Accounts
    audit: Audit
    administration: Administration
    repeats: Repeats
    changes: Changes
