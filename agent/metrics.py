"""What a Prometheus server may scrape: names of the fleet, no patient data (text format 0.0.4).

The few lines of text are written here: the usual library costs the core four megabytes. The tests read them with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent import __version__
from agent.audit_event import LOGIN, MISMATCH, AuditEvent, Result
from agent.clock import Clock
from agent.devices import Devices
from agent.lifecycle import DestinationState
from agent.model import ClockTrust
from agent.recovery import LOST
from agent.spool import Spool
from agent.store import Store
from agent.tally import BUCKETS, Labels, Tally
from agent.worklist import Worklist


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line."""

    name: str
    value: float
    labels: Labels = ()
    suffix: str = ""
    """Of a histogram's line."""


HELP = {
    "agent_build_info": "Version of the software.",
    "agent_up_seconds": "How long this run lasts.",
    "agent_study_open": "Exams that accept captures now.",
    "agent_frames_captured_total": "Stills made durable since the database began.",
    "agent_frame_commit_seconds": "From the press to the tick.",
    "agent_emergency_total": "Exams begun under a temporary identity.",
    "agent_confirm_total": "Exams begun, by what confirmed the patient.",
    "agent_identity_mismatch_total": "Confirmations refused because another patient was scanned, by the act.",
    "agent_ack_lost_total": "Acknowledged pictures whose file was not there at a start. Must stay 0.",
    "agent_queue_objects": "Objects that are neither sent nor discarded.",
    "agent_queue_bytes": "Bytes of those objects.",
    "agent_queue_oldest_seconds": "Age of the oldest of them.",
    "agent_send_attempts_total": "Tries by what they came to.",
    "agent_send_seconds": "What one object took that was sent.",
    "agent_commitment_pending": "Requests for Storage Commitment whose report is awaited.",
    "agent_commitment_oldest_seconds": "For how long the oldest of them is awaited.",
    "agent_hold_objects": "Jobs held for a person, by the code of the reason.",
    "agent_corrupt_objects": "Pictures held because a file is damaged or invalid.",
    "agent_destination_up": "1: the destination answered last time, or was never tried.",
    "agent_destination_proven_timestamp_seconds": "When a destination last took something.",
    "agent_worklist_age_seconds": "Age of the last good worklist.",
    "agent_worklist_entries": "Entries of that worklist.",
    "agent_worklist_unreadable_total": "Entries of worklists that could not be read.",
    "agent_signal_present": "1: the source shows a picture.",
    "agent_capture_restarts_total": "How often a source crashed, hung or was unplugged.",
    "agent_clock_synced": "1: the wall clock is trusted.",
    "agent_clock_offset_seconds": "What the kernel still has to correct of the clock.",
    "agent_cert_expiry_timestamp_seconds": "When a certificate of the box ends.",
    "agent_disk_free_bytes": "Free space for pictures.",
    "agent_disk_images_left": "Pictures that still fit before capture is refused.",
    "agent_mmc_life_used_ratio": "Used part of the card's life, where it says so.",
    "agent_db_check_ok": "1: the database was found sound when it was opened; a damaged one is not served.",
    "agent_http_requests_total": "Answers by route and status.",
    "agent_login_failures_total": "Refused logins.",
    "agent_alerts_waiting": "Alarms that are still to be told, by channel.",
    "agent_alerts_given_up_total": "Alarms that a channel never took.",
    "agent_alarms": "Alarms that nobody cleared.",
    "agent_rss_bytes": "Resident memory.",
}
"""Every family: its name is an interface, kept as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is asked of others when somebody asks for the metrics."""

    minimum_free_bytes: int
    certificates: Callable[[], dict[str, float]]
    core_resident_kb: Callable[[], int]
    clock_offset_s: Callable[[], float] = float
    life_used: Callable[[], dict[str, float]] = dict
    channels: tuple[str, ...] = ()
    """To which alarms are told."""


class Metrics:
    """Collects the samples when somebody asks."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        clock: Clock,
        devices: Devices,
        destinations: Iterable[str],
        worklist: Worklist | None,
        around: Surroundings,
        tally: Tally,
    ) -> None:
        self._store, self._spool, self._clock, self._devices = store, spool, clock, devices
        self._destinations, self._worklist = tuple(destinations), worklist
        self._around, self._tally = around, tally
        self._began = clock.monotonic()

    def text(self) -> str:
        """Return every sample in the text format, grouped by name."""
        by_name: dict[str, list[Sample]] = {}
        for sample in self._samples():
            by_name.setdefault(sample.name, []).append(sample)
        return "".join(_family(name, samples) for name, samples in by_name.items())

    def images_left(self) -> int:
        """Return how many pictures of the recent size fit before capture is refused."""
        size = self._store.figures.single("largest") or 2_000_000.0
        return int(max(0.0, self._spool.free_bytes() - self._around.minimum_free_bytes) // size)

    def _samples(self) -> Iterator[Sample]:
        yield Sample(name="agent_build_info", value=1, labels=(("version", __version__),))
        yield Sample(name="agent_up_seconds", value=self._clock.monotonic() - self._began)
        yield from self._work()
        yield from self._queue()
        yield from self._commitments()
        yield from self._peers()
        yield from self._surroundings()
        yield from self._counted()

    def _work(self) -> Iterator[Sample]:
        single = self._store.figures.single
        yield Sample(name="agent_study_open", value=single("open"))
        yield Sample(name="agent_frames_captured_total", value=single("captured"))
        yield Sample(name="agent_emergency_total", value=single("emergency"))
        yield Sample(name="agent_corrupt_objects", value=single("frames_held"))
        yield Sample(name="agent_ack_lost_total", value=self._store.figures.lost(LOST))
        yield Sample(name="agent_db_check_ok", value=1)
        for source in self._devices.views():
            shown = 1.0 if source.signal == "present" else 0.0
            labels, restarts = (("source", source.name),), float(self._devices.get(source.name).restarts)
            yield Sample(name="agent_signal_present", value=shown, labels=labels)
            yield Sample(name="agent_capture_restarts_total", value=restarts, labels=labels)

    def _queue(self) -> Iterator[Sample]:
        queue, now = self._store.figures.queue(), self._clock.now().timestamp()
        for (destination, state), value in queue["objects"].items():
            labels = (("destination", destination), ("state", state))
            yield Sample(name="agent_queue_objects", value=value, labels=labels)
        for name, values in (("bytes", queue["bytes"]), ("oldest_seconds", queue["oldest"])):
            for destination in self._destinations:
                value = values.get((destination,), 0.0)
                value = max(0.0, now - value) if value and name == "oldest_seconds" else value
                yield Sample(name=f"agent_queue_{name}", value=value, labels=(("destination", destination),))
        for (code,), value in queue["held"].items():
            yield Sample(name="agent_hold_objects", value=value, labels=(("reason", code),))
        for (destination, action), value in self._store.figures.attempts().items():
            labels = (("destination", destination), ("outcome", action))
            yield Sample(name="agent_send_attempts_total", value=value, labels=labels)

    def _commitments(self) -> Iterator[Sample]:
        now, pending = self._clock.now().timestamp(), self._store.figures.queue()["asked"]
        since = self._store.figures.asked_since()
        for name in self._destinations:
            labels = (("destination", name),)
            age = max(0.0, now - _unix(since[name])) if name in since else 0.0
            yield Sample(name="agent_commitment_pending", value=pending.get((name,), 0.0), labels=labels)
            yield Sample(name="agent_commitment_oldest_seconds", value=age, labels=labels)

    def _peers(self) -> Iterator[Sample]:
        proven = self._store.figures.proven()
        for name in self._destinations:
            belief, labels = self._store.destinations.get(name), (("destination", name),)
            up = belief is None or belief.state is DestinationState.UP
            yield Sample(name="agent_destination_up", value=float(up), labels=labels)
            if name in proven:
                at = _unix(proven[name])
                yield Sample(name="agent_destination_proven_timestamp_seconds", value=at, labels=labels)
        if self._worklist is None:
            return
        fetched = self._store.worklists.get().fetched_at
        if fetched:
            age = max(0.0, self._clock.now().timestamp() - _unix(fetched))
            yield Sample(name="agent_worklist_age_seconds", value=age)
        yield Sample(name="agent_worklist_entries", value=self._store.figures.single("worklist"))
        yield Sample(name="agent_worklist_unreadable_total", value=float(self._worklist.unreadable))

    def _surroundings(self) -> Iterator[Sample]:
        around = self._around
        trusted = self._clock.trust() is not ClockTrust.UNTRUSTED
        yield Sample(name="agent_clock_synced", value=float(trusted))
        yield Sample(name="agent_clock_offset_seconds", value=around.clock_offset_s())
        for which, expiry in around.certificates().items():
            yield Sample(name="agent_cert_expiry_timestamp_seconds", value=expiry, labels=(("which", which),))
        yield Sample(name="agent_disk_free_bytes", value=float(self._spool.free_bytes()), labels=(("part", "data"),))
        yield Sample(name="agent_disk_images_left", value=float(self.images_left()))
        for device, used in around.life_used().items():
            yield Sample(name="agent_mmc_life_used_ratio", value=used, labels=(("device", device),))
        waiting, given_up = self._store.alerts.waiting(), self._store.alerts.given_up()
        for channel in around.channels:
            labels = (("channel", channel),)
            yield Sample(name="agent_alerts_waiting", value=waiting.get(channel, 0), labels=labels)
            yield Sample(name="agent_alerts_given_up_total", value=given_up.get(channel, 0), labels=labels)
        yield Sample(name="agent_alarms", value=float(len(self._store.records.alarms())))
        yield Sample(name="agent_rss_bytes", value=1024.0 * around.core_resident_kb(), labels=(("proc", "core"),))
        for source in self._devices.views():
            labels = (("proc", f"source-{source.name}"),)
            yield Sample(name="agent_rss_bytes", value=1024.0 * source.resident_kb, labels=labels)

    def _counted(self) -> Iterator[Sample]:
        counted = self._tally.counted()
        for name in ALWAYS - {name for name, _, _ in counted}:
            yield Sample(name=name, value=0)
        for name, labels, value in counted:
            yield Sample(name=name, value=value, labels=labels)
        for name, suffix, labels, value in self._tally.times():
            yield Sample(name=name, suffix=suffix, value=value, labels=labels)


ALWAYS = frozenset({"agent_login_failures_total", "agent_identity_mismatch_total"})
"""Counted events that are told as zero before the first: an alert on their growth must see where it began."""


def counted(tally: Tally, event: AuditEvent, result: Result, told: Mapping[str, Any]) -> None:
    """Count an audited event that is no change of state."""
    if event == LOGIN and result is not Result.SUCCESS:
        tally.add("agent_login_failures_total")
    elif event == MISMATCH:
        tally.add("agent_identity_mismatch_total", kind=str(told.get("act", "")))


def _unix(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _family(name: str, samples: list[Sample]) -> str:
    kind = "histogram" if name in BUCKETS else "counter" if name.endswith("_total") else "gauge"
    lines = "".join(f"{name}{s.suffix}{_labels(s.labels)} {s.value:.17g}\n" for s in samples)
    return f"# HELP {name} {HELP[name]}\n# TYPE {name} {kind}\n{lines}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, value in labels)
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"
