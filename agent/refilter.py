"""Our own filter over a worklist answer: what a server sends although it was not asked for (PS3.4 K.4).

Some servers ignore matching keys, and an entry of another day, room or patient invites a wrong choice. An
entry that lacks a value is kept: hiding a patient is worse than showing one too many. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from agent.model import ScheduledProcedureStep, WorklistQuery

Step = ScheduledProcedureStep


def refilter(steps: Iterable[Step], query: WorklistQuery) -> tuple[tuple[Step, ...], int]:
    """Return the entries that match `query`, in order, and how many did not."""
    asked = tuple(steps)
    kept = tuple(s for s in asked if all(matches(s, query) for matches in FILTERS))
    return kept, len(asked) - len(kept)


def _in_window(step: Step, query: WorklistQuery) -> bool:
    day = step.scheduled_procedure_step_start_date
    too_early = bool(query.date_from) and day < query.date_from
    too_late = bool(query.date_to) and day > query.date_to
    return not day or not (too_early or too_late)


def _modality(step: Step, query: WorklistQuery) -> bool:
    wanted = set(query.expected_modalities) | ({query.modality} if query.modality else set())
    return not wanted or not step.modality or step.modality in wanted


def _station(step: Step, query: WorklistQuery) -> bool:
    return _same(step.scheduled_station_ae_title, query.station_ae_title)


def _same(value: str, wanted: str) -> bool:
    return not wanted or not value or value == wanted.strip(" ")


def _exact(keyword: str, value: Callable[[Step], str], wanted: Callable[[WorklistQuery], str]) -> Filter:
    """Make the filter for a number: the used value or, where it was not usable, the raw one."""

    def matches(step: Step, query: WorklistQuery) -> bool:
        raw = {r.raw.strip(" \0") for r in step.repairs if r.keyword == keyword}
        return _same(value(step), wanted(query)) and (
            bool(value(step)) or not raw or wanted(query) in {"", *raw}
        )

    return matches


def _name(step: Step, query: WorklistQuery) -> bool:
    if not query.patient_name or not step.patient.patient_name:
        return True
    pattern = re.compile(_wildcards(_folded(query.patient_name)))
    name = step.patient.patient_name
    return any(pattern.fullmatch(_folded(group)) for group in (name, *name.split("=")))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().rstrip("^ ")


def _wildcards(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)


Filter = Callable[[Step, WorklistQuery], bool]
FILTERS: tuple[Filter, ...] = (
    _in_window,
    _modality,
    _station,
    _name,
    _exact("PatientID", lambda s: s.patient.patient_id, lambda q: q.patient_id),
    _exact("AccessionNumber", lambda s: s.accession_number, lambda q: q.accession_number),
    _exact("RequestedProcedureID", lambda s: s.requested_procedure_id, lambda q: q.requested_procedure_id),
)
