"""Operations of review and correction: delete, restore, mark, describe, reorder, request removal, tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.actor import Act
from agent.errors import UnknownSource
from agent.review_view import PresetsView, RemovalCodesView, RemovalView
from agent.service import Service
from agent.view import FrameView
from agent.web.operation import Call, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]
Identifier = Annotated[str, Field(min_length=1, max_length=64)]


@body_type
class Deletion:
    """Why a picture is deleted; asked only of an administrator after release."""

    reason: Text = ""


@body_type
class Key:
    """Whether a picture is a key image."""

    on: bool


@body_type
class Said:
    """What is said of a picture, from the presets; empty: as the source is configured."""

    laterality: Annotated[str, Field(max_length=1)] = ""
    description: Text = ""


@body_type
class Order:
    """All loose sheets of an exam, in the order that they shall have."""

    frame_ids: Annotated[list[Identifier], Field(max_length=1000)]


@body_type
class RemovalRequest:
    """What is to be taken out of the archive, and why."""

    code: Annotated[str, Field(max_length=16)]
    """113038, 113037 or 113001 (PS3.16 CID 7010)."""
    reason: Annotated[str, Field(max_length=16)] = ""
    """Of PS3.16 CID 7011, with 113001 only."""
    words: Text = ""
    """Written into the note."""
    frame_ids: Annotated[list[Identifier], Field(max_length=1000)] = Field(default_factory=list)
    """Pictures of the exam; none: all."""


@body_type
class TickOff:
    """What somebody did about a request."""

    words: Text = ""


def _presets(service: Service, call: Call) -> PresetsView:
    name = str(call.path["name"])
    if name not in {view.name for view in service.box.sources()}:
        raise UnknownSource
    return service.review.presets(name)


def _request(service: Service, call: Call) -> RemovalView:
    body: RemovalRequest = call.body
    return service.review.request_removal(
        call.path["exam_id"], body.frame_ids, body.code, body.words, call.who, body.reason
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/sources/{name}/presets",
        act=Act.SEE_BOX,
        answer=PresetsView,
        does=_presets,
    ),
    Operation(
        method="POST",
        path="/frames/{frame_id}/delete",
        act=Act.REVIEW,
        answer=FrameView,
        body=Deletion,
        does=lambda s, c: s.review.delete(c.path["frame_id"], c.actor, c.body.reason),
    ),
    Operation(
        method="POST",
        path="/frames/{frame_id}/restore",
        act=Act.REVIEW,
        answer=FrameView,
        does=lambda s, c: s.review.restore(c.path["frame_id"], c.who),
    ),
    Operation(
        method="POST",
        path="/frames/{frame_id}/key",
        act=Act.REVIEW,
        answer=FrameView,
        body=Key,
        does=lambda s, c: s.review.mark_key(c.path["frame_id"], c.who, on=c.body.on),
    ),
    Operation(
        method="POST",
        path="/frames/{frame_id}/describe",
        act=Act.REVIEW,
        answer=FrameView,
        body=Said,
        does=lambda s, c: s.review.describe(c.path["frame_id"], c.body.laterality, c.body.description, c.who),
    ),
    Operation(
        method="POST",
        path="/exams/{exam_id}/pages",
        act=Act.REVIEW,
        answer=tuple[FrameView, ...],
        body=Order,
        does=lambda s, c: s.review.reorder(c.path["exam_id"], c.body.frame_ids, c.who),
    ),
    Operation(
        method="GET",
        path="/removals/codes",
        act=Act.SEE_BOX,
        answer=RemovalCodesView,
        does=lambda s, _c: s.review.removal_codes(),
    ),
    Operation(
        method="GET",
        path="/removals",
        act=Act.SEE_PATIENTS,
        answer=tuple[RemovalView, ...],
        does=lambda s, _c: s.review.tasks(),
    ),
    Operation(
        method="GET",
        path="/exams/{exam_id}/removals",
        act=Act.SEE_PATIENTS,
        answer=tuple[RemovalView, ...],
        does=lambda s, c: s.review.removals(c.path["exam_id"]),
    ),
    Operation(
        method="POST",
        path="/exams/{exam_id}/removal",
        act=Act.CORRECT,
        answer=RemovalView,
        body=RemovalRequest,
        does=_request,
    ),
    Operation(
        method="POST",
        path="/removals/{removal_id}/done",
        act=Act.CORRECT,
        answer=RemovalView,
        body=TickOff,
        does=lambda s, c: s.review.tick_off(c.path["removal_id"], c.body.words, c.who),
    ),
)
