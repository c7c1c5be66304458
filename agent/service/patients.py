"""The worklist as a person sees it: rows, look-alikes, age, what could not be read."""

from __future__ import annotations

from collections import Counter

from agent import similar
from agent.clock import Clock
from agent.selection import Selection, rooms, select
from agent.service.age import age
from agent.store import Store
from agent.view import EntryView, WorklistView
from agent.viewing import patient_view
from agent.worklist import Worklist


class Patients:
    """Answers about who is expected."""

    def __init__(self, store: Store, clock: Clock, worklist: Worklist) -> None:
        self._store, self._clock, self._worklist = store, clock, worklist

    def worklist(self, *, search: str = "", room: str = "", day: str = "", modality: str = "") -> WorklistView:
        """Return the last good worklist with its age and everything that was wrong with it, by time, then by name.

        `search` finds by name in either script, number and birth (`agent.search`); `room`, `day` (DA) and `modality`
        hide what is elsewhere. Look-alikes are those of the whole list, and what is hidden is counted.
        """
        cached = self._store.worklists.get()
        steps = [entry.step for entry in cached.entries]
        shown = select(steps, Selection(search=search, room=room, day=day, modality=modality))
        digests = {entry.step.key: entry.digest for entry in cached.entries}
        alike = {steps[i].key for i in similar.groups(step.patient for step in steps)}
        captured = Counter({exam.entry_key: exam.captured for exam in self._store.exams.recent() if exam.entry_key})
        entries = tuple(
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
            for step in shown
        )
        return WorklistView(
            entries=entries,
            fetched_at=cached.fetched_at,
            age_s=age(self._clock, cached.fetched_at),
            received=cached.received,
            unreadable=cached.unreadable,
            truncated=cached.truncated,
            filtered_out=cached.filtered_out,
            trouble=self._worklist.trouble.message if self._worklist.trouble else "",
            shown=len(entries),
            hidden=len(steps) - len(entries),
            rooms=rooms(steps),
            days=tuple(sorted({step.scheduled_procedure_step_start_date for step in steps} - {""})),
            modalities=tuple(sorted({step.modality for step in steps} - {""})),
        )

    def refresh(self) -> WorklistView:
        """Ask the worklist server now; raises `WorklistUnreachable`, `WorklistRefused`."""
        self._worklist.refresh()
        return self.worklist()
