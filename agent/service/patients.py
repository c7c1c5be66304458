"""The worklist as a person sees it: rows, look-alikes, age, what could not be read; choosing and finding a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from agent import similar, wristband
from agent.actor import Actor
from agent.choosing import FOUND_S, Choices
from agent.clock import Clock
from agent.confirm_view import ConfirmView
from agent.control import holder
from agent.devices import Devices
from agent.errors import AgentError, NotConfirmed, OrderChanged
from agent.scans import Scans
from agent.selection import Selection, rooms, select
from agent.service.age import age
from agent.store import Store
from agent.store.worklists import CachedList
from agent.view import EntryView, ExamView, PatientView, ScanView, WorklistView
from agent.viewing import band_view, patient_view, scan_view
from agent.worklist import Worklist
from agent.wristband import Band


class Patients:
    """Answers about who is expected. `open_on` returns the exam that is open on a source."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        devices: Devices,
        worklist: Worklist,
        choices: Choices,
        scans: Scans,
        *,
        open_on: Callable[[str], ExamView | None],
        wait_s: float,
    ) -> None:
        self._store, self._clock, self._devices, self._worklist = store, clock, devices, worklist
        self._choices, self._scans, self._open_on, self._wait_s = choices, scans, open_on, wait_s

    def worklist(self, *, search: str = "", room: str = "", day: str = "", modality: str = "") -> WorklistView:
        """Return the last good worklist with its age and everything that was wrong with it, by time, then by name.

        `search` finds by name in either script, number and birth (`agent.search`); `room`, `day` (DA) and `modality`
        hide what is elsewhere. Look-alikes are those of the whole list, and what is hidden is counted.
        """
        cached = self._store.worklists.get()
        age_s, ages = age(self._clock, cached.fetched_at), self._choices.rules.ages
        steps = [entry.step for entry in cached.entries]
        entries = self._rows(cached, Selection(search=search, room=room, day=day, modality=modality))
        return WorklistView(
            entries=entries,
            fetched_at=cached.fetched_at,
            age_s=age_s,
            received=cached.received,
            unreadable=cached.unreadable,
            truncated=cached.truncated,
            filtered_out=cached.filtered_out,
            trouble=self._worklist.trouble.message if self._worklist.trouble else "",
            old=age_s is None or age_s > ages.amber_s,
            click=age_s is not None and age_s <= ages.click_s,
            shown=len(entries),
            hidden=len(steps) - len(entries),
            rooms=rooms(steps),
            days=tuple(sorted({step.scheduled_procedure_step_start_date for step in steps} - {""})),
            modalities=tuple(sorted({step.modality for step in steps} - {""})),
        )

    def _rows(self, cached: CachedList, wanted: Selection) -> tuple[EntryView, ...]:
        steps = [entry.step for entry in cached.entries]
        digests = {entry.step.key: entry.digest for entry in cached.entries}
        alike = {steps[i].key for i in similar.groups(step.patient for step in steps)}
        captured: Counter[str] = Counter()
        for exam in self._store.exams.recent():
            captured[exam.entry_key] += exam.captured
        return tuple(
            EntryView(
                key=step.key,
                digest=digests[step.key],
                patient=patient_view(step.patient),
                accession_number=step.accession_number,
                procedure=step.scheduled_procedure_step_description or step.requested_procedure_description,
                modality=step.modality,
                start_date=step.scheduled_procedure_step_start_date,
                start_time=step.scheduled_procedure_step_start_time,
                station=step.scheduled_station_ae_title,
                location=step.scheduled_procedure_step_location,
                flags=tuple(flag.value for flag in step.flags),
                blocked=tuple(flag.value for flag in step.blocked),
                similar=step.key in alike,
                captured=captured[step.key],
            )
            for step in select(steps, wanted)
        )

    def refresh(self) -> WorklistView:
        """Ask the worklist server now; raises `WorklistUnreachable`, `WorklistRefused`."""
        self._worklist.refresh()
        return self.worklist()

    def confirm(self, source: str, key: str, actor: Actor) -> ConfirmView:
        """Choose a row on the screen of `actor` and return what may confirm it; nothing is durable yet.

        What the reader says from now on is held against this row. Raises `OrderChanged` when it is not listed any more.
        """
        self._devices.get(source)
        cached = self._store.worklists.get()
        entry = next((e for e in cached.entries if e.step.key == key), None)
        if entry is None:
            raise OrderChanged
        rows = self._rows(cached, Selection())
        row = next(r for r in rows if r.key == key)
        may, age_s = self._choices.may(source, entry, holder(actor)), self._choices.age_s(entry)
        scan = self._choices.matching_scan(source, key, holder(actor))
        differs = wristband.differences(scan.band, entry.step.patient) if scan else ()
        twins = self._twins(cached, key)
        return ConfirmView(
            entry=row,
            digest=row.digest,
            modes=may.modes,
            why=may.why,
            alike=tuple(r for r in rows if r.key in twins),
            open_exam=self._open_on(source),
            list_age_s=age_s,
            list_old=age_s is None or age_s > self._choices.rules.ages.amber_s,
            scan="" if scan is None else "mismatch" if differs else "match",
            scanned=_whose(scan.band, rows) if scan else None,
            differs=differs,
        )

    @staticmethod
    def _twins(cached: CachedList, key: str) -> set[str]:
        """Return the keys of the rows whose patients could be taken for that of `key`."""
        steps = [entry.step for entry in cached.entries]
        at = next(i for i, step in enumerate(steps) if step.key == key)
        return {steps[i].key for i in similar.groups(step.patient for step in steps).get(at, ())}

    def scanned(self, source: str, text: str) -> ScanView:
        """Take a barcode; a number that the list does not hold is asked for at the server at once.

        Bounded by `[exam] order_check_s` for each question; offline the scan stands as it is.
        """
        self._devices.get(source)
        found = self._scans.seen(source, text)
        if found.keys or found.fits is not None or self._worklist.peer is None:
            return scan_view(found)
        with suppress(AgentError):
            return self.find(source)
        return scan_view(found)

    def find(self, source: str) -> ScanView:
        """Ask the worklist server for the last scan's number; raises `WorklistUnreachable`, `WorklistRefused`."""
        last = self._scans.last(source)
        if last is None:
            raise NotConfirmed("Nothing was scanned.")
        self._worklist.find(last.band.numbers, FOUND_S, self._wait_s)
        return scan_view(self._scans.again(source) or last)


def _whose(band: Band, rows: Sequence[EntryView]) -> PatientView:
    """Return whom a wristband names: by itself, else by its number in the list, so that two names can be compared."""
    told = band_view(band)
    return told if told.name else next((r.patient for r in rows if r.patient.patient_id in band.numbers), told)
