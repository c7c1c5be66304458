"""Opening exams: a worklist entry that was confirmed, a typed patient, an emergency, one more series of a known study.

Each open is one transaction; with `finish_open` it closes the exam that is open as well, so that *finish A and start B*
is one act (promise P2).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime

from agent import confirmation, identity, typed_patient
from agent.audit_event import MISMATCH, Result
from agent.choosing import Choices
from agent.clock import Clock
from agent.confirmation import Allowed
from agent.devices import Devices
from agent.errors import (
    AgentError,
    AnotherExamOpen,
    IdentityBlocked,
    IdentityMismatch,
    NotFound,
    OrderChanged,
    OutOfDate,
    WrongState,
)
from agent.exam import Examinations, ending
from agent.lifecycle import ExamState
from agent.model import Equipment, IdentitySnapshot, Patient
from agent.store import Ending, Exam, Store
from agent.store.worklists import Entry

APPENDABLE = frozenset({ExamState.RELEASED, ExamState.DELIVERED, ExamState.COMMITTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A worklist entry as a person saw it, and what confirmed the patient. `holder`: the screen that asks."""

    key: str
    digest: str
    mode: str = ""
    typed: str = ""
    holder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A snapshot that may be opened, and the worklist entry that it was made of."""

    snapshot: IdentitySnapshot
    entry_key: str = ""
    entry_digest: str = ""


class Opening:
    """Makes identity snapshots and opens exams under them; durable on return."""

    def __init__(
        self,
        store: Store,
        devices: Devices,
        clock: Clock,
        exams: Examinations,
        choices: Choices,
        *,
        equipment: Callable[[str], Equipment],
        uids: Callable[[], str],
        opened: Callable[[Exam], None],
    ) -> None:
        self._store, self._devices, self._clock, self._exams = store, devices, clock, exams
        self._choices, self._equipment, self._uids, self._opened = choices, equipment, uids, opened

    # --- whose it will be -----------------------------------------------------------------------------------

    def confirmed(self, source: str, shown: Shown, who: str) -> Confirmed:
        """Return the snapshot of a worklist entry that was chosen and confirmed.

        Raises `OrderChanged` when it is not the entry that was shown, `NotConfirmed`, `IdentityMismatch`,
        `IdentityBlocked`.
        """
        entry = self._entry(shown)
        if entry.step.blocked:
            raise IdentityBlocked(f"This worklist entry cannot be used: {', '.join(entry.step.blocked)}.")
        try:
            mode = self._choices.assert_confirmed(source, entry, shown.mode, shown.typed, shown.holder)
        except IdentityMismatch as e:
            self._tell_mismatch(entry.step.patient, e, who)
            raise
        snapshot = identity.scheduled(
            entry.step,
            uid=self._uids(),
            number=self._store.records.next_number("study"),
            confirmed_by=who,
            confirmation=mode,
        )
        return Confirmed(snapshot=snapshot, entry_key=shown.key, entry_digest=entry.digest)

    def _entry(self, shown: Shown) -> Entry:
        try:
            entry = self._store.worklists.entry(shown.key)
        except NotFound as e:
            raise OrderChanged from e
        if entry.digest != shown.digest:
            raise OrderChanged
        return entry

    def typed(self, patient: Patient, who: str) -> Confirmed:
        """Return the snapshot of a patient whom a person typed; raises `InvalidPatient` with the field."""
        patient = typed_patient.checked(patient, today=self._today())
        number = self._store.records.next_number("study")
        return Confirmed(
            snapshot=identity.unscheduled(patient, uid=self._uids(), number=number, confirmed_by=who)
        )

    def _today(self) -> date:
        return self._clock.now().date()

    def emergency(self, box: str, issuer: str, who: str) -> Confirmed:
        """Return a loud temporary identity; its number never repeats, power loss included."""
        at: datetime = self._clock.now()
        number = self._store.records.next_number("emergency")
        return Confirmed(
            snapshot=identity.emergency(
                box=box, issuer=issuer, at=at, uid=self._uids(), number=number, confirmed_by=who
            )
        )

    def test(self, box: str, who: str) -> Confirmed:
        """Return nobody's identity, for test pictures that go to destinations for tests alone."""
        number = self._store.records.next_number("test")
        return Confirmed(snapshot=identity.test(box=box, uid=self._uids(), number=number, confirmed_by=who))

    def same(self, exam: Exam, shown: Shown, who: str) -> Confirmed:
        """Return the identity of a closed exam once more, for another series of its study (dicom.md 3.4, append).

        The patient is confirmed anew, by a scan or by re-entry or, where the site allows it, by a click.
        """
        if exam.state not in APPENDABLE:
            raise WrongState(f"The exam is {exam.state}: nothing can be added to it.")
        site = self._choices.rules.site(exam.source)
        may = confirmation.allowed(site, found_by_scan=False, list_age_s=0.0, ages=self._choices.rules.ages)
        mode = shown.mode or ("click" if not shown.typed else "scan" if site == "scan" else "reenter")
        try:
            self._assert_same_patient(exam, mode, shown.typed, may)
        except IdentityMismatch as e:
            self._tell_mismatch(exam.snapshot.patient, e, who)
            raise
        snapshot = replace(exam.snapshot, confirmed_by=who, confirmation=mode)
        return Confirmed(snapshot=snapshot)

    def _assert_same_patient(self, exam: Exam, mode: str, typed: str, may: Allowed) -> None:
        confirmation.assert_confirmed(exam.snapshot.patient, mode, typed, may, self._choices.rules.gsrn_prefixes)

    def _tell_mismatch(self, patient: Patient, mismatch: IdentityMismatch, who: str) -> None:
        """Keep for the audit that the wristband of another patient was scanned; durable on return."""
        self._store.audit.record(
            MISMATCH, self._exams.stamp(who), Result.MINOR_FAILURE, act="confirm", patient_id=patient.patient_id,
            patient_name=patient.patient_name, reason=f"another wristband: {mismatch.facts.get('differs', '')}",
        )  # fmt: skip

    # --- opening --------------------------------------------------------------------------------------------

    def open(self, source: str, confirmed: Confirmed, who: str, *, finish_open: str = "") -> Exam:
        """Open an exam on `source`; on return it and its snapshot are durable, and `finish_open` is closed.

        Raises `AnotherExamOpen`, `OutOfDate` when another exam than `finish_open` is open, `OrderChanged`.
        """
        device = self._devices.get(source)
        closes = self._ending(source, finish_open)
        exam = self._store.exams.open(
            str(uuid.UUID(bytes=os.urandom(16), version=4)),
            source,
            confirmed.snapshot,
            self._equipment(source),
            self._uids(),
            self._clock.boottime_ns(),
            self._exams.stamp(who),
            entry_key=confirmed.entry_key,
            entry_digest=confirmed.entry_digest,
            ending=closes,
        )
        with suppress(AgentError):  # a restarting source has no old frame to forget
            device.flush()
        self._choices.forget(source)
        if closes is not None:
            self._exams.told(closes.exam_id)
        self._exams.told(exam.exam_id)
        self._opened(exam)
        return exam

    def _ending(self, source: str, finish_open: str) -> Ending | None:
        """Return how the open exam ends by this act; a first look, the transaction looks again."""
        now_open = self._store.exams.open_on(source)
        if not finish_open:
            if now_open is not None:
                raise AnotherExamOpen
            return None
        if now_open is None or now_open.exam_id != finish_open:
            raise OutOfDate
        self._exams.closing(now_open)
        exam = self._store.exams.get(finish_open)
        event, reason = ending(exam)
        return Ending(exam_id=finish_open, event=event, reason=reason, release_due=self._exams.release_due())
