"""Watches the box's own certificates: told 60, 30 and 7 days before they end (ruling 16)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from agent.child import BUILD, Child
from agent.errors import AgentError
from agent.launcher import Launcher
from agent.store import Store
from agent.store.transition import Stamp

WARNINGS = ((7, "C-07"), (30, "C-30"), (60, "C-60"))
"""Days left → code of the alarm; the first that holds is raised, the others are cleared."""
Facts = dict[str, str]
_DAY_S = 86400.0
_TURN_S = 10.0
_AGAIN_S = 300.0
"""After a reading that did not come about: the build child was late on a slow or busy board."""
_READ_S = 30.0


class Certificates:
    """The worker that reads every certificate once a day; `files` maps a name for people to a path."""

    def __init__(
        self,
        files: Mapping[str, str],
        store: Store,
        launcher: Launcher,
        *,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self._files, self._store, self._launcher = dict(files), store, launcher
        self._stamp, self._notice, self._turned = stamp, notice, turned
        self._facts: dict[str, Facts] = {}

    def expiry(self) -> dict[str, float]:
        """Return name → end (Unix seconds) of every certificate that could be read."""
        return {name: _end_of(facts) for name, facts in self._facts.items() if "not_after" in facts}

    def facts(self) -> dict[str, Facts]:
        """Return name → subject, issuer, not_before, not_after, sha256 of every certificate, or why it has none."""
        return {name: self._facts.get(name, {}) for name in self._files}

    def run(self, stop: threading.Event) -> None:
        """Read all, then again every day; the thread's main loop."""
        due = self._stamp().unix + _TURN_S
        while not stop.wait(_TURN_S):
            self._turned()
            now = self._stamp().unix
            if now >= due or due > now + 2 * _DAY_S:
                due = now + (_DAY_S if self.look() else _AGAIN_S)

    def look(self) -> bool:
        """Read every certificate and raise or clear its alarms; False: there was no child that could read them."""
        try:
            child = Child(BUILD, self._launcher)
        except AgentError:
            return False
        try:
            child.wait_ready()
        except AgentError:
            child.stop()
            return False
        try:
            for name, path in self._files.items():
                try:
                    self._facts[name] = _read(child, path)
                    self._warn(name)
                except (AgentError, OSError) as e:  # what cannot be read is also told where it is used
                    why = e.message if isinstance(e, AgentError) else e.strerror
                    self._facts[name] = {"trouble": why or "unreadable"}
        finally:
            child.stop()
        return True

    def _warn(self, name: str) -> None:
        stamp = self._stamp()
        left = (_end_of(self._facts[name]) - stamp.unix) / _DAY_S
        code = next((code for days, code in WARNINGS if left <= days), "")
        for _, other in WARNINGS:
            if other != code:
                self._store.records.clear_alarm(other, name, stamp)
        if code:
            days = max(0, int(left))
            words = f"The certificate {name} ends in {days} days." if left > 0 else f"The certificate {name} has ended."
            self._store.records.raise_alarm(code, name, words, stamp)
            self._notice("alarm", name)


def _end_of(facts: Facts) -> float:
    return datetime.fromisoformat(facts["not_after"]).timestamp()


def _read(child: Child, path: str) -> Facts:
    """Return what the certificate at `path` says; the child may be another user and gets a descriptor."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        answer, _ = child.request("certificate", {}, [fd], deadline_s=_READ_S)
    finally:
        os.close(fd)
    return {key: str(answer[key]) for key in ("subject", "issuer", "not_before", "not_after", "sha256")}
