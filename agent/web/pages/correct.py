"""When it happened all the same (technician.md B7): to another patient, out of the archive, another series, the time.

Each way is a page of its own that says what will happen, and one act.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.actor import Act
from agent.errors import NotFound
from agent.lifecycle import ExamState
from agent.opening import Shown as ShownEntry
from agent.service.corrections import Target
from agent.view import ExamView
from agent.web.pages import by_hand
from agent.web.pages.page import Page, Shown, Visit, _, get, post, show
from agent.web.pages.worklist import source
from agent.web.words import Words, words

WRONG_ROW = (_("wrong row chosen"), _("the order came later"), _("the patient was mixed up"))
_ON_ITS_WAY = (ExamState.RELEASED, ExamState.DELIVERED, ExamState.COMMITTED)
_MOVABLE = (ExamState.OPEN, ExamState.FINISHING, ExamState.HELD, *_ON_ITS_WAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One thing that can be done about an exam."""

    id: str
    href: str
    icon: str
    title: str
    more: str


def _ways(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    return show("correct.html", exam=exam, ways=tuple(_open_to(exam, words(visit.language))))


def _open_to(exam: ExamView, said: Words) -> list[Way]:
    here, found = f"/exam/{exam.exam_id}", []
    if exam.state in _MOVABLE and exam.captured:
        title = said._("It was another patient, or the order came later")
        more = said._("The images go to the right patient. What was sent already is asked back.")
        found.append(Way(id="to-another", href=f"{here}/move", icon="move", title=title, more=more))
    if exam.state in _ON_ITS_WAY:
        title = said._("The images must leave the archive")
        more = said._("The archive gets a note that rejects them; somebody still has to tell its administrator.")
        found.append(Way(id="to-removal", href=f"{here}/removal", icon="trash", title=title, more=more))
    if exam.appendable:
        title, more = said._("One more series for this patient"), said._("The same study, images of their own.")
        found.append(Way(id="to-append", href=f"{here}/append", icon="plus", title=title, more=more))
    if exam.state == ExamState.HELD:
        title = said._("The clock was not set")
        more = said._("Say when the first image was taken.")
        found.append(Way(id="to-date", href=f"{here}/date", icon="clock", title=title, more=more))
        title, more = said._("Nobody needs these images"), said._("They are not sent, and leave this box after a day.")
        found.append(Way(id="to-discard", href=f"{here}/give-up", icon="cross", title=title, more=more))
    return found


# --- to another patient ------------------------------------------------------------------------------------------


def _choose(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    q = visit.query.get("q", "").strip()
    listed = visit.service.patients.worklist(search=q)
    entries = [e for e in listed.entries if not e.blocked]
    return show("move.html", exam=exam, entries=entries, q=q)


def _ask_move(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    chosen = visit.service.patients.confirm(exam.source, visit.path["key"], visit.actor)
    return show("move_ask.html", exam=exam, confirm=chosen, reasons=WRONG_ROW)


def _move(visit: Visit) -> str:
    form = visit.form
    target = Target(
        shown=ShownEntry(
            key=visit.path["key"],
            digest=form.get("digest", "-"),
            mode=form.get("mode", ""),
            typed=form.get("typed", ""),
            holder=visit.actor.screen or visit.actor.session,
        )
    )
    exam = visit.service.exams.reidentify(
        visit.path["exam_id"], target, form.get("reason", ""), visit.actor, token=visit.token
    )
    return f"/exam/{exam.exam_id}"


def _by_hand(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    return show("move_by_hand.html", exam=exam, reasons=WRONG_ROW, **by_hand.written(visit))


def _move_by_hand(visit: Visit) -> str:
    exam = visit.service.exams.reidentify(
        visit.path["exam_id"],
        Target(patient=by_hand.patient(visit)),
        visit.form.get("reason", ""),
        visit.actor,
        token=visit.token,
    )
    return f"/exam/{exam.exam_id}"


# --- out of the archive --------------------------------------------------------------------------------------------


def _ask_removal(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    return show(
        "removal.html",
        exam=exam,
        codes=visit.service.review.removal_codes(),
        asked=visit.service.review.removals(exam.exam_id),
    )


def _removal(visit: Visit) -> str:
    code, exam_id = visit.form.get("code", ""), visit.path["exam_id"]
    reason = visit.form.get("reason", "") if code == "113001" else ""
    visit.service.review.request_removal(exam_id, (), code, visit.form.get("words", ""), visit.who, reason)
    return f"/exam/{exam_id}/removal"


def _told(visit: Visit) -> str:
    visit.service.review.tick_off(visit.path["removal_id"], visit.form.get("words", ""), visit.who)
    return "/queue"


# --- one more series, the right time, giving up ----------------------------------------------------------------------


def _ask_append(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    if not exam.appendable:
        raise NotFound
    return show("append.html", exam=exam)


def _append(visit: Visit) -> str:
    form = visit.form
    exam = visit.service.exams.append(
        visit.path["exam_id"],
        source(visit),
        visit.actor,
        typed=form.get("typed", ""),
        mode=form.get("mode", ""),
        finish_open=form.get("finish_open", ""),
        token=visit.token,
    )
    return f"/exam/{exam.exam_id}"


def _ask_date(visit: Visit) -> Shown:
    return show("date.html", exam=visit.service.exams.get(visit.path["exam_id"]))


def _date(visit: Visit) -> str:
    day, time = visit.form.get("day", ""), visit.form.get("time", "")
    exam = visit.service.exams.date(visit.path["exam_id"], visit.actor, instant=f"{day}T{time}" if day else "")
    return f"/exam/{exam.exam_id}"


def _ask_give_up(visit: Visit) -> Shown:
    said, exam = words(visit.language), visit.service.exams.get(visit.path["exam_id"])
    return show(
        "ask.html",
        exam=exam,
        question=said._("Give up this exam?"),
        more=said._("Its images are not sent and leave this box after a day."),
        action=f"/exam/{exam.exam_id}/give-up",
        verb=said._("Give up"),
        symbol="trash",
        back=f"/exam/{exam.exam_id}/correct",
        reasons=(_("taken by mistake"), _("only a test"), _("not a picture of a patient")),
        picture="",
    )


def _give_up(visit: Visit) -> str:
    reason = visit.form.get("reason", "")
    visit.service.exams.apply(visit.path["exam_id"], "discard", visit.actor, reason)
    return f"/exam/{visit.path['exam_id']}"


PAGES: tuple[Page, ...] = (
    get("/exam/{exam_id}/correct", Act.CORRECT, _ways),
    get("/exam/{exam_id}/move", Act.CORRECT, _choose),
    get("/exam/{exam_id}/move/by-hand", Act.CORRECT, _by_hand),
    post("/exam/{exam_id}/move/by-hand", Act.CORRECT, _move_by_hand, _by_hand),
    get("/exam/{exam_id}/move/{key}", Act.CORRECT, _ask_move),
    post("/exam/{exam_id}/move/{key}", Act.CORRECT, _move, _ask_move),
    get("/exam/{exam_id}/removal", Act.CORRECT, _ask_removal),
    post("/exam/{exam_id}/removal", Act.CORRECT, _removal, _ask_removal),
    post("/removals/{removal_id}/told", Act.CORRECT, _told),
    get("/exam/{exam_id}/append", Act.CORRECT, _ask_append),
    post("/exam/{exam_id}/append", Act.CORRECT, _append, _ask_append),
    get("/exam/{exam_id}/date", Act.CORRECT, _ask_date),
    post("/exam/{exam_id}/date", Act.CORRECT, _date, _ask_date),
    get("/exam/{exam_id}/give-up", Act.CORRECT, _ask_give_up),
    post("/exam/{exam_id}/give-up", Act.CORRECT, _give_up, _ask_give_up),
)
