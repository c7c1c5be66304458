"""Operations on the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from agent.actor import Act, Actor, may
from agent.service import Service
from agent.view import FrameView, JobView, PatientView
from agent.web.operation import Call, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]


@body_type
class Reason:
    """Why something is done to a job."""

    reason: Text = ""


@body_type
class Elsewhere:
    """Where an object is to go instead, and why."""

    destination: Text
    reason: Text = ""


def _apply(event: str) -> Callable[[Service, Call], Any]:
    return lambda s, c: _seen_by(c.actor, s.queue.apply(c.path["job_id"], event, c.who, c.body.reason))


def _seen_by(actor: Actor, job: JobView) -> JobView:
    """Return the job without its patient to who may run the queue and not see patients."""
    if may(actor, Act.SEE_PATIENTS):
        return job
    return replace(job, patient=PatientView(name="", patient_id="", birth_date="", sex=""))


_EVENTS = {
    "retry": ("retry now", Act.RUN_QUEUE),
    "hold": ("hold", Act.CHANGE_QUEUE),
    "discard": ("discard", Act.CHANGE_QUEUE),
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/receipts",
        act=Act.SEE_AUDIT,
        answer=bytes,
        media="text/csv",
        query=("first", "last"),
        does=lambda s, c: s.queue.receipts(c.query["first"], c.query["last"]),
        says="What was delivered on these days as CSV, one line for each object and destination; no patient.",
    ),
    Operation(
        method="GET", path="/queue", act=Act.SEE_PATIENTS, answer=tuple[JobView, ...], does=lambda s, _c: s.queue.jobs()
    ),
    Operation(
        method="GET",
        path="/jobs/{job_id:int}/attempts",
        act=Act.SEE_PATIENTS,
        answer=list[dict[str, str]],
        does=lambda s, c: s.queue.attempts(c.path["job_id"]),
    ),
    Operation(
        method="POST",
        path="/frames/{frame_id}/accept",
        act=Act.CORRECT,
        answer=FrameView,
        does=lambda s, c: s.queue.accept_frame(c.path["frame_id"], c.who),
    ),
    Operation(
        method="POST",
        path="/jobs/{job_id:int}/redirect",
        act=Act.CHANGE_QUEUE,
        answer=JobView,
        body=Elsewhere,
        does=lambda s, c: s.queue.redirect(c.path["job_id"], c.body.destination, c.who, c.body.reason),
    ),
    *(
        Operation(
            method="POST",
            path=f"/jobs/{{job_id:int}}/{name}",
            act=act,
            answer=JobView,
            body=Reason,
            does=_apply(event),
        )
        for name, (event, act) in _EVENTS.items()
    ),
)
