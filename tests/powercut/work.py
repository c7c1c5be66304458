"""Exams on a disk whose writes are logged: captures, clips, sending, commitment, and who was told what when."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from agent.errors import AgentError
from tests.powercut.verdict import Told
from tests.system.world import Box, Sandbox, toml_for, wait_for

SURNAMES = ("Ґалаґан", "О’Коннор", "Коваль^Олена", "Щербак")
PICTURES = 3
NORMAL = (
    "import agent.store.database as d\n"
    "d._assert_durable = lambda c: (c.execute('PRAGMA journal_mode = WAL'), c.execute('PRAGMA synchronous = NORMAL'))\n"
)
"""Runs first in the service of the negative control: the promise of the database is taken away."""


class Logged(Protocol):
    """What notes every write."""

    def position(self) -> int: ...


def box_on(folder: Path, data: Path, sandbox: Sandbox) -> Box:
    """Return a box whose data are on another disk than its configuration and its log."""
    box = Box(folder, toml_for(sandbox))
    (folder / "data").symlink_to(data)
    return box


def work(box: Box, disk: Logged, exams: int, luck: random.Random) -> Told:
    """Run `exams` exams and note every acknowledgement with the log's position just after it."""
    told = Told()
    for number in range(exams):
        exam = box.open_exam(luck.choice(SURNAMES))
        if number % 3 == 1:
            _clip(box, disk, told, number)
        for press in range(PICTURES):
            frame = box.capture(f"press-{number}-{press}")
            told.captures.append((disk.position(), frame["sop_instance_uid"], frame["payload_sha256"]))
        box.post(f"/exams/{exam['exam_id']}/finish")
        if number % 4 == 3:  # a worklist fetched, jobs settled, commitment: writes of every kind
            with suppress(AgentError):
                box.post("/worklist/refresh")
    wait_for("everything is sent", box.all_sent, 120)
    return told


def _clip(box: Box, disk: Logged, told: Told, number: int) -> None:
    clip = box.post("/sources/us1/clip/start", {"trigger_id": f"clip-{number}"})
    told.clips.append((disk.position(), clip["frame_id"], 0))
    box.capture(f"during-clip-{number}")
    frame = box.post("/sources/us1/clip/stop")
    told.clips.append((disk.position(), frame["frame_id"], frame["frames"]))
