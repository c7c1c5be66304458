"""Is this the patient: one entry, large, its look-alikes beside it, and the act that opens the exam.

Also where a scan leads that a wedge reader typed into any screen: it searches, it is held against the chosen or the open
patient, and it never presses anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from agent import similar
from agent.actor import Act
from agent.errors import OrderChanged
from agent.view import EntryView, ExamView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.pages.worklist import source


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """What the screen needs to know about the chosen entry."""

    entry: EntryView
    digest: str
    modes: tuple[str, ...]
    alike: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A wristband that is somebody else's."""

    text: str
    entries: tuple[EntryView, ...]


def _confirm(visit: Visit) -> Shown:
    return confirm(visit, visit.path["key"])


def confirm(visit: Visit, key: str, mismatch: Mismatch | None = None) -> Shown:
    """Show one entry to be confirmed; raises `OrderChanged` when it is no longer listed."""
    entries = visit.service.patients.worklist().entries
    entry = next((entry for entry in entries if entry.key == key), None)
    if entry is None:
        raise OrderChanged
    status = visit.service.box.status()
    live = [s for s in status.sources if s.delivers != "items"]
    busy = next((s for s in live if s.exam_id), None)
    opened = visit.service.exams.open_on(busy.name) if busy else None
    same = opened if opened and _is_same(opened, entry) else None
    found = Confirm(
        entry=entry,
        digest=entry.digest,
        modes=("click",) if status.confirmation == "click" else ("scan", "reenter") if status.confirmation == "reenter" else ("scan",),
        alike=_alike(entry, entries) if entry.similar else (),
    )
    return show(
        "confirm.html",
        confirm=found,
        sources=live,
        token="",
        other_open=opened if opened and not same else None,
        same_open=same,
        mismatch=mismatch,
    )


def _is_same(exam: ExamView, entry: EntryView) -> bool:
    return (exam.patient, exam.accession_number) == (entry.patient, entry.accession_number)


def _alike(entry: EntryView, entries: tuple[EntryView, ...]) -> tuple[EntryView, ...]:
    own = similar.surname(entry.patient.name)
    others = [e for e in entries if e.patient.patient_id != entry.patient.patient_id]
    return tuple(e for e in others if similar.near(own, similar.surname(e.patient.name)))[:3]


def _start(visit: Visit) -> str:
    form, exams = visit.form, visit.service.exams
    if form.get("finish_open"):
        exams.apply(form["finish_open"], "finish", visit.who)
    exam = exams.start(source(visit), visit.path["key"], form.get("digest", "-"), form.get("typed", ""), visit.who)
    return f"/exam/{exam.exam_id}"


def _scan(visit: Visit) -> str:
    """Take a scan from a screen and go where it leads."""
    text, key = visit.form.get("text", ""), visit.form.get("key", "")
    seen = visit.service.captures.scanned(source(visit), text)
    if visit.form.get("page") == "confirm" and key:
        if key in seen.keys:
            return f"/confirm/{key}?scanned={quote(text)}"
        return f"/confirm/{key}/stop?scanned={quote(text)}"
    opened = visit.service.exams.open_on(seen.source)
    if opened is not None and seen.fits:
        return f"/exam/{opened.exam_id}"
    if len(seen.keys) == 1:
        return f"/confirm/{seen.keys[0]}"
    return f"/?day=all&q={quote(text)}"


def _stop(visit: Visit) -> Shown:
    """Show the wrong wristband and the chosen patient side by side."""
    text = visit.query.get("scanned", "")
    seen = visit.service.captures.last_scan(source(visit))
    keys = seen.keys if seen and seen.text == text else ()
    others = tuple(e for e in visit.service.patients.worklist().entries if e.key in keys)
    return confirm(visit, visit.path["key"], Mismatch(text=text, entries=others))


PAGES: tuple[Page, ...] = (
    get("/confirm/{key}", Act.START_EXAM, _confirm),
    get("/confirm/{key}/stop", Act.START_EXAM, _stop),
    post("/start/{key}", Act.START_EXAM, _start, _confirm),
    post("/scan", Act.SEE_PATIENTS, _scan),
)
