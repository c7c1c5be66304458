"""Everything that a person or a program may ask of the box, one method each; no I/O of its own.

The command line, the page and the JSON interface all call this and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent import __version__, similar
from agent.building import Building
from agent.changes import Changes
from agent.clips import Clips
from agent.clock import Clock
from agent.delivery import Destination
from agent.devices import Devices
from agent.errors import BadRequest, NotFound
from agent.exam import Examinations, Press
from agent.lifecycle import DestinationState, FrameState, JobState
from agent.model import Patient, PeerAddress, Route
from agent.scans import Scans
from agent.spool import Spool
from agent.store import Exam, Store
from agent.store.jobs import STORE
from agent.tray import Tray
from agent.view import (
    AlarmView,
    ClipView,
    DestinationView,
    EchoView,
    EntryView,
    ExamView,
    FrameView,
    JobView,
    ProcessView,
    ScanView,
    SourceView,
    StatusView,
    TrayView,
    WorklistView,
)
from agent.viewing import all_in, frame_view, job_view, patient_view, scan_view, tray_view
from agent.worklist import Worklist


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFacts:
    """What never changes while the service runs."""

    name: str
    run_id: str
    language: str
    confirmation: str
    undo_window_s: float


class Service:
    """The box, as asked from outside."""

    def __init__(
        self,
        facts: BoxFacts,
        store: Store,
        spool: Spool,
        clock: Clock,
        devices: Devices,
        worklist: Worklist,
        exams: Examinations,
        building: Building,
        destinations: dict[str, Destination],
        changes: Changes,
        clips: Clips,
        tray: Tray,
        scans: Scans,
        *,
        routes: Callable[[str], Route | None],
    ) -> None:
        self._facts, self._store, self._spool, self._clock = facts, store, spool, clock
        self._devices, self._worklist, self._exams = devices, worklist, exams
        self._building, self._destinations = building, destinations
        self._routes = routes
        self._clips, self._tray, self._scans = clips, tray, scans
        self.changes = changes
        self.page = ""
        self.metrics: Callable[[], str] = str
        self.images_left: Callable[[], int] = int

    # --- looking --------------------------------------------------------------------------------------------

    def status(self) -> StatusView:
        """Return the state of the whole box."""
        return StatusView(
            box=self._facts.name,
            version=__version__,
            run_id=self._facts.run_id,
            clock_trust=self._clock.trust().value,
            now=self._clock.now().isoformat(timespec="seconds"),
            language=self._facts.language,
            confirmation=self._facts.confirmation,
            undo_window_s=self._facts.undo_window_s,
            free_bytes=self._spool.free_bytes(),
            images_left=self.images_left(),
            unsent=self.unsent(),
            sources=self.sources(),
            destinations=self.destinations(),
            alarms=tuple(
                AlarmView(at=a["at"], code=a["code"], subject=a["subject"], words=a["words"])
                for a in self._store.records.alarms()
            ),
            worklist_age_s=self._age(self._store.worklists.get().fetched_at),
            worklist_trouble=self._worklist.trouble.message if self._worklist.trouble else "",
            page=self.page,
        )

    def unsent(self) -> int:
        """Return how many jobs are neither sent nor discarded."""
        return sum(self._store.jobs.unsent().values())

    def sources(self) -> tuple[SourceView, ...]:
        """Return every source with its signal and the exam open on it."""
        views = []
        for device in self._devices.views():
            exam = self._store.exams.open_on(device.name)
            views.append(
                SourceView(
                    name=device.name,
                    state=device.state.value,
                    reason=device.reason,
                    advice=device.advice,
                    signal=device.signal,
                    geometry=device.geometry,
                    resident_kb=device.resident_kb,
                    exam_id=exam.exam_id if exam else "",
                    recording=self._clips.recording(device.name) is not None,
                )
            )
        return tuple(views)

    def destinations(self) -> tuple[DestinationView, ...]:
        """Return what is believed of every destination and how much waits for it."""
        unsent = self._store.jobs.unsent()
        return tuple(self._destination(d.peer, unsent.get(d.name, 0)) for d in self._destinations.values())

    def _destination(self, peer: PeerAddress, unsent: int) -> DestinationView:
        belief = self._store.destinations.get(peer.name)
        down = belief is not None and belief.state is not DestinationState.UP
        return DestinationView(
            name=peer.name,
            address=f"{peer.called_ae_title}@{peer.host}:{peer.port}",
            tls=peer.tls is not None,
            state=belief.state.value if belief else "not tried",
            code=belief.code if belief else "",
            words=belief.words if belief else "",
            next_try_s=max(0.0, belief.until - self._clock.now().timestamp()) if belief and down else None,
            unsent=unsent,
        )

    def worklist(self) -> WorklistView:
        """Return the last good worklist with its age and everything that was wrong with it."""
        cached = self._store.worklists.get()
        steps = [entry.step for entry in cached.entries]
        alike = similar.rows([step.patient.patient_name for step in steps])
        captured = Counter({exam.entry_key: exam.captured for exam in self._store.exams.recent() if exam.entry_key})
        rows = tuple(
            EntryView(
                key=entry.step.key,
                digest=entry.digest,
                patient=patient_view(entry.step.patient),
                accession_number=entry.step.accession_number,
                procedure=entry.step.scheduled_procedure_step_description
                or entry.step.requested_procedure_description,
                modality=entry.step.modality,
                start_date=entry.step.scheduled_procedure_step_start_date,
                start_time=entry.step.scheduled_procedure_step_start_time,
                station=entry.step.scheduled_station_ae_title,
                location=entry.step.scheduled_procedure_step_location,
                flags=tuple(flag.value for flag in entry.step.flags),
                blocked=tuple(flag.value for flag in entry.step.blocked),
                similar=position in alike,
                captured=captured[entry.step.key],
            )
            for position, entry in enumerate(cached.entries)
        )
        return WorklistView(
            entries=rows,
            fetched_at=cached.fetched_at,
            age_s=self._age(cached.fetched_at),
            received=cached.received,
            unreadable=cached.unreadable,
            truncated=cached.truncated,
            filtered_out=cached.filtered_out,
            trouble=self._worklist.trouble.message if self._worklist.trouble else "",
        )

    def exams(self, limit: int = 50) -> tuple[ExamView, ...]:
        """Return the newest exams, newest first, without their frames."""
        return tuple(self._exam(exam, with_frames=False) for exam in self._store.exams.recent(limit))

    def exam(self, exam_id: str) -> ExamView:
        """Return one exam with its frames; raises `NotFound`."""
        return self._exam(self._store.exams.get(exam_id), with_frames=True)

    def open_exam(self, source: str) -> ExamView | None:
        """Return the exam that accepts captures on `source`, if any; raises `UnknownSource`."""
        self._devices.get(source)
        exam = self._store.exams.open_on(source)
        return self._exam(exam, with_frames=True) if exam else None

    def queue(self, limit: int = 500) -> tuple[JobView, ...]:
        """Return the queue: first what is not done, then the newest of the rest."""
        exams: dict[str, Exam] = {}
        now = self._clock.now().timestamp()
        numbers: dict[str, int] = {}
        views = []
        for job in self._store.jobs.recent(limit):
            if job.exam_id not in exams:
                exams[job.exam_id] = self._store.exams.get(job.exam_id)
                frames = self._store.frames.of_exam(job.exam_id)
                numbers.update({f.record.frame_id: f.record.instance_number for f in frames})
            views.append(job_view(job, exams[job.exam_id], numbers.get(job.frame_id, 0), now))
        return tuple(views)

    def attempts(self, job_id: int) -> list[dict[str, str]]:
        """Return every try of one job, oldest first."""
        return self._store.jobs.attempts(job_id)

    def process(self) -> ProcessView:
        """Return facts about the core process itself."""
        status = dict(line.split(":", 1) for line in _proc_status().splitlines() if ":" in line)
        return ProcessView(
            pid=os.getpid(),
            resident_kb=int(status["VmRSS"].split()[0]),
            peak_kb=int(status["VmHWM"].split()[0]),
            threads=threading.active_count(),
            modules=tuple(sorted({name.partition(".")[0] for name in sys.modules})),
        )

    # --- acting ---------------------------------------------------------------------------------------------

    def refresh_worklist(self) -> WorklistView:
        """Ask the worklist server now; raises `WorklistUnreachable`, `WorklistRefused`."""
        self._worklist.refresh()
        return self.worklist()

    def start_exam(self, source: str, key: str, digest: str, typed: str, who: str) -> ExamView:
        """Open an exam for a worklist entry as it was shown and confirmed; durable on return."""
        return self._exam(self._exams.open_scheduled(source, key, digest, typed, who), with_frames=True)

    def start_unscheduled(self, source: str, patient: Patient, who: str) -> ExamView:
        """Open an exam for a patient without an order; durable on return."""
        return self._exam(self._exams.open_unscheduled(source, patient, who), with_frames=True)

    def start_emergency(self, source: str, who: str) -> ExamView:
        """Open an exam under a temporary identity; durable on return."""
        return self._exam(self._exams.open_emergency(source, who), with_frames=True)

    def capture(self, source: str, trigger_id: str, pressed_ns: int | None = None, exam_id: str = "") -> FrameView:
        """Capture one still; on return it is durable on the disk and in the database (the tick)."""
        if not trigger_id or len(trigger_id) > 64:
            raise BadRequest("A capture needs an identifier of its press (1 to 64 characters).")
        press = Press(trigger_id=trigger_id, pressed_ns=pressed_ns or int(self._clock.monotonic() * 1e9))
        return frame_view(self._exams.capture(source, press, exam_id=exam_id))

    def start_clip(self, source: str, trigger_id: str, pressed_ns: int | None = None, exam_id: str = "") -> ClipView:
        """Begin a clip; on return its first frame is durable."""
        if not trigger_id or len(trigger_id) > 64:
            raise BadRequest("A clip needs an identifier of its press (1 to 64 characters).")
        press = Press(trigger_id=trigger_id, pressed_ns=pressed_ns or int(self._clock.monotonic() * 1e9))
        running = self._clips.start(source, press, exam_id=exam_id)
        return ClipView(frame_id=running.frame_id, exam_id=running.exam_id, started_at=running.started_at)

    def stop_clip(self, source: str) -> FrameView:
        """End the clip that runs; on return it is a durable picture of its exam."""
        return frame_view(self._clips.stop(source))

    def cancel_scan(self, source: str) -> SourceView:
        """End a scan that runs; the pages that were kept stay."""
        self._devices.get(source).cancel()
        return next(view for view in self.sources() if view.name == source)

    def tray(self) -> tuple[TrayView, ...]:
        """Return what arrived without a patient, newest first, and what could not be read."""
        return tuple(tray_view(item) for item in self._store.tray.list())

    def assign(self, item_id: str, source: str, exam_id: str = "") -> FrameView:
        """Put an item of the tray into the exam that is open on `source`; durable on return."""
        return frame_view(self._tray.assign(item_id, exam_id, source))

    def discard_item(self, item_id: str, who: str, reason: str) -> None:
        """Give an item of the tray up, with a reason."""
        if not reason.strip():
            raise BadRequest("Discarding an item needs a reason.")
        self._tray.discard(item_id, reason, who)

    def scanned(self, source: str, text: str) -> ScanView:
        """Take a barcode from a screen or a program as from the box's own reader."""
        if not 0 < len(text) <= 256:
            raise BadRequest("A scan has 1 to 256 characters.")
        self._devices.get(source)
        return scan_view(self._scans.seen(source, text))

    def last_scan(self, source: str) -> ScanView | None:
        """Return the last scan at `source` in this run, if any."""
        self._devices.get(source)
        found = self._scans.last(source)
        return scan_view(found) if found else None

    def exam_event(self, exam_id: str, event: str, who: str, reason: str = "", code: str = "") -> ExamView:
        """`finish`, `undo`, `release`, `hold`, `discard` or `resume` an exam; durable on return.

        `code` (PS3.16 CID 9300, as 110514 for a wrong worklist entry) is told to the RIS about a discarded exam.
        """
        if event == "finish":
            exam = self._exams.finish(exam_id, who)
        elif event == "resume":
            exam = self._exams.still_this_patient(exam_id, who)
        elif event in ("undo", "release", "hold", "discard"):
            if event == "discard" and not reason.strip():
                raise BadRequest("Discarding an exam needs a reason.")
            exam = self._exams.apply(exam_id, event, who, reason, code)
        else:
            raise NotFound("There is no such act.")
        self._building.wake()
        return self._exam(exam, with_frames=True)

    def accept_frame(self, frame_id: str, who: str) -> FrameView:
        """Let a held frame take part again; a person looked at it."""
        self._store.frames.apply(frame_id, "accept", self._stamp(who))
        self._building.wake()
        return frame_view(self._store.frames.get(frame_id))

    def job_event(self, job_id: int, event: str, who: str, reason: str = "") -> JobView:
        """`retry now`, `hold` or `discard` one job; durable on return."""
        if event == "discard" and not reason.strip():
            raise BadRequest("Discarding a job needs a reason.")
        self._store.desk.apply(job_id, event, self._stamp(who), reason=reason)
        return self._changed_job(job_id)

    def redirect(self, job_id: int, destination: str, who: str, reason: str) -> JobView:
        """Send one object to another destination than planned; durable on return."""
        target = self._routes(destination)
        if target is None:
            raise NotFound("There is no destination of that name.")
        self._store.desk.redirect(job_id, target, self._stamp(who), reason=reason)
        return self._changed_job(job_id)

    def _changed_job(self, job_id: int) -> JobView:
        job = self._store.jobs.get(job_id)
        if job.destination in self._destinations:
            self._destinations[job.destination].wake()
        number = self._store.frames.get(job.frame_id).record.instance_number if job.frame_id else 0
        return job_view(job, self._store.exams.get(job.exam_id), number, self._clock.now().timestamp())

    def echo(self, destination: str) -> EchoView:
        """Test one destination, or `worklist`, with C-ECHO and name the failing phase; raises `NotFound`."""
        tester = self._destinations.get(destination)
        outcome = tester.echo() if tester else self._echo_worklist(destination)
        return EchoView(
            destination=destination,
            ok=outcome.sent,
            phase=outcome.phase.value,
            code=outcome.code,
            words=outcome.words,
            blame=outcome.blame.value,
        )

    def _echo_worklist(self, name: str) -> Any:
        if name != "worklist" or self._worklist.peer is None:
            raise NotFound("There is no destination of that name.")
        return self._worklist.echo()

    def inject(self, source: str, fault: str) -> None:
        """Make the simulator misbehave (demonstrations and tests)."""
        self._devices.get(source).inject(fault)

    def new_press(self) -> str:
        """Return an identifier for one press of a button that is about to be shown: one press, one image."""
        return uuid.uuid4().hex

    def repeated(self, key: str) -> dict[str, Any] | None:
        """Return the answer already given to the request with this idempotency key."""
        return self._store.records.answer(key)

    def remember(self, key: str, answer: dict[str, Any]) -> None:
        """Keep an answer, so that the same request again changes nothing; durable on return."""
        self._store.records.remember(key, answer, self._stamp(""))

    # --- preview --------------------------------------------------------------------------------------------

    def watched(self, source: str) -> AbstractContextManager[None]:
        """Have `source` make previews while the context is open."""
        return self._devices.get(source).watched()

    def next_preview(self, source: str, seen: int, timeout_s: float) -> tuple[int, bytes]:
        """Return (frame number, JPEG) newer than `seen`, or the old one after `timeout_s`."""
        return self._devices.get(source).next_preview(seen, timeout_s)

    # --- views ----------------------------------------------------------------------------------------------

    def _stamp(self, who: str) -> Any:
        return self._exams.stamp(who)

    def _age(self, at: str) -> float | None:
        return (self._clock.now() - datetime.fromisoformat(at)).total_seconds() if at else None

    def _exam(self, exam: Exam, *, with_frames: bool) -> ExamView:
        frames = self._store.frames.of_exam(exam.exam_id)
        jobs = [job for job in self._store.jobs.of_exam(exam.exam_id) if job.kind == STORE]
        now = self._clock.now().timestamp()
        step = exam.snapshot.steps[0] if exam.snapshot.steps else None
        return ExamView(
            exam_id=exam.exam_id,
            source=exam.source,
            state=exam.state.value,
            reason=exam.reason,
            kind=exam.kind.value,
            paused=self._exams.paused(exam),
            patient=patient_view(exam.snapshot.patient),
            accession_number=exam.snapshot.accession_number,
            procedure=(step.scheduled_procedure_step_description or step.requested_procedure_description)
            if step
            else "",
            study_instance_uid=exam.snapshot.study_instance_uid,
            series_instance_uid=exam.series_instance_uid,
            opened_at=exam.opened_at,
            finished_at=exam.finished_at,
            undo_left_s=max(0.0, exam.release_due - now) if exam.release_due is not None else None,
            captured=exam.captured,
            sent=len(all_in([job for job in jobs if job.required], (JobState.DONE, JobState.CONFIRMED))),
            confirmed=len(all_in([job for job in jobs if job.commits], (JobState.CONFIRMED,))),
            held=sum(frame.state is FrameState.HELD for frame in frames),
            frames=tuple(frame_view(frame) for frame in frames) if with_frames else (),
        )



def _proc_status() -> str:
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:  # noqa: PTH123
        return f.read()
