"""What a Prometheus server may scrape: names of the fleet, no patient data (text format 0.0.4).

The few lines of text are written here: the usual library costs the core four megabytes. The tests read them with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agent import __version__
from agent.clock import Clock
from agent.devices import Devices
from agent.lifecycle import DestinationState
from agent.model import ClockTrust
from agent.spool import Spool
from agent.store import Store

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line."""

    name: str
    value: float
    labels: Labels = ()


HELP = {
    "agent_build_info": "Version of the software.",
    "agent_up_seconds": "How long this run lasts.",
    "agent_study_open": "Exams that accept captures now.",
    "agent_frames_captured_total": "Stills made durable since the database began.",
    "agent_emergency_total": "Exams begun under a temporary identity.",
    "agent_queue_objects": "Objects that are neither sent nor discarded.",
    "agent_queue_bytes": "Bytes of those objects.",
    "agent_queue_oldest_seconds": "Age of the oldest of them.",
    "agent_send_attempts_total": "Tries by what they came to.",
    "agent_commitment_pending": "Requests for Storage Commitment whose report is awaited.",
    "agent_hold_objects": "Jobs held for a person, by the code of the reason.",
    "agent_corrupt_objects": "Pictures held because a file is damaged or invalid.",
    "agent_destination_up": "1: the destination answered last time, or was never tried.",
    "agent_worklist_age_seconds": "Age of the last good worklist.",
    "agent_worklist_entries": "Entries of that worklist.",
    "agent_signal_present": "1: the source shows a picture.",
    "agent_clock_synced": "1: the wall clock is trusted.",
    "agent_cert_expiry_timestamp_seconds": "When a certificate of the box ends.",
    "agent_disk_free_bytes": "Free space for pictures.",
    "agent_disk_images_left": "Pictures that still fit before capture is refused.",
    "agent_alarms": "Alarms that nobody cleared.",
    "agent_rss_bytes": "Resident memory.",
}


class Metrics:
    """Collects the samples when somebody asks."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        clock: Clock,
        devices: Devices,
        destinations: Iterable[str],
        *,
        minimum_free_bytes: int,
        certificates: Callable[[], dict[str, float]],
        core_resident_kb: Callable[[], int],
    ) -> None:
        self._store, self._spool, self._clock, self._devices = store, spool, clock, devices
        self._destinations, self._minimum_free = tuple(destinations), minimum_free_bytes
        self._certificates, self._core_resident_kb = certificates, core_resident_kb
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
        return int(max(0.0, self._spool.free_bytes() - self._minimum_free) // size)

    def _samples(self) -> Iterator[Sample]:
        yield Sample(name="agent_build_info", value=1, labels=(("version", __version__),))
        yield Sample(name="agent_up_seconds", value=self._clock.monotonic() - self._began)
        yield from self._work()
        yield from self._queue()
        yield from self._surroundings()

    def _work(self) -> Iterator[Sample]:
        single = self._store.figures.single
        yield Sample(name="agent_study_open", value=single("open"))
        yield Sample(name="agent_frames_captured_total", value=single("captured"))
        yield Sample(name="agent_emergency_total", value=single("emergency"))
        yield Sample(name="agent_corrupt_objects", value=single("frames_held"))
        yield Sample(name="agent_worklist_entries", value=single("worklist"))
        for source in self._devices.views():
            shown = 1.0 if source.signal == "present" else 0.0
            yield Sample(name="agent_signal_present", value=shown, labels=(("source", source.name),))

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
        for (destination,), value in queue["asked"].items():
            yield Sample(name="agent_commitment_pending", value=value, labels=(("destination", destination),))
        for (code,), value in queue["held"].items():
            yield Sample(name="agent_hold_objects", value=value, labels=(("reason", code),))
        for (destination, action), value in self._store.figures.attempts().items():
            labels = (("destination", destination), ("outcome", action))
            yield Sample(name="agent_send_attempts_total", value=value, labels=labels)

    def _surroundings(self) -> Iterator[Sample]:
        for name in self._destinations:
            belief = self._store.destinations.get(name)
            up = belief is None or belief.state is DestinationState.UP
            yield Sample(name="agent_destination_up", value=float(up), labels=(("destination", name),))
        trusted = self._clock.trust() is not ClockTrust.UNTRUSTED
        yield Sample(name="agent_clock_synced", value=float(trusted))
        for which, expiry in self._certificates().items():
            yield Sample(name="agent_cert_expiry_timestamp_seconds", value=expiry, labels=(("which", which),))
        yield Sample(name="agent_disk_free_bytes", value=float(self._spool.free_bytes()), labels=(("part", "spool"),))
        yield Sample(name="agent_disk_images_left", value=float(self.images_left()))
        yield Sample(name="agent_alarms", value=float(len(self._store.records.alarms())))
        yield Sample(name="agent_rss_bytes", value=1024.0 * self._core_resident_kb(), labels=(("proc", "core"),))


def _family(name: str, samples: list[Sample]) -> str:
    kind = "counter" if name.endswith("_total") else "gauge"
    lines = "".join(f"{name}{_labels(s.labels)} {s.value:.17g}\n" for s in samples)
    return f"# HELP {name} {HELP[name]}\n# TYPE {name} {kind}\n{lines}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, value in labels)
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"
