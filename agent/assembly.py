"""Builds the rooms from the configuration, each from what it may know and nothing more.

Part of the composition root: `supervisor` decides order and life, this file who is handed what.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import __version__, service
from agent.binding import Binding, DocumentRules
from agent.building import Building
from agent.certificates import Certificates
from agent.changes import Changes
from agent.child import BUILD, Child
from agent.clips import Clips
from agent.clock import Clock
from agent.commitment import CommitmentReports, CommitmentRequests
from agent.config.peer import DestinationConfig
from agent.config.schema import Configuration
from agent.config.source import SourceConfig
from agent.delivery import Destination, DestinationRules, Errand
from agent.devices import Device, Devices
from agent.errors import AgentError
from agent.exam import Examinations, ExamRules
from agent.host import device_uid, new_uid, page_certificate
from agent.launcher import Launcher
from agent.listening import ListenerRules, Listening
from agent.metrics import Metrics
from agent.model import Equipment, PeerAddress
from agent.ops.progress import Progress
from agent.peers import Peers
from agent.procedure_steps import ProcedureStepMessages
from agent.retention import Retention, RetentionRules
from agent.retry import RetryPolicy
from agent.scans import Scans
from agent.service import BoxFacts, Captures, Connections, Exams, Overview, Patients, Queue, Repeats, Service
from agent.source_setup import source_setup
from agent.spool import Spool, Steps
from agent.store import Exam, Store
from agent.store.jobs import COMMIT, N_CREATE, N_SET, STORE
from agent.store.transition import Stamp
from agent.storing import Storing
from agent.tray import Tray
from agent.triggers import Triggers
from agent.web.look import Look
from agent.web.server import Server
from agent.window import Window
from agent.worklist import Worklist, WorklistRules

SOCKET = "control.sock"
ALLOWED_TURN_S = 60.0
BUILDER_S = 300.0
STEPS_QUEUE = "procedure-steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every room may stand on."""

    configuration: Configuration
    root: Path
    run_id: str
    store: Store
    spool: Spool
    clock: Clock
    launcher: Launcher
    peers: Peers
    progress: Progress
    stamp: Callable[[str], Stamp]
    steps: Steps
    on_broken: Callable[[AgentError], None]


class House:
    """All rooms of one run, wired together."""

    def __init__(self, ground: Ground) -> None:
        self._g = ground
        self._c = ground.configuration
        self.changes = Changes()
        self.devices = self._devices()
        self.reports = self._reports()
        self.destinations = self._destinations()
        self.retention = self._retention()
        self.listening = self._listening()
        self.building = self._building()
        self.worklist = self._worklist()
        self.exams = self._exams()
        self.clips = Clips(
            ground.store,
            ground.spool,
            self.devices,
            self.exams,
            sop_class=self._c.clip_class,
            notice=self.changes.notice,
            steps=ground.steps,
        )
        self.binding = self._binding()
        self.exams.closing = self._closing
        self.tray = Tray(
            ground.store,
            ground.spool,
            self.exams,
            notice=self.changes.notice,
            turned=self._worker("tray"),
            steps=ground.steps,
        )
        self.scans = Scans(ground.store, at=lambda: self._now().at, notice=self.changes.notice)
        self.triggers = Triggers(
            self._c.trigger, ground.launcher, self.exams, self.clips, self.scans, turned=self._worker("triggers")
        )
        self.service = self._service()
        self.certificates = self._certificates()
        metrics = self._metrics()
        self.service.box.metrics, self.service.box.images_left = metrics.text, metrics.images_left
        self.server = self._server()
        self.changes.listen(self._changed)

    def _changed(self, what: str, name: str) -> None:
        """An exam that changed may have something to build, or a procedure step to tell; screens tell the rest."""
        if what == "source":
            self.service.box.noticed(self.devices.get(name).view)
        if what == "refused":
            self.service.captures.note_refusal(name)
        if what == "exam":
            self.building.wake()
            if STEPS_QUEUE in self.destinations:
                self.destinations[STEPS_QUEUE].wake()

    def _worker(self, name: str) -> Callable[[], None]:
        return self._g.progress.expect(name, ALLOWED_TURN_S)

    def _now(self) -> Stamp:
        return self._g.stamp("")

    def _service(self) -> Service:
        g = self._g
        overview = Overview(
            self._facts(),
            g.store,
            g.spool,
            g.clock,
            self.devices,
            self.worklist,
            self.destinations,
            recording=lambda name: self.clips.recording(name) is not None,
        )
        queue = Queue(g.store, g.clock, self.exams, self.building, self.destinations, routes=self._c.route)
        return Service(
            box=overview,
            patients=Patients(g.store, g.clock, self.worklist),
            exams=Exams(g.store, g.clock, self.devices, self.exams, self.building),
            captures=Captures(self.devices, self.exams, self.clips, self.scans, g.clock),
            queue=queue,
            groups=service.Groups(g.store, g.clock, queue),
            tray=service.Tray(g.store, self.tray),
            connections=Connections(self.destinations, self.worklist),
            repeats=Repeats(g.store, self.exams),
            changes=self.changes,
        )

    def _facts(self) -> BoxFacts:
        return BoxFacts(
            name=self._c.box.name,
            run_id=self._g.run_id,
            language=self._c.box.language,
            confirmation=self._c.exam.confirmation,
            undo_window_s=float(self._c.exam.undo_window_s),
        )

    def _devices(self) -> Devices:
        return Devices({source.name: self._device(source) for source in self._c.source})

    def _device(self, source: SourceConfig) -> Device:
        return Device(
            source_setup(source),
            self._g.launcher,
            changed=lambda name: self.changes.notice("source", name),
            turned=self._worker(f"source-{source.name}"),
            clip_ended=self._clip_ended,
            item=self._item,
        )

    def _clip_ended(self, name: str, why: str) -> None:
        self.triggers.clip_ended(name, why)

    def _item(self, device: Device, message: dict[str, Any], fds: list[int]) -> None:
        self.tray.offer(device, message, fds)

    def _closing(self, exam: Exam) -> None:
        self.clips.stop_for(exam)
        self.binding.bind_for(exam)

    def _binding(self) -> Binding:
        documents = {source.name: source.document for source in self._c.source}

        def rules(name: str) -> DocumentRules:
            told = documents[name]
            return DocumentRules(output=told.output, title=told.title, jpeg_quality=told.jpeg_quality)

        return Binding(
            self._g.store,
            self._g.spool,
            self.exams,
            self._ask_builder,
            rules=rules,
            created=lambda: self._g.clock.now().isoformat(timespec="seconds"),
            steps=self._g.steps,
        )

    def _ask_builder(self, do: str, params: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Have a build child of its own do one thing, while a person waits."""
        child = Child(BUILD, self._g.launcher)
        try:
            child.wait_ready()
            answer, extra = child.request(do, params, fds, deadline_s=BUILDER_S)
            for fd in extra:
                os.close(fd)
            return answer
        finally:
            child.stop()

    def _reports(self) -> CommitmentReports:
        return CommitmentReports(
            self._g.store,
            {d.name: d.called_ae_title for d in self._c.destination if d.commitment},
            stamp=self._now,
            notice=self.changes.notice,
            wake=self._wake_destination,
            steps=self._g.steps,
        )

    def _destinations(self) -> dict[str, Destination]:
        served = {d.name: self._archive(d) for d in self._c.destination}
        step = self._c.procedure_step
        if step is None:
            return served
        peer = self._c.peer(step)
        messages = ProcedureStepMessages(peer, self._g.store, self._g.peers)
        rules = DestinationRules(policy=self._policy(), batch=1)
        return served | {peer.name: self._destination(peer, {N_CREATE: messages, N_SET: messages}, rules)}

    def _archive(self, d: DestinationConfig) -> Destination:
        peer = self._c.peer(d)
        errands: dict[str, Errand] = {
            STORE: Storing(
                peer,
                self._g.spool,
                self._g.peers,
                poison_aborts=self._c.delivery.poison_aborts,
                turned=self._worker(f"delivery-{d.name}"),
                steps=self._g.steps,
            ),
            COMMIT: CommitmentRequests(
                peer,
                self._g.store,
                self._g.peers,
                linger_s=0.0 if self._c.listener else d.commitment_linger_s,
                uids=new_uid,
                stamp=self._now,
                reported=self.reports.received,
                steps=self._g.steps,
            ),
        }
        rules = DestinationRules(
            policy=self._policy(),
            batch=d.maximum_batch,
            window=Window.of(d.open_from, d.open_until),
            standby=next((route.standby for route in self._c.routes() if route.destination == d.name), None),
            report_wait_s=d.commitment_wait_s,
        )
        return self._destination(peer, errands, rules)

    def _destination(self, peer: PeerAddress, errands: dict[str, Errand], rules: DestinationRules) -> Destination:
        return Destination(
            peer,
            self._g.store,
            self._g.peers,
            self._g.clock,
            errands,
            rules=rules,
            luck=random.SystemRandom().random,
            stamp=self._now,
            notice=self.changes.notice,
            turned=self._worker(f"delivery-{peer.name}"),
            moved=self._wake_destination,
        )

    def _policy(self) -> RetryPolicy:
        d = self._c.delivery
        return RetryPolicy(
            first_s=d.first_retry_s,
            longest_s=d.longest_retry_s,
            jitter=d.jitter,
            probe_s=d.probe_s,
            suspended_probe_s=d.suspended_probe_s,
            poison_aborts=d.poison_aborts,
        )

    def _wake_destination(self, name: str) -> None:
        self.destinations[name].wake()

    def _retention(self) -> Retention:
        r = self._c.retention
        return Retention(
            self._g.store,
            self._g.spool,
            RetentionRules(
                keep_s=r.keep_days * 86400.0,
                deleted_s=r.deleted_hours * 3600.0,
                purge_below_bytes=r.purge_below_mb * 1_000_000,
                minimum_free_bytes=self._c.delivery.minimum_free_mb * 1_000_000,
            ),
            stamp=self._now,
            notice=self.changes.notice,
            turned=self._worker("retention"),
            steps=self._g.steps,
        )

    def _listening(self) -> Listening | None:
        listener = self._c.listener
        if listener is None:
            return None
        return Listening(
            ListenerRules(
                address=listener.address,
                port=listener.port,
                ae_title=listener.ae_title or self._c.box.ae_title,
                calling_ae_titles=tuple({d.called_ae_title for d in self._c.destination}),
                tls=self._c.listener_tls(),
            ),
            self._g.store,
            self._g.launcher,
            received=self.reports.received,
            stamp=self._now,
            turned=self._worker("listener"),
        )

    def _building(self) -> Building:
        return Building(
            self._g.store,
            self._g.spool,
            self._g.launcher,
            self._g.clock,
            routes=self._c.routes(),
            undo_window_s=float(self._c.exam.undo_window_s),
            stamp=self._now,
            notice=self.changes.notice,
            queued=self._queued,
            turned=self._worker("building"),
            steps=self._g.steps,
            on_broken=self._g.on_broken,
        )

    def _queued(self) -> None:
        for destination in self.destinations.values():
            destination.wake()

    def _worklist(self) -> Worklist:
        w = self._c.worklist
        rules = WorklistRules(
            days_before=w.days_before if w else 0,
            days_after=w.days_after if w else 0,
            modality=w.modality if w else "",
            station_ae_title=w.station_ae_title if w else "",
            maximum_items=w.maximum_items if w else 1,
            assume_charset=w.assume_charset if w else "",
            trim_keys=w.trim_keys if w else (),
            refresh_s=float(w.refresh_s) if w else 3600.0,
        )
        return Worklist(
            self._c.peer(w) if w else None,
            rules,
            self._g.store,
            self._g.peers,
            self._g.clock,
            stamp=self._now,
            notice=self.changes.notice,
            turned=self._worker("worklist"),
        )

    def _exams(self) -> Examinations:
        own_uid = device_uid(self._g.root)
        sources = {source.name: source for source in self._c.source}

        def equipment(name: str) -> Equipment:
            return self._c.equipment(sources[name], __version__, own_uid)

        return Examinations(
            self._g.store,
            self._g.spool,
            self.devices,
            self._g.clock,
            rules=ExamRules(
                box=self._c.box.ae_title,
                temporary_issuer=self._c.exam.temporary_issuer or self._c.box.ae_title,
                confirmation=self._c.exam.confirmation,
                undo_window_s=float(self._c.exam.undo_window_s),
                minimum_free_bytes=self._c.delivery.minimum_free_mb * 1_000_000,
                release_by_picture=self._c.exam.release == "picture",
                tells_steps_to=STEPS_QUEUE if self._c.procedure_step else "",
            ),
            equipment=equipment,
            uids=new_uid,
            stamp=self._g.stamp,
            notice=self.changes.notice,
            steps=self._g.steps,
            on_broken=self._g.on_broken,
        )

    def _certificates(self) -> Certificates:
        peers = [p for p in (self._c.worklist, self._c.procedure_step, *self._c.destination) if p is not None]
        materials = [m for p in peers if (m := self._c.peer(p).tls) is not None]
        files = {path for m in materials for path in (m.ca_file, m.certificate_file) if path}
        page = self._c.web.certificate_file or page_certificate(self._g.root)[0]
        return Certificates(
            {Path(path).name: path for path in (*sorted(files), page)},
            self._g.store,
            self._g.launcher,
            stamp=self._now,
            notice=self.changes.notice,
            turned=self._worker("certificates"),
        )

    def _metrics(self) -> Metrics:
        return Metrics(
            self._g.store,
            self._g.spool,
            self._g.clock,
            self.devices,
            self.destinations,
            minimum_free_bytes=self._c.delivery.minimum_free_mb * 1_000_000,
            certificates=self.certificates.expiry,
            core_resident_kb=lambda: self.service.box.process().resident_kb,
        )

    def _server(self) -> Server:
        web = self._c.web
        certificate, key = web.certificate_file, web.key_file
        if not certificate:
            certificate, key = page_certificate(self._g.root)
        return Server(
            self.service,
            listen=web.listen,
            port=web.port,
            certificate_file=certificate,
            key_file=key,
            socket_path=self._g.root / SOCKET,
            look=Look(pixels_per_mm=self._c.ui.pixels_per_mm, sounds=self._c.ui.sounds),
        )

    def interrupt(self) -> None:
        """Wake every worker that waits, so that a stop is noticed at once."""
        self.building.wake()
        self.retention.wake()
        self._queued()
        self.triggers.wake()
        self.tray.wake()
        for name in self.devices.names():
            self.devices.get(name).wake()

    def workers(self) -> dict[str, Callable[[threading.Event], None]]:
        """Return every worker's main loop by name; each ends when the event is set."""
        return {
            "building": self.building.run,
            "worklist": self.worklist.run,
            "triggers": self.triggers.run,
            "tray": self.tray.run,
            "retention": self.retention.run,
            "certificates": self.certificates.run,
            **({"listener": self.listening.run} if self.listening else {}),
            **{f"delivery-{name}": destination.run for name, destination in self.destinations.items()},
            **{f"source-{name}": self.devices.get(name).run for name in self.devices.names()},
        }
