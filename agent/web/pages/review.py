"""The pictures of one exam: one large, all in a grid; kept, deleted, marked, described, put in order before release."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import NotFound
from agent.view import ExamView, FrameView
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import words

_SHOWN = ("captured", "built", "held", "tombstoned", "rejected")


def _pictures(exam: ExamView) -> list[FrameView]:
    """Return the pictures in the order in which they are shown: sheets by their page, all others by their number."""
    frames = [frame for frame in exam.frames if frame.state in _SHOWN]
    return sorted(frames, key=lambda frame: (frame.page or frame.number, frame.number))


def review(visit: Visit) -> Shown:
    """Show one picture large, the one that is asked for or the newest, and all in a grid."""
    exam = visit.service.exams.get(visit.path["exam_id"])
    frames = _pictures(exam)
    asked = visit.query.get("frame", "") or visit.path.get("frame_id", "")
    chosen = next((frame for frame in frames if frame.frame_id == asked), frames[-1] if frames else None)
    if asked and (chosen is None or chosen.frame_id != asked):
        raise NotFound
    at = frames.index(chosen) if chosen else -1
    loose = exam.state in ("open", "finishing") and len(frames) > 1 and all(f.kind == "page" for f in frames)
    return show(
        "review.html",
        exam=exam,
        frames=frames,
        chosen=chosen,
        before=frames[at - 1] if at > 0 else None,
        after=frames[at + 1] if 0 <= at < len(frames) - 1 else None,
        movable=loose,
        play=bool(visit.query.get("play")),
        zoom=bool(visit.query.get("zoom")),
    )


def _here(visit: Visit) -> str:
    return f"/exam/{visit.path['exam_id']}/review?frame={visit.path['frame_id']}"


def _frame(visit: Visit) -> FrameView:
    exam = visit.service.exams.get(visit.path["exam_id"])
    found = next((frame for frame in exam.frames if frame.frame_id == visit.path["frame_id"]), None)
    if found is None:
        raise NotFound
    return found


def _ask_delete(visit: Visit) -> Shown:
    said, frame = words(visit.language), _frame(visit)
    return show(
        "ask.html",
        exam=visit.service.exams.get(frame.exam_id),
        question=said._("Delete image %(number)s?") % {"number": frame.number},
        more=said._("It is not sent. It can be restored until the exam is sent."),
        action=f"/exam/{frame.exam_id}/frames/{frame.frame_id}/delete",
        verb=said._("Delete"),
        symbol="trash",
        back=_here(visit),
        reasons=(),
        picture=f"/api/frames/{frame.frame_id}/picture?width=640",
    )


def _delete(visit: Visit) -> str:
    visit.service.review.delete(_frame(visit).frame_id, visit.actor)
    return _here(visit)


def _restore(visit: Visit) -> str:
    visit.service.review.restore(_frame(visit).frame_id, visit.who)
    return _here(visit)


def _key(visit: Visit) -> str:
    visit.service.review.mark_key(_frame(visit).frame_id, visit.who, on=bool(visit.form.get("on")))
    return _here(visit)


def _ask_describe(visit: Visit) -> Shown:
    exam, frame = visit.service.exams.get(visit.path["exam_id"]), _frame(visit)
    presets = visit.service.review.presets(exam.source)
    return show(
        "describe.html",
        exam=exam,
        frame=frame,
        lateralities=("", *presets.lateralities),
        descriptions=("", *presets.descriptions) if presets.descriptions else (),
    )


def _describe(visit: Visit) -> str:
    laterality, description = visit.form.get("laterality", ""), visit.form.get("description", "")
    visit.service.review.describe(_frame(visit).frame_id, laterality, description, visit.who)
    return _here(visit)


def _swap(visit: Visit) -> str:
    """Exchange a sheet with the one before or behind it."""
    frames = [f.frame_id for f in _pictures(visit.service.exams.get(visit.path["exam_id"]))]
    at = frames.index(_frame(visit).frame_id)
    to = at + (1 if visit.form.get("to") == "later" else -1)
    if 0 <= to < len(frames):
        frames[at], frames[to] = frames[to], frames[at]
        visit.service.review.reorder(visit.path["exam_id"], frames, visit.who)
    return _here(visit)


_OF = "/exam/{exam_id}/frames/{frame_id}"
PAGES: tuple[Page, ...] = (
    get("/exam/{exam_id}/review", Act.REVIEW, review),
    get(f"{_OF}/delete", Act.REVIEW, _ask_delete),
    post(f"{_OF}/delete", Act.REVIEW, _delete, review),
    post(f"{_OF}/restore", Act.REVIEW, _restore, review),
    post(f"{_OF}/key", Act.REVIEW, _key, review),
    get(f"{_OF}/describe", Act.REVIEW, _ask_describe),
    post(f"{_OF}/describe", Act.REVIEW, _describe, review),
    post(f"{_OF}/swap", Act.REVIEW, _swap, review),
)
