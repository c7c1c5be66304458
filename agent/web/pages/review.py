"""The pictures of one exam: one large, all in a grid."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import NotFound
from agent.web.pages.live import THUMBNAILS
from agent.web.pages.page import Page, Shown, Visit, get, show

_SHOWN = ("captured", "built", "held", "tombstoned")


def _review(visit: Visit) -> Shown:
    exam = visit.service.exams.get(visit.path["exam_id"])
    frames = [frame for frame in exam.frames if frame.state in _SHOWN]
    asked = visit.query.get("frame", "")
    chosen = next((frame for frame in frames if frame.frame_id == asked), frames[-1] if frames else None)
    if asked and (chosen is None or chosen.frame_id != asked):
        raise NotFound
    return show(
        "review.html",
        exam=exam,
        frames=frames,
        chosen=chosen,
        token="",
        thumbnails=THUMBNAILS,
        acts=False,
        play=bool(visit.query.get("play")),
        zoom=bool(visit.query.get("zoom")),
    )


PAGES: tuple[Page, ...] = (get("/exam/{exam_id}/review", Act.SEE_PATIENTS, _review),)
