"""The patients who are expected: filtered as one types, by day, and the ways to begin without them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from agent.actor import Act
from agent.view import EntryView
from agent.web.pages import by_hand
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import Words, words

TODAY, ALL = "today", "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, and what the screen says about it."""

    entry: EntryView
    day_word: str
    open: bool
    """Its exam is open now."""


def home(visit: Visit) -> Shown:
    """Show the worklist as asked by `q` (name in either script, number, birth) and `day`; a search takes all days."""
    q, when = visit.query.get("q", "").strip(), visit.query.get("day", TODAY)
    today = visit.service.box.status().now[:10].replace("-", "")
    listed = visit.service.patients.worklist(search=q, day=today if when == TODAY and not q else "")
    said = _words(visit)
    opened = {s.exam_id for s in visit.service.box.sources()} - {""}
    busy = {visit.service.exams.get(exam_id).patient for exam_id in opened}
    rows = [
        Row(entry=entry, day_word=_day_word(said, entry, today), open=entry.patient in busy) for entry in listed.entries
    ]
    groups = [(day, list(group)) for day, group in groupby(rows, key=lambda row: row.entry.start_date)]
    return show(
        "worklist.html",
        worklist=listed,
        groups=groups,
        q=q,
        when=when,
        days=((TODAY, said._("Today")), (ALL, said._("All days"))),
        shown=listed.shown,
        total=listed.shown + listed.hidden,
        finishing=visit.service.exams.finishing(),
    )


def _day_word(said: Words, entry: EntryView, today: str) -> str:
    if entry.start_date == today:
        return said._("Today") + " · " + said.day(entry.start_date)
    return said.day(entry.start_date) if entry.start_date else said._("Without a date")


def _words(visit: Visit) -> Words:
    return words(visit.language)


def _refresh(visit: Visit) -> str:
    visit.service.patients.refresh()
    return "/"


def _emergency(_visit: Visit) -> Shown:
    return show("emergency.html")


def _start_emergency(visit: Visit) -> str:
    exam = visit.service.exams.start_emergency(
        source(visit), visit.actor, finish_open=visit.form.get("finish_open", ""), token=visit.token
    )
    return f"/exam/{exam.exam_id}"


def _unscheduled(visit: Visit) -> Shown:
    return show("unscheduled.html", **by_hand.written(visit))


def _start_unscheduled(visit: Visit) -> str:
    exam = visit.service.exams.start_unscheduled(
        source(visit),
        by_hand.patient(visit),
        visit.actor,
        finish_open=visit.form.get("finish_open", ""),
        token=visit.token,
    )
    return f"/exam/{exam.exam_id}"


def source(visit: Visit) -> str:
    """Return the source that an exam is opened on: the chosen one, the screen's own, the busy one, or the first."""
    asked = visit.form.get("source", "") or visit.query.get("source", "") or visit.actor.source
    if asked:
        return asked
    sources = [s for s in visit.service.box.sources() if s.delivers != "items"] or list(visit.service.box.sources())
    return next((s.name for s in sources if s.exam_id), sources[0].name)


PAGES: tuple[Page, ...] = (
    get("/", Act.SEE_PATIENTS, home),
    post("/refresh", Act.SEE_PATIENTS, _refresh, home),
    get("/emergency", Act.START_EMERGENCY, _emergency),
    post("/emergency", Act.START_EMERGENCY, _start_emergency),
    get("/unscheduled", Act.START_EXAM, _unscheduled),
    post("/unscheduled", Act.START_EXAM, _start_unscheduled, _unscheduled),
)
