"""Builds the rooms from the configuration, each from what it may know and nothing more.

Part of the composition root: `supervisor` decides order and life, this file who is handed what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agent import assembly_administration, assembly_operations, assembly_review, service
from agent.actor import Actor
from agent.assembly_accounts import AccountRooms, audit_trail
from agent.assembly_delivery import STEPS_QUEUE, Deliveries
from agent.assembly_exam import exam_rooms, exams_service, patients_service, worklist_of
from agent.assembly_web import page_files, server
from agent.audit_anchor import Anchor
from agent.building import Building
from agent.certificates import Certificates
from agent.changes import Changes
from agent.clips import Clips
from agent.clock import Clock
from agent.commitment import CommitmentReports
from agent.config.schema import Configuration
from agent.config.source import SourceConfig
from agent.config_change import ConfigChange
from agent.delivery import Destination
from agent.devices import Device, Devices
from agent.errors import AgentError
from agent.health import limits
from agent.input_test import InputTests
from agent.launcher import Launcher
from agent.listening import ListenerRules, Listening
from agent.metrics import Metrics, Surroundings, counted
from agent.ops.progress import Progress
from agent.peers import Peers
from agent.retention import Retention, RetentionRules
from agent.service import BoxFacts, Captures, Connections, Overview, Queue, Repeats, Service
from agent.source_setup import source_setup
from agent.spool import Spool, Steps
from agent.store import Exam, Store
from agent.store.transition import Stamp
from agent.tally import SEND, Tally
from agent.tray import Tray
from agent.triggers import Triggers
from agent.web.look import Look

ALLOWED_TURN_S = 60.0


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
    boot_id: str
    vouch: Callable[[], None]
    """Makes the clock trusted until the next boot: a named person said that it is right."""
    key: bytes
    """The box's own, which is not in the database."""
    anchor: Anchor
    config_change: ConfigChange
    restart: Callable[[], None]
    clock_offset_s: Callable[[], float]
    life_used: Callable[[], dict[str, float]]
    tally: Tally = field(default_factory=Tally)
    """What is counted in this run."""


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
        self.worklist = worklist_of(ground, self.changes, self._worker("worklist"))
        self.rooms = exam_rooms(
            ground,
            self.devices,
            self.worklist,
            self.changes,
            steps_queue=STEPS_QUEUE if self._c.procedure_step else "",
            worker=self._worker,
        )
        self.exams, self.scans = self.rooms.exams, self.rooms.scans
        self.building = self._building()
        self.clips = Clips(
            ground.store,
            ground.spool,
            self.devices,
            self.exams,
            sop_class=self._c.clip_class,
            notice=self.changes.notice,
            steps=ground.steps,
        )
        sources = {source.name: source for source in self._c.source}
        g = ground
        self.binding = assembly_review.binding(g.store, g.spool, g.launcher, g.clock, self.exams, sources, g.steps)
        self.pictures = assembly_review.pictures(g.store, g.spool, g.launcher, g.clock, self._worker("pictures"))
        self.review = assembly_review.review(
            g.store, self.exams, self.pictures, self.building, sources, self.changes, g.steps
        )
        self.rooms.corrections.removal = self._ask_removal
        self.exams.closing = self._closing
        self.tray = Tray(
            ground.store,
            ground.spool,
            self.exams,
            notice=self.changes.notice,
            turned=self._worker("tray"),
            steps=ground.steps,
        )
        self.triggers = Triggers(
            self._c.trigger,
            ground.launcher,
            self.exams,
            self.clips,
            self.scans,
            turned=self._worker("triggers"),
            tests=InputTests(
                monotonic=ground.clock.monotonic,
                is_open=lambda source: ground.store.exams.open_on(source) is not None,
            ),
        )
        self.accounts = AccountRooms(
            self._c, ground.root, ground.store, ground.clock, key=ground.key, stamp=ground.stamp,
            turned=self._worker("accounts"),
        )  # fmt: skip
        self.audit = audit_trail(
            self._c, ground.store, ground.anchor, ground.launcher, stamp=self._now, expect=ground.progress.expect
        )
        self.certificates = self._certificates()
        self.alerting = assembly_operations.alerting(ground, self.changes, ground.progress.expect)
        self.service = self._service()
        metrics = self._metrics()
        self.service.box.metrics, self.service.box.images_left = metrics.text, metrics.images_left
        self.service.box.tally = ground.tally
        look = Look(pixels_per_mm=self._c.ui.pixels_per_mm, sounds=self._c.ui.sounds)
        self.server = server(self._c.web, self.service, ground.root, look)
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

    def _ask_removal(self, exam_id: str, frame_ids: tuple[str, ...], code: str, words: str, actor: Actor) -> None:
        self.review.request_removal(exam_id, frame_ids, code, words, actor.name)

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
            exam_facts=self._exam_facts,
            confirm_clock=self._confirm_clock,
            stamp=g.stamp,
        )
        rooms = self.rooms
        exams = exams_service(g, rooms, self.devices, self.building)
        patients = patients_service(g, rooms, self.devices, self.worklist, exams)
        administered = self._administered(overview)
        self.config_watch = assembly_administration.watch(administered)
        queue = Queue(g.store, g.clock, self.exams, self.building, self.destinations, routes=self._c.route)
        return Service(
            administration=assembly_administration.administration(administered, self.config_watch),
            box=overview,
            health=self._health(overview),
            patients=patients,
            exams=exams,
            captures=Captures(self.devices, self.exams, self.clips, self.scans, g.clock, patients, rooms.control),
            queue=queue,
            groups=service.Groups(g.store, g.clock, queue),
            tray=service.Tray(g.store, self.tray, self.pictures),
            review=self.review,
            connections=Connections(self.destinations, self.worklist),
            repeats=Repeats(g.store, self.exams),
            changes=self.changes,
            accounts=self.accounts.service,
            audit=service.Audit(g.store, g.anchor, stamp=g.stamp),
        )

    def _health(self, overview: Overview) -> service.Health:
        return service.Health(
            self._g.store,
            self._g.clock,
            limits(self._c.health.model_dump()),
            sources=overview.sources,
            destinations=tuple(self.destinations),
            worklist=self._c.worklist is not None,
            audit=bool(self._c.audit.host),
            images_left=lambda: overview.images_left(),  # noqa: PLW0108 - it is set later
            certificates=self.certificates.expiry,
        )

    def _exam_facts(self, source: str) -> dict[str, str]:
        """Return what a view of a source says about its exam beyond the exam itself."""
        refusal = self.exams.last_refusal.get(source)
        return {
            "token": self.exams.token(source),
            "controller": self.rooms.control.controller(source),
            "confirmation": self._c.confirmation(source),
            "refusal_code": refusal.code if refusal else "",
            "refusal_at": refusal.at if refusal else "",
        }

    def _confirm_clock(self, stamp: Stamp) -> None:
        self._g.store.dates.confirm_clock(self._g.boot_id, stamp)
        self._g.vouch()
        self.changes.notice("clock", "")
        self.building.wake()
    def _administered(self, overview: Overview) -> assembly_administration.Rooms:
        g = self._g
        return assembly_administration.Rooms(
            configuration=self._c,
            change=g.config_change,
            store=g.store,
            clock=g.clock,
            peers=g.peers,
            overview=overview,
            devices=self.devices,
            destinations=self.destinations,
            worklist=self.worklist,
            exams=self.exams,
            opening=self.rooms.opening,
            building=self.building,
            triggers=self.triggers,
            certificates=self.certificates,
            ask_builder=assembly_review.builder(g.launcher),
            stamp=g.stamp,
            restart=g.restart,
            turned=self._worker("configuration"),
        )

    def _facts(self) -> BoxFacts:
        return BoxFacts(
            name=self._c.box.name,
            run_id=self._g.run_id,
            language=self._c.box.language,
            confirmation=self._c.confirmation(self._c.source[0].name),
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
        g = self._g
        return Deliveries(
            configuration=self._c,
            store=g.store,
            spool=g.spool,
            clock=g.clock,
            peers=g.peers,
            steps=g.steps,
            now=self._now,
            notice=self.changes.notice,
            worker=self._worker,
            reported=self.reports.received,
            wake=self._wake_destination,
        ).destinations()

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
            test_routes=self._c.test_routes(),
            undo_window_s=float(self._c.exam.undo_window_s),
            stamp=self._now,
            notice=self.changes.notice,
            queued=self._queued,
            dated=self.rooms.dating.by_itself,
            turned=self._worker("building"),
            steps=self._g.steps,
            on_broken=self._g.on_broken,
        )

    def _queued(self) -> None:
        for destination in self.destinations.values():
            destination.wake()

    def _certificates(self) -> Certificates:
        peers = [p for p in (self._c.worklist, self._c.procedure_step, *self._c.destination) if p is not None]
        materials = [m for p in peers if (m := self._c.peer(p).tls) is not None]
        files = {path for m in materials for path in (m.ca_file, m.certificate_file) if path}
        page = page_files(self._c.web, self._g.root)[0]
        return Certificates(
            {Path(path).name: path for path in (*sorted(files), page)},
            self._g.store,
            self._g.launcher,
            stamp=self._now,
            notice=self.changes.notice,
            turned=self._worker("certificates"),
        )

    def _metrics(self) -> Metrics:
        g = self._g
        around = Surroundings(
            minimum_free_bytes=self._c.delivery.minimum_free_mb * 1_000_000,
            certificates=self.certificates.expiry,
            core_resident_kb=lambda: self.service.box.process().resident_kb,
            clock_offset_s=g.clock_offset_s,
            life_used=g.life_used,
            channels=self.alerting.channels if self.alerting else (),
        )
        worklist = self.worklist if self._c.worklist else None
        g.store.audit.heard = partial(counted, g.tally)
        for destination in self.destinations.values():
            destination.took = partial(g.tally.took, SEND)
        return Metrics(g.store, g.spool, g.clock, self.devices, self.destinations, worklist, around, g.tally)

    def interrupt(self) -> None:
        """Wake every worker that waits, so that a stop is noticed at once."""
        self.building.wake()
        self.retention.wake()
        self._queued()
        self.triggers.wake()
        self.tray.wake()
        self.rooms.order_check.wake()
        self.pictures.wake()
        self.audit.wake()
        for name in self.devices.names():
            self.devices.get(name).wake()

    def workers(self) -> dict[str, Callable[[threading.Event], None]]:
        """Return every worker's main loop by name; each ends when the event is set."""
        return {
            "building": self.building.run,
            "worklist": self.worklist.run,
            "triggers": self.triggers.run,
            "tray": self.tray.run,
            "idleness": self.rooms.idleness.run,
            "order-check": self.rooms.order_check.run,
            "pictures": self.pictures.run,
            "accounts": self.accounts.keeping.run,
            "audit": self.audit.run,
            "retention": self.retention.run,
            "certificates": self.certificates.run,
            "configuration": self.config_watch.run,
            **({"alerts": self.alerting.run} if self.alerting else {}),
            **({"listener": self.listening.run} if self.listening else {}),
            **{f"delivery-{name}": destination.run for name, destination in self.destinations.items()},
            **{f"source-{name}": self.devices.get(name).run for name in self.devices.names()},
        }
