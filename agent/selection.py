"""Which part of the list is shown and in which order: search, room, day, modality; by time, then by name. Pure.

An entry that lacks what is filtered by stays: hiding a patient is worse than showing one too many. What is hidden is
counted by whoever shows the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.model import ScheduledProcedureStep
from agent.search import Place, chosen, collation
from agent.transliteration import best_group, folded

Step = ScheduledProcedureStep
_LAST = "~"
"""Behind every date and time: what has none comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a person asked to see; empty: everything."""

    search: str = ""
    room: str = ""
    """A location, a station's name or its AE title."""
    day: str = ""
    """DA."""
    modality: str = ""


def select(steps: Iterable[Step], wanted: Selection) -> tuple[Step, ...]:
    """Return the steps that are wanted, in the order of the list."""
    kept = [step for step in steps if all(fits(step, wanted) for fits in FILTERS)]
    return tuple(sorted(chosen(kept, wanted.search), key=order))


def order(step: Step) -> tuple[str, str, Place, str]:
    """Return the key of the list's order: by day and minute, then by name in Ukrainian order."""
    date, time = step.scheduled_procedure_step_start_date, step.scheduled_procedure_step_start_time
    return date or _LAST, time[:4] or _LAST, collation(best_group(step.patient.patient_name)), step.key


def rooms_of(step: Step) -> tuple[str, ...]:
    """Return the names of the place where a step is to be done, the most human one first."""
    names = (step.scheduled_procedure_step_location, step.scheduled_station_name, step.scheduled_station_ae_title)
    return tuple(name for name in names if name)


def rooms(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the rooms of a list, to choose from."""
    return tuple(sorted({rooms_of(step)[0] for step in steps if rooms_of(step)}, key=collation))


def _in_room(step: Step, wanted: Selection) -> bool:
    names = rooms_of(step)
    return not wanted.room or not names or folded(wanted.room) in {folded(name) for name in names}


def _on_day(step: Step, wanted: Selection) -> bool:
    return not wanted.day or step.scheduled_procedure_step_start_date in ("", wanted.day)


def _of_modality(step: Step, wanted: Selection) -> bool:
    return not wanted.modality or step.modality in ("", wanted.modality)


FILTERS: tuple[Callable[[Step, Selection], bool], ...] = (_in_room, _on_day, _of_modality)
