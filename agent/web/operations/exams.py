"""Operations on exams: open, finish, undo, hold, release, discard, resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.actor import Act
from agent.model import Patient
from agent.service import Service
from agent.view import ExamView
from agent.web.operation import Call, Operation, body_type

Text = Annotated[str, Field(max_length=1024)]


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
    typed: Text = ""
    """What was typed or scanned to confirm the patient."""


@body_type
class StartUnscheduled:
    """An exam without an order."""

    source: Text
    patient: TypedPatient


@body_type
class StartEmergency:
    """An exam under a temporary identity."""

    source: Text


@body_type
class Why:
    """Why something is done to an exam."""

    reason: Text = ""
    code: Text = ""
    """Of PS3.16 CID 9300, as 110514 for a wrong worklist entry; told to the RIS."""


def _start(service: Service, call: Call) -> ExamView:
    body: Start = call.body
    return service.exams.start(body.source, body.key, body.digest, body.typed, call.who)


def _start_unscheduled(service: Service, call: Call) -> ExamView:
    told: TypedPatient = call.body.patient
    patient = Patient(
        patient_name=told.patient_name,
        patient_id=told.patient_id,
        patient_birth_date=told.patient_birth_date,
        patient_sex=told.patient_sex,
    )
    return service.exams.start_unscheduled(call.body.source, patient, call.who)


def _apply(event: str) -> Callable[[Service, Call], Any]:
    return lambda s, c: s.exams.apply(c.path["exam_id"], event, c.who, c.body.reason, c.body.code)


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
        does=lambda s, c: s.exams.start_emergency(c.body.source, c.who),
    ),
    *(
        Operation(
            method="POST", path=f"/exams/{{exam_id}}/{event}", act=act, answer=ExamView, body=Why, does=_apply(event)
        )
        for event, act in _EVENTS.items()
    ),
)
