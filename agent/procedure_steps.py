"""Modality Performed Procedure Steps (PS3.4 Annex F): what is told is read from the store when it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from agent.errors import AgentError
from agent.instant import da_tm
from agent.lifecycle import StepState
from agent.model import PeerAddress
from agent.outcome import Outcome, outcome_from_wire
from agent.peers import Peers, child_failed
from agent.plain import to_plain
from agent.sop_classes import KEY_OBJECT, SOP_CLASSES
from agent.step import PerformedSeries, ProcedureStep, StepEnd, StepStatus, discontinuation
from agent.step_statuses import told_already
from agent.store import Exam, Job, Step, Store
from agent.store.jobs import N_CREATE, N_SET

_NO_IMAGES = (SOP_CLASSES["encapsulated-pdf"], KEY_OBJECT)
"""Told in (0040,0220), not among the images (PS3.3 table C.4-15)."""
Settle = Callable[[Job, Outcome], None]


class ProcedureStepMessages:
    """Sends N-CREATE and N-SET, one association each."""

    def __init__(self, peer: PeerAddress, store: Store, peers: Peers) -> None:
        self._peer, self._store, self._peers = peer, store, peers

    def run(self, jobs: list[Job], settle: Settle) -> None:
        """Send each message and settle its job."""
        for job in jobs:
            outcome = self._send(job)
            settle(job, told_already(outcome) if job.kind == N_SET and job.attempts > 1 else outcome)

    def _send(self, job: Job) -> Outcome:
        exam, step = self._store.exams.get(job.exam_id), self._store.steps.of_exam(job.exam_id)
        if step is None:
            raise KeyError(f"job {job.job_id} has no step")
        if job.kind == N_CREATE:
            told: dict[str, Any] = {"step": to_plain(_begun(exam, step, self._peer.calling_ae_title))}
        else:
            told = {"end": to_plain(_ended(exam, step, self._store.steps.performed(job.exam_id)))}
        limit = self._peer.connect_timeout_s + self._peer.association_timeout_s + self._peer.response_timeout_s + 10
        try:
            answer, _ = self._peers.call(job.kind, {"peer": asdict(self._peer), **told}, deadline_s=limit)
            return outcome_from_wire(answer["outcome"])
        except (AgentError, KeyError, ValueError) as e:
            return child_failed(e)


def _begun(exam: Exam, step: Step, station_ae_title: str) -> ProcedureStep:
    date, time = da_tm(step.started_at, exam.equipment.timezone)
    return ProcedureStep(
        step_uid=step.step_uid,
        step_id=step.step_id,
        snapshot=exam.snapshot,
        equipment=exam.equipment,
        station_ae_title=station_ae_title,
        started_date=date,
        started_time=time,
    )


def _ended(exam: Exam, step: Step, performed: list[tuple[str, str]]) -> StepEnd:
    date, time = da_tm(step.ended_at, exam.equipment.timezone)
    completed = step.state is StepState.COMPLETED
    series = PerformedSeries(
        series_instance_uid=exam.series_instance_uid,
        protocol_name=exam.equipment.protocol_name,
        description=exam.equipment.series_description,
        images=tuple(pair for pair in performed if pair[0] not in _NO_IMAGES),
        non_images=tuple(pair for pair in performed if pair[0] in _NO_IMAGES),
    )
    return StepEnd(
        step_uid=step.step_uid,
        status=StepStatus.COMPLETED if completed else StepStatus.DISCONTINUED,
        ended_date=date,
        ended_time=time,
        series=(series,),
        discontinuation=None if completed else discontinuation(step.reason),
    )

