"""When it happened all the same: which corrections are open to an exam now."""

from __future__ import annotations

from agent.actor import Act
from agent.web.pages.page import Page, Shown, Visit, get, show


def _ways(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    return show("correct.html", exam=exam, ways=())


PAGES: tuple[Page, ...] = (get("/exam/{exam_id}/correct", Act.CORRECT, _ways),)
