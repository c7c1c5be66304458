"""Watches the box's own certificates: told 60, 30 and 7 days before they end (ruling 16)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from agent.child import BUILD, Child
from agent.errors import AgentError
from agent.launcher import Launcher
from agent.store import Store
from agent.store.transition import Stamp

WARNINGS = ((7, "C-07"), (30, "C-30"), (60, "C-60"))
"""Days left → code of the alarm; the first that holds is raised, the others are cleared."""
_DAY_S = 86400.0
_TURN_S = 10.0
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
        self._expiry: dict[str, float] = {}

    def expiry(self) -> dict[str, float]:
        """Return name → end (Unix seconds) of every certificate that could be read."""
        return dict(self._expiry)

    def run(self, stop: threading.Event) -> None:
        """Read all, then again every day; the thread's main loop."""
        due = self._stamp().unix + _TURN_S
        while not stop.wait(_TURN_S):
            self._turned()
            now = self._stamp().unix
            if now >= due or due > now + 2 * _DAY_S:
                self.look()
                due = now + _DAY_S

    def look(self) -> None:
        """Read every certificate and raise or clear its alarms."""
        child = Child(BUILD, self._launcher)
        try:
            child.wait_ready()
            for name, path in self._files.items():
                with suppress(AgentError, OSError):  # what cannot be read is told where it is used
                    self._expiry[name] = _ends(child, path)
                    self._warn(name)
        finally:
            child.stop()

    def _warn(self, name: str) -> None:
        stamp = self._stamp()
        left = (self._expiry[name] - stamp.unix) / _DAY_S
        code = next((code for days, code in WARNINGS if left <= days), "")
        for _, other in WARNINGS:
            if other != code:
                self._store.records.clear_alarm(other, name, stamp)
        if code:
            words = f"The certificate {name} ends in {max(0, int(left))} days." if left > 0 else f"{name} has ended."
            self._store.records.raise_alarm(code, name, words, stamp)
            self._notice("alarm", name)


def _ends(child: Child, path: str) -> float:
    """Return when the certificate at `path` ends, Unix seconds; the child is another user and gets a descriptor."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        answer, _ = child.request("certificate", {}, [fd], deadline_s=_READ_S)
    finally:
        os.close(fd)
    return datetime.fromisoformat(str(answer["not_after"])).timestamp()
