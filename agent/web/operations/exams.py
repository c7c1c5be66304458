"""Operations on exams: open, finish, undo, hold, release, discard, resume, move, append, date; who works here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.actor import Act
from agent.confirm_view import ControlView, CorrectionView
from agent.control import holder
from agent.model import Patient
from agent.opening import Shown
from agent.service import Service
from agent.service.corrections import Target
from agent.view import ExamView
from agent.web.operation import Call, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]
Mode = Literal["", "scan", "reenter", "click"]


@body_type
class TypedPatient:
    """A patient without an order, as a person typed it."""

    patient_name: Text
    """PN, as `Family^Given^Patronymic`."""
    patient_id: Text
    patient_birth_date: Text = ""
    """DA, YYYYMMDD."""
    patient_sex: Literal["", "M", "F", "O"] = ""


@body_type
class Start:
    """Which worklist entry to open an exam for, and what confirmed the patient."""

    source: Text
    key: Text
    """Of the worklist entry."""
    digest: Text = ""
    """Of that entry as it was shown; a changed one is refused."""
    mode: Mode = ""
    """What confirmed the patient; empty: told from what was typed. `scan` with nothing typed is the reader's scan."""
    typed: Text = ""
    """What was typed or scanned to confirm the patient."""
    finish_open: Text = ""
    """The exam that is open on the source and ends by this act; empty: none may be open."""
    token: Text = ""
    """Of the page that asks; an older one is refused."""


@body_type
class StartUnscheduled:
    """An exam without an order."""

    source: Text
    patient: TypedPatient
    finish_open: Text = ""
    token: Text = ""


@body_type
class StartEmergency:
    """An exam under a temporary identity."""

    source: Text
    finish_open: Text = ""
    token: Text = ""


@body_type
class Append:
    """One more series of a study that this box knows; the patient is confirmed anew."""

    source: Text
    mode: Mode = ""
    typed: Text = ""
    finish_open: Text = ""
    token: Text = ""


@body_type
class Reidentify:
    """To whom the pictures of an exam go: an entry of the worklist, confirmed, or a typed patient."""

    reason: Text
    key: Text = ""
    digest: Text = ""
    mode: Mode = ""
    typed: Text = ""
    patient: TypedPatient | None = None
    token: Text = ""


@body_type
class Date:
    """When pictures were taken whose clock nobody vouched for; with neither: by the boot clock of the same boot."""

    shift_s: Annotated[float, Field(ge=-4e9, le=4e9)] | None = None
    """Seconds from the time that is stamped to the right one."""
    instant: Text = ""
    """ISO 8601: when the first picture of the exam was taken."""
    token: Text = ""


@body_type
class Why:
    """Why something is done to an exam."""

    reason: Text = ""
    code: Text = ""
    """Of PS3.16 CID 9300, as 110514 for a wrong worklist entry; told to the RIS."""
    token: Text = ""
    """Of the page that asks; an older one is refused."""


def _patient(told: TypedPatient) -> Patient:
    return Patient(
        patient_name=told.patient_name,
        patient_id=told.patient_id,
        patient_birth_date=told.patient_birth_date,
        patient_sex=told.patient_sex,
    )


def _start(service: Service, call: Call) -> ExamView:
    b: Start = call.body
    asked = {"mode": b.mode, "finish_open": b.finish_open, "token": b.token}
    return service.exams.start(b.source, b.key, b.digest, b.typed, call.actor, **asked)


def _start_unscheduled(service: Service, call: Call) -> ExamView:
    b: StartUnscheduled = call.body
    return service.exams.start_unscheduled(
        b.source, _patient(b.patient), call.actor, finish_open=b.finish_open, token=b.token
    )


def _start_emergency(service: Service, call: Call) -> ExamView:
    b: StartEmergency = call.body
    return service.exams.start_emergency(b.source, call.actor, finish_open=b.finish_open, token=b.token)


def _append(service: Service, call: Call) -> ExamView:
    b: Append = call.body
    asked = {"mode": b.mode, "typed": b.typed, "finish_open": b.finish_open, "token": b.token}
    return service.exams.append(call.path["exam_id"], b.source, call.actor, **asked)


def _reidentify(service: Service, call: Call) -> ExamView:
    b: Reidentify = call.body
    shown = Shown(key=b.key, digest=b.digest, mode=b.mode, typed=b.typed, holder=holder(call.actor)) if b.key else None
    target = Target(shown=shown, patient=_patient(b.patient) if b.patient else None)
    return service.exams.reidentify(call.path["exam_id"], target, b.reason, call.actor, token=b.token)


def _date(service: Service, call: Call) -> ExamView:
    b: Date = call.body
    asked = {"shift_s": b.shift_s, "instant": b.instant}
    return service.exams.date(call.path["exam_id"], call.actor, **asked, token=b.token)  # type: ignore[arg-type]


def _take_over(service: Service, call: Call) -> ControlView:
    return service.exams.take_over(call.path["name"], call.actor)


def _apply(event: str) -> Callable[[Service, Call], Any]:
    def does(service: Service, call: Call) -> ExamView:
        b: Why = call.body
        return service.exams.apply(call.path["exam_id"], event, call.actor, b.reason, b.code, token=b.token)

    return does


_EVENTS = {
    "finish": Act.FINISH_EXAM,
    "undo": Act.FINISH_EXAM,
    "resume": Act.CAPTURE,
    "hold": Act.CORRECT,
    "release": Act.CORRECT,
    "discard": Act.CORRECT,
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/exams",
        act=Act.SEE_PATIENTS,
        answer=tuple[ExamView, ...],
        does=lambda s, _c: s.exams.recent(),
    ),
    Operation(
        method="GET",
        path="/exams/{exam_id}",
        act=Act.SEE_PATIENTS,
        answer=ExamView,
        does=lambda s, c: s.exams.get(c.path["exam_id"]),
    ),
    Operation(method="POST", path="/exams", act=Act.START_EXAM, answer=ExamView, body=Start, does=_start),
    Operation(
        method="POST",
        path="/exams/unscheduled",
        act=Act.START_EXAM,
        answer=ExamView,
        body=StartUnscheduled,
        does=_start_unscheduled,
    ),
    Operation(
        method="POST",
        path="/exams/emergency",
        act=Act.START_EMERGENCY,
        answer=ExamView,
        body=StartEmergency,
        does=_start_emergency,
    ),
    Operation(
        method="POST",
        path="/exams/{exam_id}/append",
        act=Act.CORRECT,
        answer=ExamView,
        body=Append,
        does=_append,
    ),
    Operation(
        method="POST",
        path="/exams/{exam_id}/reidentify",
        act=Act.CORRECT,
        answer=ExamView,
        body=Reidentify,
        does=_reidentify,
    ),
    Operation(
        method="POST", path="/exams/{exam_id}/date", act=Act.CORRECT, answer=ExamView, body=Date, does=_date
    ),
    Operation(
        method="GET",
        path="/corrections",
        act=Act.SEE_AUDIT,
        answer=tuple[CorrectionView, ...],
        does=lambda s, _c: s.exams.corrections(),
    ),
    Operation(
        method="GET",
        path="/sources/{name}/control",
        act=Act.SEE_OPEN_EXAM,
        answer=ControlView,
        does=lambda s, c: s.exams.control(c.path["name"], c.actor),
    ),
    Operation(
        method="POST", path="/sources/{name}/take-over", act=Act.FINISH_EXAM, answer=ControlView, does=_take_over
    ),
    *(
        Operation(
            method="POST", path=f"/exams/{{exam_id}}/{event}", act=act, answer=ExamView, body=Why, does=_apply(event)
        )
        for event, act in _EVENTS.items()
    ),
)
