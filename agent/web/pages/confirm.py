"""Is this the patient: one entry, large, its look-alikes beside it, and the act that opens the exam.

Also where a scan leads that a wedge reader typed into any screen: it searches, or it is held against the chosen or the
open patient. On this screen a wristband that fits the row that was chosen by another act opens the exam (ruling 10).
"""

from __future__ import annotations

from urllib.parse import quote

from agent.actor import Act
from agent.confirm_view import ConfirmView
from agent.view import ExamView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.pages.worklist import source


def _confirm(visit: Visit) -> Shown:
    """Show one entry to be confirmed; raises `OrderChanged` when it is no longer listed."""
    chosen = visit.service.patients.confirm(source(visit), visit.path["key"], visit.actor)
    opened = chosen.open_exam
    same = opened if opened and _is_same(opened, chosen) else None
    return show(
        "confirm.html",
        confirm=chosen,
        sources=[s for s in visit.service.box.sources() if s.delivers != "items"],
        other_open=opened if opened and not same else None,
        same_open=same,
    )


def _is_same(exam: ExamView, chosen: ConfirmView) -> bool:
    entry = chosen.entry
    return (exam.patient, exam.accession_number) == (entry.patient, entry.accession_number)


def _start(visit: Visit) -> str:
    form = visit.form
    exam = visit.service.exams.start(
        source(visit),
        visit.path["key"],
        form.get("digest", "-"),
        form.get("typed", ""),
        visit.actor,
        mode=form.get("mode", ""),
        finish_open=form.get("finish_open", ""),
        token=visit.token,
    )
    return f"/exam/{exam.exam_id}"


def _scan(visit: Visit) -> str:
    """Take a scan from a screen and go where it leads."""
    text, key = visit.form.get("text", ""), visit.form.get("key", "")
    seen = visit.service.captures.scanned(source(visit), text)
    if visit.form.get("page") == "confirm" and key:
        return _held_against(visit, key)
    opened = visit.service.exams.open_on(seen.source)
    if opened is not None and seen.fits:
        return f"/exam/{opened.exam_id}"
    if len(seen.keys) == 1:
        return f"/confirm/{seen.keys[0]}"
    return f"/?day=all&q={quote(text)}"


def _held_against(visit: Visit, key: str) -> str:
    """Open the exam of the chosen row when the wristband fits and nothing else is open; else show what is true."""
    chosen = visit.service.patients.confirm(source(visit), key, visit.actor)
    if chosen.scan == "match" and "scan" in chosen.modes and chosen.open_exam is None:
        exam = visit.service.exams.start(
            source(visit), key, chosen.digest, "", visit.actor, mode="scan", token=visit.token
        )
        return f"/exam/{exam.exam_id}"
    return f"/confirm/{key}"


PAGES: tuple[Page, ...] = (
    get("/confirm/{key}", Act.START_EXAM, _confirm),
    post("/start/{key}", Act.START_EXAM, _start, _confirm),
    post("/scan", Act.SEE_PATIENTS, _scan),
)
