"""The patients who are expected: filtered as one types, by day, and the ways to begin without them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from agent.actor import Act
from agent.errors import BadRequest
from agent.model import Patient
from agent.view import EntryView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.phrases import months
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
    """Show the worklist as asked by `q` (name or number) and `day`."""
    listed = visit.service.patients.worklist()
    q, when = visit.query.get("q", "").strip(), visit.query.get("day", TODAY)
    today = visit.service.box.status().now[:10].replace("-", "")
    fitting = [entry for entry in listed.entries if fits(entry, q) and (when == ALL or _is_for(entry, today))]
    said = _words(visit)
    rows = [Row(entry=entry, day_word=_day_word(said, entry, today), open=False) for entry in fitting]
    groups = [(day, list(group)) for day, group in groupby(rows, key=lambda row: row.entry.start_date)]
    return show(
        "worklist.html",
        worklist=listed,
        groups=groups,
        q=q,
        when=when,
        days=((TODAY, said._("Today")), (ALL, said._("All days"))),
        shown=len(fitting),
        total=len(listed.entries),
        finishing=visit.service.exams.finishing(),
    )


def fits(entry: EntryView, q: str) -> bool:
    """Return whether a row is meant by what somebody typed: every word of it in the name, or a part of a number."""
    text = f"{entry.patient.name} {entry.patient.patient_id} {entry.accession_number}".casefold()
    return all(word in text for word in q.casefold().split())


def _is_for(entry: EntryView, today: str) -> bool:
    return entry.start_date in ("", today)


def _day_word(said: Words, entry: EntryView, today: str) -> str:
    if entry.start_date == today:
        return said._("Today") + " · " + said.day(entry.start_date)
    return said.day(entry.start_date) if entry.start_date else said._("Without a date")


def _words(visit: Visit) -> Words:
    return words(visit.language)


def _refresh(visit: Visit) -> str:
    visit.service.patients.refresh()
    return "/"


def _emergency(visit: Visit) -> Shown:
    return show("emergency.html", token="")


def _start_emergency(visit: Visit) -> str:
    return f"/exam/{visit.service.exams.start_emergency(source(visit), visit.who).exam_id}"


_FIELDS = ("family", "given", "patronymic", "patient_id", "day", "month", "year", "sex")


def _unscheduled(visit: Visit) -> Shown:
    form = {name: visit.form.get(name, "") for name in _FIELDS}
    return show("unscheduled.html", form=form, months=months(visit.language), token="")


def _start_unscheduled(visit: Visit) -> str:
    told = {name: visit.form.get(name, "").strip() for name in _FIELDS}
    name = "^".join((told["family"], told["given"], told["patronymic"])).rstrip("^")
    if "^" in told["family"] + told["given"] + told["patronymic"]:
        raise BadRequest("A name may not contain `^`.")
    patient = Patient(
        patient_name=name,
        patient_id=told["patient_id"],
        patient_birth_date=_birth_date(told["day"], told["month"], told["year"]),
        patient_sex=told["sex"] if told["sex"] in ("M", "F", "O") else "",
    )
    return f"/exam/{visit.service.exams.start_unscheduled(source(visit), patient, visit.who).exam_id}"


def _birth_date(day: str, month: str, year: str) -> str:
    if not (day or month or year):
        return ""
    date = f"{year:0>4}{month:0>2}{day:0>2}"
    if not (date.isascii() and date.isdigit() and len(date) == 8 and "01" <= month <= "12" and 1 <= int(day or 0) <= 31):
        raise BadRequest("The date of birth is not a date.")
    return date


def source(visit: Visit) -> str:
    """Return the source that an exam is to be opened on: the one that was chosen, or the first."""
    return visit.form.get("source", "") or visit.service.box.sources()[0].name


PAGES: tuple[Page, ...] = (
    get("/", Act.SEE_PATIENTS, home),
    post("/refresh", Act.SEE_PATIENTS, _refresh, home),
    get("/emergency", Act.START_EMERGENCY, _emergency),
    post("/emergency", Act.START_EMERGENCY, _start_emergency),
    get("/unscheduled", Act.START_EXAM, _unscheduled),
    post("/unscheduled", Act.START_EXAM, _start_unscheduled, _unscheduled),
)
