"""How the box is, asked by monitoring: measured now, at most once a second whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from agent.clock import Clock
from agent.health import KINDS, Limits, Measured, judge, worst
from agent.lifecycle import DestinationState, DeviceState
from agent.model import ClockTrust
from agent.service.age import age
from agent.store import Store
from agent.view import HealthPartView, HealthView, SourceView

_DAY_S = 86400.0
_FRESH_S = 1.0
"""An answer younger than this is given again: the bare page is open to anybody who reaches the box."""
_TRUST: Mapping[ClockTrust, int] = {
    ClockTrust.SYNCHRONISED: 0, ClockTrust.HOST: 0, ClockTrust.CONFIRMED: 1, ClockTrust.UNTRUSTED: 2,
}  # fmt: skip


class Health:
    """Measures every part; `worklist` and `audit` are False where the site has no such peer."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        limits: Mapping[str, Limits],
        *,
        sources: Callable[[], tuple[SourceView, ...]],
        destinations: tuple[str, ...],
        worklist: bool,
        audit: bool,
        images_left: Callable[[], int],
        certificates: Callable[[], dict[str, float]],
    ) -> None:
        self._store, self._clock, self._limits = store, clock, limits
        self._sources, self._destinations = sources, destinations
        self._worklist, self._audit = worklist, audit
        self._images_left, self._certificates = images_left, certificates
        self._began = clock.monotonic()
        self._lock = threading.Lock()
        self._last: tuple[float, HealthView] | None = None

    def view(self) -> HealthView:
        """Return the word for the box and for every part; nothing of a patient."""
        with self._lock:
            now = self._clock.monotonic()
            if self._last is None or not 0 <= now - self._last[0] < _FRESH_S:
                self._last = (now, self._made())
            return self._last[1]

    def bare(self) -> dict[str, object]:
        """Return the word for the box and, for each kind of part, that of its worst and its number; no names."""
        view = self.view()
        kinds: dict[str, HealthPartView] = {}
        for part in view.parts:
            known = kinds.get(part.part)
            if known is None or worst((known.state, part.state)) != known.state:
                kinds[part.part] = part
        return {"state": view.state, "parts": {k: {"state": p.state, "value": p.value} for k, p in kinds.items()}}

    def _made(self) -> HealthView:
        parts = tuple(self._part(measured) for measured in self._measured())
        return HealthView(
            state=worst(part.state for part in parts).value,
            at=self._clock.now().isoformat(timespec="seconds"),
            parts=parts,
            alarms=len(self._store.records.alarms()),
        )

    def _part(self, measured: Measured) -> HealthPartView:
        limit = self._limits.get(measured.kind)
        return HealthPartView(
            part=measured.kind,
            name=measured.name,
            state=judge(measured, self._limits).value,
            value=round(measured.value, 1),
            unit=KINDS[measured.kind].unit,
            attention_at=limit.attention if limit else None,
            failing_at=limit.failing if limit else None,
            proven_at=measured.proven_at,
        )

    # --- measuring ------------------------------------------------------------------------------------------

    def _measured(self) -> Iterator[Measured]:
        now = self._clock.now().timestamp()
        yield Measured(kind="disk", name="", value=self._images_left())
        yield Measured(kind="clock", name="", value=_TRUST[self._clock.trust()])
        for name, end in self._certificates().items():
            yield Measured(kind="certificate", name=name, value=(end - now) / _DAY_S)
        oldest = self._store.figures.queue()["oldest"].values()
        yield Measured(kind="queue", name="", value=max(0.0, now - min(oldest, default=now)))
        for source in self._sources():
            yield Measured(kind="source", name=source.name, value=self._not_ready_s(source))
        yield from self._peers(now)

    def _not_ready_s(self, source: SourceView) -> float:
        """Return for how long a source has not been ready; a device that is switched off is never failing."""
        if source.state == DeviceState.READY:
            return 0.0
        idle = source.state == DeviceState.NO_SIGNAL and not source.exam_id
        return min(source.since_s, self._limits["source"].failing) if idle else source.since_s

    def _peers(self, now: float) -> Iterator[Measured]:
        proven = self._store.figures.proven()
        for name in self._destinations:
            belief = self._store.destinations.get(name)
            down = belief is not None and belief.state is not DestinationState.UP
            value = max(0.0, now - _unix(belief.since)) if belief is not None and down else 0.0
            yield Measured(kind="destination", name=name, value=value, proven_at=proven.get(name, ""))
        if self._worklist:
            at = self._store.worklists.get().fetched_at
            old = age(self._clock, at)
            never = self._clock.monotonic() - self._began
            yield Measured(kind="worklist", name="", value=never if old is None else max(0.0, old), proven_at=at)
        if self._audit:
            waits = self._store.figures.undelivered_audit()
            yield Measured(kind="audit", name="", value=max(0.0, now - _unix(waits)) if waits else 0.0)


def _unix(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
