"""Between choosing a row and opening its exam: what found it, what may confirm it, and whether that was done.

A choice is made by showing the confirm screen; it stays in memory. A scan from before the choice found the row, a scan
from after it is held against the row (ruling 10). `confirmation` holds the rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent import confirmation
from agent.clock import Clock
from agent.confirmation import Allowed, ListAges
from agent.scans import Scanned, Scans
from agent.store import Store
from agent.store.worklists import Entry

CHOICE_S = 600.0
"""A choice or a scan older than this belongs to another patient's story."""
FOUND_S = 3600.0
"""How long an entry stays that was asked for by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One row that somebody looks at on the confirm screen."""

    key: str
    at: float
    """Monotonic seconds."""
    found_by_scan: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRules:
    """The site's policy; `site` tells what confirms a patient at a source."""

    site: Callable[[str], str]
    ages: ListAges
    gsrn_prefixes: tuple[str, ...] = ()


class Choices:
    """Remembers for each source and screen which row is being confirmed."""

    def __init__(self, store: Store, clock: Clock, scans: Scans, rules: ConfirmRules) -> None:
        self._store, self._clock, self._scans, self.rules = store, clock, scans, rules
        self._made: dict[tuple[str, str], Choice] = {}
        self._lock = threading.Lock()

    def choose(self, source: str, key: str, holder: str) -> Choice:
        """Return the choice of `key` on the screen `holder`, made now unless it was made a moment ago."""
        now, last = self._clock.monotonic(), self._scans.last(source)
        with self._lock:
            made = self._made.get((source, holder))
            if made is None or made.key != key or now - made.at > CHOICE_S:
                found = last is not None and key in last.keys and now - last.seen_at <= CHOICE_S
                made = self._made[(source, holder)] = Choice(key=key, at=now, found_by_scan=found)
        return made

    def age_s(self, entry: Entry) -> float | None:
        """Return how old the knowledge of an entry is in seconds; None: not known."""
        now = self._clock.now()
        fetched_at = self._store.worklists.fetched_at()
        ages = [now.timestamp() - (entry.found_until - FOUND_S)] if entry.found_until else []
        ages += [(now - datetime.fromisoformat(fetched_at)).total_seconds()] if fetched_at else []
        # An age from the future is a clock that jumped: not known.
        return min(ages) if ages and min(ages) >= -1 else None

    def may(self, source: str, entry: Entry, holder: str) -> Allowed:
        """Return what may confirm an entry on this screen now."""
        choice = self.choose(source, entry.step.key, holder)
        return confirmation.allowed(
            self.rules.site(source),
            found_by_scan=choice.found_by_scan,
            list_age_s=self.age_s(entry),
            ages=self.rules.ages,
        )

    def matching_scan(self, source: str, key: str, holder: str) -> Scanned | None:
        """Return the scan that came after the choice of `key`, if any."""
        choice, last = self.choose(source, key, holder), self._scans.last(source)
        return last if last is not None and last.seen_at > choice.at else None

    def assert_confirmed(self, source: str, entry: Entry, mode: str, typed: str, holder: str) -> str:
        """Return the mode that confirmed the patient of an entry; an empty one is told from what was typed.

        Raises `NotConfirmed` or `IdentityMismatch`. `scan` with nothing typed takes the reader's own scan.
        """
        may = self.may(source, entry, holder)
        mode = mode or self._meant(source, typed)
        if mode == "scan" and not typed:
            scan = self.matching_scan(source, entry.step.key, holder)
            typed = scan.text if scan else ""
        confirmation.assert_confirmed(entry.step.patient, mode, typed, may, self.rules.gsrn_prefixes)
        return mode

    def _meant(self, source: str, typed: str) -> str:
        if not typed:
            return "click"
        return "scan" if self.rules.site(source) == "scan" else "reenter"

    def forget(self, source: str) -> None:
        """An exam was opened: choices and the scan that led to it are used up."""
        self._scans.forget(source)
        with self._lock:
            self._made = {at: choice for at, choice in self._made.items() if at[0] != source}
