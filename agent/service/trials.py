"""Tests by an engineer: connections with every phase, the worklist in numbers, a picture of nobody, pedals, readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.actor import Actor
from agent.admin_view import ConnectionView, InputView, QueryView, StepView, TrialView
from agent.delivery import Destination
from agent.devices import Devices
from agent.errors import AgentError, NotFound, WrongState
from agent.lifecycle import ExamState, FrameState, JobState
from agent.model import ClockTrust, PeerAddress
from agent.outcome import Outcome, Phase
from agent.service.overview import Overview
from agent.store import Job, Store, StoredFrame
from agent.trial import Trials
from agent.triggers import Triggers
from agent.worklist import Worklist

V = TypeVar("V")
PHASES = (Phase.NAME, Phase.TCP, Phase.TLS, Phase.ASSOCIATION, Phase.SERVICE)
_INSIDE: Mapping[Phase, Phase] = {
    Phase.CONTEXT: Phase.ASSOCIATION,
    Phase.RESPONSE: Phase.SERVICE,
    Phase.SENDING: Phase.SERVICE,
    Phase.FILE: Phase.SERVICE,
    Phase.RELEASE: Phase.SERVICE,
}
"""Phases that a person need not tell apart from the one that they belong to."""
_ADVICE: Mapping[Phase, str] = {
    Phase.NAME: "Check the name of the host and the name server of the network.",
    Phase.TCP: "Check address, port, cable and firewall, and that the other program runs.",
    Phase.TLS: "Compare the certificates of both sides; look at the certificates page for what ended.",
    Phase.ASSOCIATION: "Compare the AE titles of both sides; the other side must know this box.",
    Phase.SERVICE: "Ask the people of the other system what its log says about this box.",
}
_MADE = frozenset({FrameState.BUILT, FrameState.PURGED})
_CLOCK = "The clock of this box is not set, so no certificate can be judged: set the clock first."
_TRUSTED_LATE = frozenset({"verify:9", "verify:10"})
"""Not yet valid, expired: it may as well be the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(Generic[V]):
    """What the last test found, and when; of this run only."""

    at: str
    view: V


class EngineerTests:
    """Asked by administrators and service engineers; no answer names a patient."""

    def __init__(
        self,
        overview: Overview,
        store: Store,
        devices: Devices,
        destinations: Mapping[str, Destination],
        worklist: Worklist,
        trials: Trials,
        triggers: Triggers,
        *,
        clock_trust: Callable[[], ClockTrust],
    ) -> None:
        self._overview, self._store, self._devices = overview, store, devices
        self._destinations, self._worklist, self._trials, self._triggers = destinations, worklist, trials, triggers
        self._clock_trust = clock_trust
        self._tried: dict[str, Tried[ConnectionView]] = {}
        self._queried: Tried[QueryView] | None = None

    # --- connections ----------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return every connection that can be tested."""
        return (*(("worklist",) if self._worklist.peer else ()), *self._destinations)

    def tried(self, name: str) -> Tried[ConnectionView] | None:
        """Return what the last test of a connection found; None: none was made since the start."""
        return self._tried.get(name)

    def queried(self) -> Tried[QueryView] | None:
        """Return what the last test query found."""
        return self._queried

    def connection(self, name: str) -> ConnectionView:
        """Test one connection, phase by phase, and remember the answer; raises `NotFound`."""
        view = self._tested(name)
        self._tried[name] = Tried(at=self._overview.status().now, view=view)
        return view

    def _tested(self, name: str) -> ConnectionView:
        if name == "worklist" and self._worklist.peer is not None:
            return self._connection(name, self._worklist.peer, self._worklist.echo())
        if name not in self._destinations:
            raise NotFound("There is no connection of that name.")
        destination = self._destinations[name]
        return self._connection(name, destination.peer, destination.echo())

    def _connection(self, name: str, peer: PeerAddress, outcome: Outcome) -> ConnectionView:
        ended = _INSIDE.get(outcome.phase, outcome.phase)
        advice = "" if outcome.sent else _ADVICE[ended]
        if ended is Phase.TLS and self._clock_trust() is ClockTrust.UNTRUSTED:
            advice = _CLOCK
        elif outcome.code in _TRUSTED_LATE:
            advice = f"Renew the certificate, or compare the clocks: this box says {self._overview.status().now}."
        return ConnectionView(
            name=name,
            address=f"{peer.called_ae_title}@{peer.host}:{peer.port}",
            tls=peer.tls is not None,
            ok=outcome.sent,
            phases=phases(outcome, tls=peer.tls is not None),
            words=outcome.words,
            code=outcome.code,
            blame=outcome.blame.value,
            advice=advice,
        )

    def query(self) -> QueryView:
        """Ask the worklist server as the box does, keep nothing but the counts."""
        view = self._asked()
        self._queried = Tried(at=self._overview.status().now, view=view)
        return view

    def _asked(self) -> QueryView:
        try:
            answer = self._worklist.try_out()
        except AgentError as e:
            return QueryView(
                ok=False,
                received=0,
                shown=0,
                filtered_out=0,
                unreadable=(),
                flagged=(),
                truncated=False,
                words=e.message,
                code=str(e.facts.get("code", e.code)),
            )
        flags = Counter(flag.value for step in answer.steps for flag in step.flags)
        return QueryView(
            ok=True,
            received=answer.received,
            shown=len(answer.steps),
            filtered_out=answer.filtered_out,
            unreadable=answer.unreadable,
            flagged=tuple(f"{flag}: {count}" for flag, count in sorted(flags.items())),
            truncated=answer.truncated,
            words="",
            code="",
        )

    # --- sources, pedals, readers ---------------------------------------------------------------------------

    def restart_source(self, name: str) -> None:
        """Have a source begin anew; raises `WrongState` while it records a clip, `UnknownSource`."""
        device = self._devices.get(name)
        if any(view.name == name and view.recording for view in self._overview.sources()):
            raise WrongState("A clip is being recorded on this source.")
        device.restart()

    def inputs(self) -> tuple[InputView, ...]:
        """Return every pedal, button and reader, and what came in during its last test."""
        return tuple(
            InputView(
                name=setup.name,
                driver=setup.driver,
                source=setup.source,
                working=self._triggers.works(setup.name),
                testing_s=self._triggers.tests.left_s(setup.name),
                seen=self._triggers.tests.seen(setup.name),
            )
            for setup in self._triggers.setups
        )

    def test_input(self, name: str, seconds: float) -> InputView:
        """Show what comes in at `name` for `seconds`, and do nothing with it; not while an exam is open there."""
        view = next((view for view in self.inputs() if view.name == name), None)
        if view is None:
            raise NotFound("There is no pedal or reader of that name.")
        if self._store.exams.open_on(view.source) is not None:
            raise WrongState("An exam is open on this source: its pedal takes pictures now.")
        self._triggers.tests.begin(name, seconds)
        return next(view for view in self.inputs() if view.name == name)

    # --- test pictures --------------------------------------------------------------------------------------

    def trial_destinations(self) -> tuple[str, ...]:
        """Return where test pictures go."""
        return self._trials.destinations

    def begin_trial(self, source: str, actor: Actor) -> TrialView:
        """Take a picture of nobody and send it to the destinations for tests; the picture is durable on return."""
        return self.trial(self._trials.begin(source, actor.name).exam_id)

    def trial(self, exam_id: str) -> TrialView:
        """Return how far a test picture came; raises `NotFound`, also for an exam of a patient."""
        exam = self._trials.get(exam_id)
        frames = self._store.frames.of_exam(exam_id)
        jobs = [job for job in self._store.jobs.of_exam(exam_id) if job.kind == "store"]
        steps = (_captured(frames), _built(frames), *(_sent(job) for job in jobs))
        failed = any(step.state == "failed" for step in steps)
        waits = any(step.state == "waits" for step in steps) or not jobs
        return TrialView(
            exam_id=exam_id,
            source=exam.source,
            done=failed or not waits or exam.state is ExamState.DISCARDED,
            ok=bool(jobs) and not failed and not waits,
            steps=steps,
            sop_instance_uids=tuple(frame.record.sop_instance_uid for frame in frames if frame.state in _MADE),
            confirmations=tuple(_confirmed(job) for job in jobs if self._trials.commits(job.destination)),
        )


def phases(outcome: Outcome, *, tls: bool) -> tuple[StepView, ...]:
    """Return every phase of one try: what it passed, where it ended and why, what it never reached."""
    ended = _INSIDE.get(outcome.phase, outcome.phase)
    told, state = [], "passed"
    for phase in PHASES:
        if phase is Phase.TLS and not tls and ended is not Phase.TLS:
            continue
        if phase is ended and not outcome.sent:
            told.append(StepView(name=phase.value, state="failed", words=outcome.words, code=outcome.code))
            state = "not reached"
            continue
        told.append(StepView(name=phase.value, state=state))
    return tuple(told)


def _captured(frames: list[StoredFrame]) -> StepView:
    if not frames:
        return StepView(name="captured", state="failed", words="No picture was kept.")
    record = frames[0].record
    size = f"{record.columns}×{record.rows}"
    return StepView(name="captured", state="passed", words=f"{record.image_format} {size}".strip())


def _built(frames: list[StoredFrame]) -> StepView:
    states = {frame.state for frame in frames}
    if FrameState.HELD in states:
        return StepView(name="built", state="failed", words=next(f.reason for f in frames if f.reason))
    state = "passed" if states and states <= {FrameState.BUILT, FrameState.PURGED} else "waits"
    return StepView(name="built", state=state)


def _confirmed(job: Job) -> StepView:
    ends = {JobState.CONFIRMED: "passed", JobState.HELD: "failed", JobState.DISCARDED: "failed"}
    state = ends.get(job.state, "waits")
    return StepView(name=f"confirmed by {job.destination}", state=state, words=job.words if state == "failed" else "")


def _sent(job: Job) -> StepView:
    name = f"sent to {job.destination}"
    if job.state in (JobState.DONE, JobState.CONFIRMED):
        return StepView(name=name, state="passed", words=job.words, code=job.code)
    if job.state in (JobState.HELD, JobState.DISCARDED):
        return StepView(name=name, state="failed", words=job.words, code=job.code)
    return StepView(name=name, state="waits", words=job.words, code=job.code)
