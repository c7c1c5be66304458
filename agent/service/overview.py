"""The box as a whole: sources, destinations, alarms, counts; nothing of a patient."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent import __version__
from agent.actor import Actor, Role
from agent.clock import Clock
from agent.delivery import Destination
from agent.devices import Devices, DeviceView
from agent.errors import BadRequest, OutOfDate
from agent.lifecycle import DestinationState
from agent.model import PeerAddress
from agent.service.age import age
from agent.spool import Spool
from agent.store import Stamp, Store
from agent.tally import Tally
from agent.view import AlarmView, DestinationView, ProcessView, SourceView, StatusView
from agent.worklist import Worklist

_SHOWN_S = 120.0
"""A time that a person saw on a page is believed for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    """What never changes while the service runs."""

    name: str
    run_id: str
    language: str
    confirmation: str
    undo_window_s: float


class Overview:
    """Answers about the whole box. `recording` tells whether a source records a clip."""

    def __init__(
        self,
        facts: BoxFacts,
        store: Store,
        spool: Spool,
        clock: Clock,
        devices: Devices,
        worklist: Worklist,
        destinations: dict[str, Destination],
        *,
        recording: Callable[[str], bool],
        exam_facts: Callable[[str], dict[str, str]],
        confirm_clock: Callable[[Stamp], None],
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._facts, self._store, self._spool, self._clock = facts, store, spool, clock
        self._devices, self._worklist, self._destinations = devices, worklist, destinations
        self._recording, self._exam_facts = recording, exam_facts
        self._confirm_clock, self._stamp = confirm_clock, stamp
        self._since: dict[str, tuple[tuple[str, str], float]] = {}
        self.page = ""
        self.metrics: Callable[[], str] = str
        self.images_left: Callable[[], int] = int
        self.tally = Tally()

    @property
    def language(self) -> str:
        """The language of the screens on which nobody chose another."""
        return self._facts.language

    def status(self) -> StatusView:
        """Return the state of the whole box."""
        unsent = self._store.jobs.unsent()
        return StatusView(
            box=self._facts.name,
            version=__version__,
            run_id=self._facts.run_id,
            clock_trust=self._clock.trust().value,
            now=self._clock.now().isoformat(timespec="seconds"),
            language=self._facts.language,
            confirmation=self._facts.confirmation,
            undo_window_s=self._facts.undo_window_s,
            free_bytes=self._spool.free_bytes(),
            images_left=self.images_left(),
            unsent=sum(unsent.values()),
            sources=self.sources(),
            destinations=self._to(unsent),
            alarms=tuple(
                AlarmView(at=a["at"], code=a["code"], subject=a["subject"], words=a["words"])
                for a in self._store.records.alarms()
            ),
            worklist_age_s=age(self._clock, self._store.worklists.get().fetched_at),
            worklist_trouble=self._worklist.trouble.message if self._worklist.trouble else "",
            page=self.page,
        )

    def confirm_clock(self, actor: Actor, shown: str = "") -> StatusView:
        """Trust the clock until the next boot, because a named person says that it is right (ruling 6); durable.

        `shown` is the time that the person saw (ISO 8601): more than two minutes ago is out of date. Somebody who is
        not named is not believed.
        """
        if actor.role is not Role.BOX and not actor.name.strip():
            raise BadRequest("A named person has to vouch for the clock.")
        if shown and abs(_seconds(self._clock.now(), shown)) > _SHOWN_S:
            raise OutOfDate("The time that was shown is not the box's time any more.")
        self._confirm_clock(self._stamp(actor.name))
        return self.status()

    def unsent(self) -> int:
        """Return how many jobs are neither sent nor discarded."""
        return sum(self._store.jobs.unsent().values())

    def sources(self) -> tuple[SourceView, ...]:
        """Return every source with its signal and the exam open on it."""
        views = []
        for device in self._devices.views():
            exam = self._store.exams.open_on(device.name)
            views.append(
                SourceView(
                    name=device.name,
                    state=device.state.value,
                    reason=device.reason,
                    advice=device.advice,
                    signal=device.signal,
                    geometry=device.geometry,
                    resident_kb=device.resident_kb,
                    exam_id=exam.exam_id if exam else "",
                    recording=self._recording(device.name),
                    **self._exam_facts(device.name),
                    delivers=self._devices.get(device.name).setup.delivers,
                    since_s=self.noticed(device),
                )
            )
        return tuple(views)

    def noticed(self, device: DeviceView) -> float:
        """Take note of a source's state and signal; return for how many seconds they are what they are."""
        now, seen = self._clock.monotonic(), (device.state.value, device.signal)
        known = self._since.get(device.name)
        if known is None or known[0] != seen:
            known = self._since[device.name] = (seen, now)
        return now - known[1]

    def destinations(self) -> tuple[DestinationView, ...]:
        """Return what is believed of every destination and how much waits for it."""
        return self._to(self._store.jobs.unsent())

    def _to(self, unsent: dict[str, int]) -> tuple[DestinationView, ...]:
        return tuple(self._destination(d.peer, unsent.get(d.name, 0)) for d in self._destinations.values())

    def _destination(self, peer: PeerAddress, unsent: int) -> DestinationView:
        belief = self._store.destinations.get(peer.name)
        down = belief is not None and belief.state is not DestinationState.UP
        return DestinationView(
            name=peer.name,
            address=f"{peer.called_ae_title}@{peer.host}:{peer.port}",
            tls=peer.tls is not None,
            state=belief.state.value if belief else "not tried",
            code=belief.code if belief else "",
            words=belief.words if belief else "",
            next_try_s=max(0.0, belief.until - self._clock.now().timestamp()) if belief and down else None,
            unsent=unsent,
        )

    def process(self) -> ProcessView:
        """Return facts about the core process itself."""
        status = dict(line.split(":", 1) for line in _proc_status().splitlines() if ":" in line)
        return ProcessView(
            pid=os.getpid(),
            resident_kb=int(status["VmRSS"].split()[0]),
            peak_kb=int(status["VmHWM"].split()[0]),
            threads=threading.active_count(),
            modules=tuple(sorted({name.partition(".")[0] for name in sys.modules})),
        )


def _seconds(now: datetime, shown: str) -> float:
    try:
        told = datetime.fromisoformat(shown)
        return (now - (told if told.tzinfo else told.replace(tzinfo=now.tzinfo))).total_seconds()
    except (ValueError, OverflowError):
        raise BadRequest("The time was not understood.") from None


def _proc_status() -> str:
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:  # noqa: PTH123
        return f.read()
