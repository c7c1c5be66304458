"""Operations on what arrived without a patient."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agent.actor import Act
from agent.service import Service
from agent.view import FrameView, TrayView
from agent.web.operation import Call, Nothing, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]


@body_type
class Into:
    """Where an item goes."""

    source: Text
    exam_id: Text = ""
    """The exam that the asker believes open on the source; another one is refused."""


@body_type
class Reason:
    """Why something is given up."""

    reason: Text = ""


def _discard(service: Service, call: Call) -> dict[str, Any]:
    service.tray.discard(call.path["item_id"], call.who, call.body.reason)
    return {}


OPERATIONS = (
    Operation(
        method="GET",
        path="/tray",
        act=Act.SEE_PATIENTS,
        answer=tuple[TrayView, ...],
        does=lambda s, _c: s.tray.items(),
    ),
    Operation(
        method="POST",
        path="/tray/{item_id}/assign",
        act=Act.REVIEW,
        answer=FrameView,
        body=Into,
        does=lambda s, c: s.tray.assign(c.path["item_id"], c.body.source, c.body.exam_id),
    ),
    Operation(
        method="POST", path="/tray/{item_id}/discard", act=Act.REVIEW, answer=Nothing, body=Reason, does=_discard
    ),
)
