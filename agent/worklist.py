"""The Modality Worklist as the core knows it: asked through a peer child, cached with its age, usable offline.

What a server sends is decoded, repaired and filtered in the child (PS3.4 Annex K); here only plain values come in.
A failed query leaves the last good list as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from agent.audit_event import QUERY, Result
from agent.clock import Clock
from agent.errors import AgentError, PeerError, WorklistUnreachable
from agent.model import ClockTrust, PeerAddress, WorklistAnswer, WorklistQuery
from agent.outcome import Outcome
from agent.peers import Peers, echo
from agent.plain import from_plain, to_plain
from agent.store import Store
from agent.store.transition import Stamp

_TURN_S = 10.0
_KEYS = frozenset(
    {"patient_id", "accession_number", "patient_name", "date_from", "date_to", "modality", "station_ae_title"}
)
"""What of a query says whom it was about."""
_SECONDS_PER_ANSWER = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistRules:
    """Which part of the list this box wants, from the configuration."""

    days_before: int
    days_after: int
    modality: str
    station_ae_title: str
    maximum_items: int
    assume_charset: str
    trim_keys: tuple[str, ...]
    refresh_s: float


class Worklist:
    """Keeps the cached list fresh; `peer` is None where the site has no worklist server."""

    def __init__(
        self,
        peer: PeerAddress | None,
        rules: WorklistRules,
        store: Store,
        peers: Peers,
        clock: Clock,
        *,
        stamp: Callable[[], Stamp],
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
    ) -> None:
        self.peer, self._rules = peer, rules
        self._store, self._peers, self._clock = store, peers, clock
        self._stamp, self._notice, self._turned = stamp, notice, turned
        self._asking = threading.Lock()
        self.unreadable = 0
        """Entries of good answers that could not be read, in this run."""
        self.trouble: AgentError | None = None
        """Why the last query failed; None after a good one."""

    def run(self, stop: threading.Event) -> None:
        """Refresh the list now and then until `stop`; the thread's main loop."""
        next_at = 0.0
        while not stop.is_set():
            self._turned()
            now = self._clock.monotonic()
            if self.peer is not None and now >= next_at:
                next_at = now + self._rules.refresh_s
                self._refresh_quietly()
            stop.wait(max(0.05, min(_TURN_S, next_at - self._clock.monotonic())) if self.peer else _TURN_S)

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except AgentError:
            return  # kept in `trouble`, shown with the list's age

    def refresh(self) -> WorklistAnswer:
        """Ask the server for the box's window, cache the answer and return it; durable on return.

        Raises `WorklistUnreachable` or `WorklistRefused` with the failing phase in words.
        """
        query = self._window()
        answer = self._ask(query)
        self.unreadable += len(answer.unreadable)
        before = {entry.step for entry in self._store.worklists.get().entries}
        self._store.worklists.replace(answer, self._stamp())
        if not before.issuperset(answer.steps):  # a list that tells of nobody new is no disclosure
            self._tell(query, str(len(answer.steps)), Result.SUCCESS)
        self._notice("worklist", "")
        return answer

    def try_out(self) -> WorklistAnswer:
        """Ask for the box's window as `refresh` does, and keep nothing of the answer (a test by an engineer)."""
        return self._call(self._window(), None)

    def _window(self) -> WorklistQuery:
        today = self._clock.now().date()
        return self._query(
            date_from=f"{today - timedelta(days=self._rules.days_before):%Y%m%d}",
            date_to=f"{today + timedelta(days=self._rules.days_after):%Y%m%d}",
        )

    def echo(self) -> Outcome:
        """Ask the worklist server with C-ECHO and return what came of it (PS3.4 Annex A)."""
        if self.peer is None:
            raise WorklistUnreachable("No worklist server is configured.")
        return echo(self.peer, self._peers)

    def search(
        self,
        *,
        patient_id: str = "",
        accession_number: str = "",
        patient_name: str = "",
        deadline_s: float | None = None,
    ) -> WorklistAnswer:
        """Ask the server for matching entries without touching the cached list (barcode, number, name).

        `deadline_s` bounds the whole of it where a person waits. Raises `WorklistUnreachable`, `WorklistRefused`.
        """
        keys = replace(
            self._query(), patient_id=patient_id, accession_number=accession_number, patient_name=patient_name
        )
        try:
            answer = self._ask(keys, deadline_s)
        except AgentError as e:
            self._tell(keys, e.code, Result.MINOR_FAILURE)
            raise
        self._tell(keys, str(len(answer.steps)), Result.SUCCESS)
        return answer

    def _tell(self, query: WorklistQuery, came: str, result: Result) -> None:
        """Keep for the audit what was asked for (PS3.15 A.5.3.10); `came`: how many entries, or why none. Durable."""
        asked = {key: value for key, value in asdict(query).items() if key in _KEYS and value}
        text = "&".join(f"{key}={value}" for key, value in asked.items())
        self._store.audit.record(QUERY, self._stamp(), result, subject="worklist", query=text, reason=came)

    def find(self, numbers: tuple[str, ...], until_s: float, deadline_s: float) -> int:
        """Ask the server for the entries that carry one of `numbers` (an order's, else a patient's) and keep them.

        They stay in the cached list for `until_s` seconds, durable on return; returns how many there are.
        """
        for number in numbers:
            for key in ("accession_number", "patient_id"):
                answer = self.search(**{key: number}, deadline_s=deadline_s)
                if answer.steps:
                    stamp = self._stamp()
                    self._store.worklists.add(answer.steps, stamp.unix + until_s, stamp)
                    self._notice("worklist", "")
                    return len(answer.steps)
        return 0

    def _query(self, *, date_from: str = "", date_to: str = "") -> WorklistQuery:
        return WorklistQuery(
            date_from=date_from,
            date_to=date_to,
            today=f"{self._clock.now():%Y%m%d}",
            modality=self._rules.modality,
            station_ae_title=self._rules.station_ae_title,
            max_items=self._rules.maximum_items,
            assume_charset=self._rules.assume_charset,
            trim=self._rules.trim_keys,
        )

    def _ask(self, query: WorklistQuery, deadline_s: float | None = None) -> WorklistAnswer:
        try:
            answer = self._call(query, deadline_s)
        except AgentError as e:
            self.trouble = e
            self._notice("worklist", "")
            raise
        self.trouble = None
        return answer

    def _call(self, query: WorklistQuery, deadline_s: float | None) -> WorklistAnswer:
        peer = self.peer
        if peer is None:
            raise WorklistUnreachable("No worklist server is configured.")
        if peer.tls is not None and self._clock.trust() is ClockTrust.UNTRUSTED:
            raise WorklistUnreachable("The clock is not set, so no certificate can be checked.")
        limit = peer.connect_timeout_s + peer.association_timeout_s + peer.response_timeout_s
        limit += query.max_items * _SECONDS_PER_ANSWER + 10
        request: dict[str, Any] = {"peer": asdict(peer), "query": to_plain(query)}
        with self._asking:
            answer, _ = self._peers.call("worklist", request, deadline_s=min(limit, deadline_s or limit))
        try:
            return from_plain(WorklistAnswer, answer["answer"])
        except (KeyError, ValueError) as e:
            raise PeerError("The worklist child answered what was not understood.") from e
