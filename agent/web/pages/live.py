"""The open exam: live picture, capture, clips, sheets; and the record of an exam that is no longer open."""

from __future__ import annotations

from agent.actor import Act, assert_may
from agent.errors import OutOfDate
from agent.view import ExamView
from agent.web.pages.page import Page, Shown, Visit, get, post, show


def exam(visit: Visit) -> Shown:
    """Show an exam: live while it is open, else what became of it."""
    found = visit.service.exams.get(visit.path["exam_id"])
    if found.state != "open":
        if found.state != "finishing":
            assert_may(visit.actor, Act.SEE_PATIENTS)
        return show("exam.html", exam=found)
    source = next(s for s in visit.service.box.sources() if s.name == found.source)
    return show(
        "live.html",
        exam=found,
        source=source,
        token=source.token,
        control=visit.service.exams.control(found.source, visit.actor),
        last_s=_since_last(visit, found),
        scan=visit.service.captures.last_scan(found.source),
    )


def _since_last(visit: Visit, found: ExamView) -> float:
    return visit.service.captures.age_s(found.frames[-1].captured_at) if found.frames else 0.0


def _opened(visit: Visit) -> ExamView:
    found = visit.service.exams.get(visit.path["exam_id"])
    if found.state != "open":
        raise OutOfDate
    return found


def _capture(visit: Visit) -> str:
    found = _opened(visit)
    visit.service.captures.still(
        found.source, visit.form.get("trigger_id", ""), None, found.exam_id, token=visit.token, actor=visit.actor
    )
    return f"/exam/{found.exam_id}"


def _start_clip(visit: Visit) -> str:
    found = _opened(visit)
    visit.service.captures.start_clip(
        found.source, visit.form.get("trigger_id", ""), None, found.exam_id, token=visit.token, actor=visit.actor
    )
    return f"/exam/{found.exam_id}"


def _stop_clip(visit: Visit) -> str:
    found = _opened(visit)
    visit.service.captures.stop_clip(found.source, token=visit.token, actor=visit.actor)
    return f"/exam/{found.exam_id}"


def _cancel(visit: Visit) -> str:
    found = _opened(visit)
    visit.service.captures.cancel_scan(found.source, actor=visit.actor)
    return f"/exam/{found.exam_id}"


def _resume(visit: Visit) -> str:
    visit.service.exams.apply(visit.path["exam_id"], "resume", visit.actor, token=visit.token)
    return f"/exam/{visit.path['exam_id']}"


def _take_over(visit: Visit) -> str:
    found = _opened(visit)
    visit.service.exams.take_over(found.source, visit.actor)
    return f"/exam/{found.exam_id}"


PAGES: tuple[Page, ...] = (
    get("/exam/{exam_id}", Act.SEE_OPEN_EXAM, exam),
    post("/exam/{exam_id}/capture", Act.CAPTURE, _capture, exam),
    post("/exam/{exam_id}/clip/start", Act.CAPTURE, _start_clip, exam),
    post("/exam/{exam_id}/clip/stop", Act.CAPTURE, _stop_clip, exam),
    post("/exam/{exam_id}/cancel", Act.CAPTURE, _cancel, exam),
    post("/exam/{exam_id}/resume", Act.CAPTURE, _resume, exam),
    post("/exam/{exam_id}/take-over", Act.CAPTURE, _take_over, exam),
)
