"""The rooms around one exam, wired together: choosing, opening, capturing, idling, moving, dating.

Part of the composition root; `assembly` hands over what they stand on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent import __version__
from agent.building import Building
from agent.changes import Changes
from agent.choosing import Choices, ConfirmRules
from agent.confirmation import ListAges
from agent.control import Control
from agent.dating import Dating
from agent.devices import Devices
from agent.exam import Examinations, ExamRules
from agent.host import device_uid, new_uid
from agent.idle import Idleness
from agent.model import Equipment
from agent.moving import Moving
from agent.opening import Opening
from agent.order_check import OrderCheck
from agent.scans import Scans
from agent.service import Exams, Patients
from agent.service.corrections import Corrections
from agent.store import Exam
from agent.tally import COMMIT
from agent.worklist import Worklist, WorklistRules

if TYPE_CHECKING:
    from agent.assembly import Ground

_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamRooms:
    """What `assembly` hands on to the others."""

    exams: Examinations
    scans: Scans
    choices: Choices
    control: Control
    opening: Opening
    moving: Moving
    dating: Dating
    corrections: Corrections
    order_check: OrderCheck
    idleness: Idleness


def exam_rooms(
    g: Ground,
    devices: Devices,
    worklist: Worklist,
    changes: Changes,
    *,
    steps_queue: str,
    worker: Callable[[str], Callable[[], None]],
) -> ExamRooms:
    """Build the rooms around one exam; `worker` makes the mark of progress of a thread of that name."""
    c, policy = g.configuration, g.configuration.exam
    sources, own_uid = {source.name: source for source in c.source}, device_uid(g.root)

    def equipment(name: str) -> Equipment:
        return c.equipment(sources[name], __version__, own_uid)

    exams = Examinations(
        g.store,
        g.spool,
        devices,
        g.clock,
        rules=_rules(g, steps_queue),
        boot_id=g.boot_id,
        uids=new_uid,
        stamp=g.stamp,
        notice=changes.notice,
        steps=g.steps,
        on_broken=g.on_broken,
    )
    scans = Scans(
        g.store,
        at=lambda: g.stamp("").at,
        monotonic=g.clock.monotonic,
        notice=changes.notice,
        prefixes=policy.gsrn_prefixes,
    )
    ages = ListAges(amber_s=policy.list_amber_min * _MINUTE, click_s=policy.list_click_min * _MINUTE)
    rules = ConfirmRules(site=c.confirmation, ages=ages, gsrn_prefixes=policy.gsrn_prefixes)
    choices = Choices(g.store, g.clock, scans, rules)
    order_check = _order_check(g, worklist, changes, worker)
    exams.first_press = order_check.ask
    exams.ticked = partial(g.tally.took, COMMIT)

    def opened(exam: Exam) -> None:
        g.tally.add("agent_confirm_total", mode=exam.snapshot.confirmation)
        order_check.ask(exam)

    opening = Opening(
        g.store, devices, g.clock, exams, choices, equipment=equipment, uids=new_uid, opened=opened
    )
    moving = Moving(g.store, g.spool, devices, exams, uids=new_uid, steps=g.steps)
    dating = Dating(g.store, g.clock, g.boot_id, stamp=g.stamp)
    corrections = Corrections(g.store, exams, opening, moving, dating)
    return ExamRooms(
        exams=exams,
        scans=scans,
        choices=choices,
        control=Control(g.store.exams.open_on),
        opening=opening,
        moving=moving,
        dating=dating,
        corrections=corrections,
        order_check=order_check,
        idleness=Idleness(
            g.store,
            exams,
            wanted=corrections.ask_wanted,
            stamp=lambda: g.stamp(""),
            notice=changes.notice,
            turned=worker("idleness"),
        ),
    )


def _rules(g: Ground, steps_queue: str) -> ExamRules:
    policy = g.configuration.exam
    return ExamRules(
        undo_window_s=float(policy.undo_window_s),
        minimum_free_bytes=g.configuration.delivery.minimum_free_mb * 1_000_000,
        idle_question_s=policy.idle_question_min * _MINUTE,
        idle_finish_s=policy.idle_finish_min * _MINUTE,
        release_by_picture=policy.release == "picture",
        tells_steps_to=steps_queue,
    )


def _order_check(
    g: Ground, worklist: Worklist, changes: Changes, worker: Callable[[str], Callable[[], None]]
) -> OrderCheck:
    policy = g.configuration.exam
    return OrderCheck(
        g.store,
        g.clock,
        worklist,
        old_s=policy.list_amber_min * _MINUTE,
        wait_s=policy.order_check_s,
        stamp=lambda: g.stamp(""),
        notice=changes.notice,
        turned=worker("order-check"),
    )


def worklist_of(g: Ground, changes: Changes, turned: Callable[[], None]) -> Worklist:
    """Build what keeps the worklist fresh, or tells that the site has none."""
    w = g.configuration.worklist
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
        g.configuration.peer(w) if w else None,
        rules,
        g.store,
        g.peers,
        g.clock,
        stamp=lambda: g.stamp(""),
        notice=changes.notice,
        turned=turned,
    )


def exams_service(g: Ground, rooms: ExamRooms, devices: Devices, building: Building) -> Exams:
    """Build the answers about exams."""
    c = g.configuration
    return Exams(
        g.store,
        g.clock,
        devices,
        rooms.exams,
        building,
        rooms.opening,
        rooms.corrections,
        rooms.control,
        box=c.box.ae_title,
        temporary_issuer=c.exam.temporary_issuer or c.box.ae_title,
    )


def patients_service(g: Ground, rooms: ExamRooms, devices: Devices, worklist: Worklist, exams: Exams) -> Patients:
    """Build the answers about who is expected."""
    wait_s = g.configuration.exam.order_check_s
    return Patients(
        g.store, g.clock, devices, worklist, rooms.choices, rooms.scans, open_on=exams.open_on, wait_s=wait_s
    )
