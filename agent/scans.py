"""What a barcode reader says: it searches the worklist or is held against the open patient, and never captures.

A row found by scanning is still confirmed by another act; a scan that does not belong to the open exam is told aloud
(ruling 10). The scanned text is patient data: it stays in memory, for the screen alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.model import ScheduledProcedureStep
from agent.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The last scan at one source."""

    source: str
    text: str
    at: str
    keys: tuple[str, ...] = ()
    """Worklist entries that carry this number."""
    fits: bool | None = None
    """Whether it belongs to the open exam; None: none is open."""


class Scans:
    """Keeps the last scan of each source."""

    def __init__(self, store: Store, *, at: Callable[[], str], notice: Callable[[str, str], None]) -> None:
        self._store, self._at, self._notice = store, at, notice
        self._last: dict[str, Scanned] = {}

    def last(self, source: str) -> Scanned | None:
        """Return the last scan at `source` in this run."""
        return self._last.get(source)

    def seen(self, source: str, text: str) -> Scanned:
        """Take a scan: which entries carry it, and does it fit the patient who is open."""
        entries = [entry.step for entry in self._store.worklists.get().entries]
        exam = self._store.exams.open_on(source)
        fits = None
        if exam is not None:
            numbers = {exam.snapshot.patient.patient_id, exam.snapshot.accession_number}
            fits = text in numbers or any(text in _numbers(step) for step in exam.snapshot.steps)
        found = Scanned(
            source=source,
            text=text,
            at=self._at(),
            keys=tuple(step.key for step in entries if text in _numbers(step)),
            fits=fits,
        )
        self._last[source] = found
        self._notice("scan", source)
        return found


def _numbers(step: ScheduledProcedureStep) -> frozenset[str]:
    """Return every number on a wristband, a referral or an order that means this step, empty ones left out."""
    found = {
        step.patient.patient_id,
        step.accession_number,
        step.requested_procedure_id,
        step.scheduled_procedure_step_id,
        step.admission_id,
        step.placer_order_number,
        *(number for number, _ in step.patient.other_patient_ids),
    }
    return frozenset(found - {""})
