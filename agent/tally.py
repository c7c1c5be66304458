"""What is counted while the service runs: events and how long things took. Begins at zero with each run, as a
Prometheus server expects of a counter; what must survive a run is counted from the database instead."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]
COMMIT, SEND = "agent_frame_commit_seconds", "agent_send_seconds"
BUCKETS: Mapping[str, tuple[float, ...]] = {
    COMMIT: (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0),
    SEND: (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
}
"""Histogram → upper ends of its buckets, seconds; technician.md asks for a tick within 0.3 s."""


@dataclass(slots=True)
class _Histogram:
    """How many took at most so long, how many there were, how long all took."""

    counts: list[int] = field(default_factory=list)
    number: int = 0
    total_s: float = 0.0


class Tally:
    """Counts from any thread; read by whoever is asked for the metrics."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Labels]] = Counter()
        self._times = {name: _Histogram([0] * len(ends)) for name, ends in BUCKETS.items()}

    def add(self, name: str, number: int = 1, **labels: str) -> None:
        """Count `number` more of `name` under `labels`; labels come from our own tables alone, never from a peer."""
        with self._lock:
            self._counts[name, tuple(sorted(labels.items()))] += number

    def took(self, name: str, seconds: float) -> None:
        """Count one thing of `BUCKETS` that took so long; a negative time (a press from another clock) is zero."""
        seconds = max(0.0, seconds)
        with self._lock:
            histogram = self._times[name]
            histogram.number += 1
            histogram.total_s += seconds
            for place, end in enumerate(BUCKETS[name]):
                histogram.counts[place] += seconds <= end

    def counted(self) -> list[tuple[str, Labels, float]]:
        """Return every counter that is not zero."""
        with self._lock:
            return [(name, labels, float(value)) for (name, labels), value in sorted(self._counts.items())]

    def times(self) -> Iterator[tuple[str, str, Labels, float]]:
        """Yield each histogram in the form of its lines: family, suffix, labels, value."""
        with self._lock:
            for name, histogram in self._times.items():
                for end, count in zip(BUCKETS[name], histogram.counts, strict=True):
                    yield name, "_bucket", (("le", f"{end:g}"),), float(count)
                yield name, "_bucket", (("le", "+Inf"),), float(histogram.number)
                yield name, "_sum", (), histogram.total_s
                yield name, "_count", (), float(histogram.number)
