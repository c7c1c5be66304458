"""The worker of the audit trail: anchors it, delivers it to the repository, lets old rows go (H23, ruling 18).

Rows are written by the store in the transaction of what they tell of; here nothing is ever changed in them. A row
leaves when it is old and the repository has it; where there is no repository, it stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from agent.audit_anchor import Anchor, leads_through
from agent.audit_event import SECURITY_CONFIGURED, Result
from agent.child import AUDIT, Child
from agent.errors import AgentError, ChildDied
from agent.launcher import Launcher
from agent.model import TlsMaterial
from agent.store import AuditRow, Stamp, Store

BATCH = 100
_TURN_S = 2.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 300.0
BROKEN, UNDELIVERED = "A-20", "A-21"
"""Codes of the alarms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where the trail is delivered."""

    host: str
    port: int
    tls: TlsMaterial
    timeout_s: float
    box: str
    site: str


def longest_send_s(timeout_s: float) -> float:
    """Return how long one batch may take in all: name and connection, handshake, rows and their acknowledgement."""
    return 3 * timeout_s


def stand(store: Store, anchor: Anchor, stamp: Stamp) -> None:
    """At a start, before anything is written: see that the trail stands on its anchor, and write down when it does not.

    An empty trail beside an anchor is a database that was lost: the numbers go on where they were, so that the
    repository never gets one twice.
    """
    known, number = anchor.read(), store.audit.head()[0]
    if known is None and (number or anchor.lost):
        store.audit.record(SECURITY_CONFIGURED, stamp, Result.SERIOUS_FAILURE, subject="audit anchor", reason="missing")
    elif known is not None and not number and known[0]:
        store.audit.rebase(*known)
        told = {"subject": "audit trail", "reason": f"rows up to {known[0]} were lost with the database"}
        store.audit.record(SECURITY_CONFIGURED, stamp, Result.SERIOUS_FAILURE, **told)
    if known is None and not anchor.lost:
        anchor.write(*store.audit.head())
    elif known is not None and not leads_through(store, *known):
        told = {"subject": "audit trail", "reason": "it does not lead to its anchor"}
        store.audit.record(SECURITY_CONFIGURED, stamp, Result.SERIOUS_FAILURE, **told)


def keep_anchor(store: Store, anchor: Anchor) -> bool:
    """Move the anchor to the newest row, if the chain leads there from the old one; False: it does not."""
    known, head = anchor.read(), store.audit.head()
    if known != head:
        if known is None or not leads_through(store, *known):
            return False
        anchor.write(*head)
    return True


class AuditTrail:
    """Anchors every two seconds, delivers what is new, and forgets what is old and delivered."""

    def __init__(
        self,
        store: Store,
        anchor: Anchor,
        launcher: Launcher,
        *,
        repository: Repository | None,
        keep_s: float,
        stamp: Callable[[], Stamp],
        turned: Callable[[], None],
    ) -> None:
        self._store, self._anchor, self._launcher = store, anchor, launcher
        self._repository, self._keep_s = repository, keep_s
        self._stamp, self._turned = stamp, turned
        self._child: Child | None = None
        self._failures, self._not_before = 0, 0.0
        self._stopping = False

    def run(self, stop: threading.Event) -> None:
        """Turn every two seconds until `stop`, and once more at the end; the thread's main loop."""
        try:
            while not stop.is_set():
                self._turned()
                self.turn()
                stop.wait(_TURN_S)
            self.keep_anchor()
        finally:
            self._close()

    def wake(self) -> None:
        """Let go of a repository that is waited for, so that a stop is noticed at once; from any thread."""
        self._stopping = True
        child = self._child
        if child is not None:
            with suppress(AgentError):
                child.stop()

    def turn(self) -> None:
        """Do everything once."""
        self.keep_anchor()
        stamp = self._stamp()
        left = self._not_before - stamp.unix  # further ahead than any wait: a clock that jumped back
        if self._repository is not None and not 0 < left <= _LONGEST_WAIT_S:
            self._deliver(self._repository, stamp)
        cut = datetime.fromtimestamp(stamp.unix - self._keep_s, UTC).isoformat(timespec="milliseconds")
        self._store.audit.let_go(cut)

    def keep_anchor(self) -> bool:
        """Move the anchor to the newest row, if the chain leads there from the old one; else raise the alarm."""
        if keep_anchor(self._store, self._anchor):
            return True
        words = "The audit trail was changed from outside; `modality-agent audit verify` names the place."
        self._store.records.raise_alarm(BROKEN, "audit", words, self._stamp())
        return False

    # --- delivering -----------------------------------------------------------------------------------------

    def _deliver(self, repository: Repository, stamp: Stamp) -> None:
        try:
            while rows := self._store.audit.after(self._store.audit.base().delivered, BATCH):
                self._send(repository, rows)
                self._store.audit.delivered(rows[-1].number)
                self._turned()
                if self._failures:
                    self._failures = 0
                    self._store.records.clear_alarm(UNDELIVERED, "audit", stamp)
        except AgentError as e:
            self._close()
            if self._stopping:
                return
            self._failures += 1
            self._not_before = stamp.unix + min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 10))
            self._store.records.raise_alarm(UNDELIVERED, "audit", e.message, stamp)

    def _send(self, repository: Repository, rows: list[AuditRow]) -> None:
        if self._stopping:
            raise ChildDied
        if self._child is None or self._child.death is not None:
            self._child = Child(AUDIT, self._launcher)
            self._child.wait_ready()
        request: dict[str, Any] = {
            **asdict(repository),
            "rows": [{"text": row.text, "sha256": row.sha256} for row in rows],
        }
        self._child.request("send", request, deadline_s=longest_send_s(repository.timeout_s))

    def _close(self) -> None:
        if self._child is not None:
            with suppress(AgentError):
                self._child.stop()
            self._child = None
