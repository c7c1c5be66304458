"""What a barcode reader says: it searches the worklist or is held against a patient, and never captures.

A row found by scanning is still confirmed by another act; a scan that does not belong to the open exam is told aloud
(ruling 10). The scanned text is patient data: it stays in memory, for the screen alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent import wristband
from agent.model import IdentitySnapshot, ScheduledProcedureStep
from agent.store import Store
from agent.wristband import Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The last scan at one source."""

    source: str
    text: str
    at: str
    seen_at: float
    """Monotonic seconds."""
    band: Band
    keys: tuple[str, ...] = ()
    """Worklist entries that carry this number and contradict nothing else of it."""
    fits: bool | None = None
    """Whether it belongs to the open exam; None: none is open."""
    differs: tuple[str, ...] = ()
    """Attributes of the open exam's patient that it contradicts."""


class Scans:
    """Keeps the last scan of each source."""

    def __init__(
        self,
        store: Store,
        *,
        at: Callable[[], str],
        monotonic: Callable[[], float],
        notice: Callable[[str, str], None],
        prefixes: tuple[str, ...] = (),
    ) -> None:
        self._store, self._at, self._monotonic = store, at, monotonic
        self._notice, self._prefixes = notice, prefixes
        self._last: dict[str, Scanned] = {}

    def last(self, source: str) -> Scanned | None:
        """Return the last scan at `source` in this run that led to no exam yet."""
        return self._last.get(source)

    def forget(self, source: str) -> None:
        """The last scan led to an exam: it confirms nobody else."""
        self._last.pop(source, None)

    def seen(self, source: str, text: str) -> Scanned:
        """Take a scan: which entries carry it, and does it fit the patient who is open."""
        band = wristband.read(text, self._prefixes)
        entries = [entry.step for entry in self._store.worklists.get().entries]
        exam = self._store.exams.open_on(source)
        differs = _differs(band, exam.snapshot) if exam is not None else ()
        found = Scanned(
            source=source,
            text=text,
            at=self._at(),
            seen_at=self._monotonic(),
            band=band,
            keys=tuple(step.key for step in entries if _means(band, step)),
            fits=None if exam is None else not differs,
            differs=differs,
        )
        self._last[source] = found
        self._notice("scan", source)
        return found

    def again(self, source: str) -> Scanned | None:
        """Look for the last scan's entries once more: the list has grown."""
        last = self.last(source)
        return self.seen(source, last.text) if last else None


def _differs(band: Band, snapshot: IdentitySnapshot) -> tuple[str, ...]:
    """Return what a scan contradicts of an exam; the number of its order is as good as the patient's."""
    wrong = wristband.differences(band, snapshot.patient)
    of_order = {snapshot.accession_number, *(n for step in snapshot.steps for n in _order_numbers(step))} - {""}
    return tuple(w for w in wrong if w != "patient_id") if of_order & set(band.numbers) else wrong


def _means(band: Band, step: ScheduledProcedureStep) -> bool:
    """Return whether a scan means this entry: the patient by all that the band says, or the order by its number."""
    wrong = wristband.differences(band, step.patient)
    return not wrong or (wrong == ("patient_id",) and bool(_order_numbers(step) & set(band.numbers)))


def _order_numbers(step: ScheduledProcedureStep) -> frozenset[str]:
    """Return every number on a referral or an order that means this step, empty ones left out."""
    found = {
        step.accession_number,
        step.requested_procedure_id,
        step.scheduled_procedure_step_id,
        step.admission_id,
        step.placer_order_number,
    }
    return frozenset(found - {""})
