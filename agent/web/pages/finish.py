"""The end of an exam: the question, the undo window, and what a person does with a held one."""

from __future__ import annotations

from agent.actor import Act
from agent.web.pages.live import exam
from agent.web.pages.page import Page, Shown, Visit, get, post, show


def _ask(visit: Visit) -> Shown | str:
    found = visit.service.exams.get(visit.path["exam_id"])
    if found.state != "open":
        return f"/exam/{found.exam_id}"
    return show("finish.html", exam=found, token=visit.service.exams.token(found.source))


def _finish(visit: Visit) -> str:
    visit.service.exams.apply(visit.path["exam_id"], "finish", visit.actor, token=visit.token)
    return "/" if visit.may(Act.SEE_PATIENTS) else f"/exam/{visit.path['exam_id']}"


def _undo(visit: Visit) -> str:
    visit.service.exams.apply(visit.path["exam_id"], "undo", visit.actor, token=visit.token)
    return f"/exam/{visit.path['exam_id']}"


def _release(visit: Visit) -> str:
    visit.service.exams.apply(visit.path["exam_id"], "release", visit.actor)
    return "/queue"


PAGES: tuple[Page, ...] = (
    get("/exam/{exam_id}/finish", Act.FINISH_EXAM, _ask),
    post("/exam/{exam_id}/finish", Act.FINISH_EXAM, _finish, exam),
    post("/exam/{exam_id}/undo", Act.FINISH_EXAM, _undo, exam),
    post("/exam/{exam_id}/release", Act.CORRECT, _release, exam),
)
