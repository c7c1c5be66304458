"""The worklist as a person sees it: rows, look-alikes, age, what could not be read."""

from __future__ import annotations

from collections import Counter

from agent import similar
from agent.clock import Clock
from agent.service.age import age
from agent.store import Store
from agent.view import EntryView, WorklistView
from agent.viewing import patient_view
from agent.worklist import Worklist


class Patients:
    """Answers about who is expected."""

    def __init__(self, store: Store, clock: Clock, worklist: Worklist) -> None:
        self._store, self._clock, self._worklist = store, clock, worklist

    def worklist(self) -> WorklistView:
        """Return the last good worklist with its age and everything that was wrong with it."""
        cached = self._store.worklists.get()
        steps = [entry.step for entry in cached.entries]
        alike = similar.rows([step.patient.patient_name for step in steps])
        captured = Counter({exam.entry_key: exam.captured for exam in self._store.exams.recent() if exam.entry_key})
        rows = tuple(
            EntryView(
                key=entry.step.key,
                digest=entry.digest,
                patient=patient_view(entry.step.patient),
                accession_number=entry.step.accession_number,
                procedure=entry.step.scheduled_procedure_step_description
                or entry.step.requested_procedure_description,
                modality=entry.step.modality,
                start_date=entry.step.scheduled_procedure_step_start_date,
                start_time=entry.step.scheduled_procedure_step_start_time,
                station=entry.step.scheduled_station_ae_title,
                location=entry.step.scheduled_procedure_step_location,
                flags=tuple(flag.value for flag in entry.step.flags),
                blocked=tuple(flag.value for flag in entry.step.blocked),
                similar=position in alike,
                captured=captured[entry.step.key],
            )
            for position, entry in enumerate(cached.entries)
        )
        return WorklistView(
            entries=rows,
            fetched_at=cached.fetched_at,
            age_s=age(self._clock, cached.fetched_at),
            received=cached.received,
            unreadable=cached.unreadable,
            truncated=cached.truncated,
            filtered_out=cached.filtered_out,
            trouble=self._worklist.trouble.message if self._worklist.trouble else "",
        )

    def refresh(self) -> WorklistView:
        """Ask the worklist server now; raises `WorklistUnreachable`, `WorklistRefused`."""
        self._worklist.refresh()
        return self.worklist()
