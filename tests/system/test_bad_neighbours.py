"""A source that crashes, hangs, floods or lies disturbs no other source and loses no acknowledged capture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent import errors
from tests.system.world import PAUSE, Box, Sandbox, box_in, toml_for, wait_for

BODIES = {
    "crashes": "os.kill(os.getpid(), 11)",
    "hangs": "time.sleep(3600)",
    "floods": "return self.frame(np.full((480, 640, 3), self.number % 200 + 50, np.uint8))",
    "lies": "time.sleep(0.01); return self.frame(np.zeros((4, 4, 3), np.uint8))",
}
DRIVER = """
import os, time
from dataclasses import dataclass
import numpy as np
from drivers.contract import Frame, Geometry, PixelFormat

@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    pass

SHAPE = Geometry(rows=480, columns=640, pixel_format=PixelFormat.RGB)

class Source:
    def __init__(self, options):
        self.number = 0
    def open(self):
        return SHAPE
    def close(self):
        pass
    def frame(self, data):
        self.number += 1
        return Frame(data=data, geometry=SHAPE, captured_ns=time.monotonic_ns(), number=self.number)
    def read(self, timeout_s):
        BODY
"""


def plugin(folder: Path) -> Path:
    """Install every bad driver below `folder` as a third party would."""
    for name, body in BODIES.items():
        (folder / f"neighbour_{name}.py").write_text(DRIVER.replace("BODY", body))
        info = folder / f"neighbour_{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: neighbour-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[modality_agent.drivers]\n{name} = neighbour_{name}\n")
    return folder


@pytest.mark.timeout(180)
def test_bad_neighbours_disturb_nobody(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(plugin(folder)))
    whole = toml_for(sandbox)
    (good,) = re.findall(r"\[\[source\]\].*?(?=\[worklist\])", whole, re.DOTALL)
    bad = [good.replace("us1", name).replace('driver = "simulator"', f'driver = "{name}"') for name in BODIES]
    config = whole.replace(good, good + "".join(bad))
    with box_in(tmp_path / "box", config, ready=False, PYTHONPATH=str(folder)) as box:
        wait_for("the good one is ready", lambda: _signal(box, "us1") == "present", 60)
        exam = box.open_exam("Ґалаґан")
        pids = {_pid(box)}
        taken = []
        for number in range(20):
            taken.append(box.capture(f"press-{number}")["sop_instance_uid"])
            PAUSE.wait(0.7)
            pids.add(_pid(box))
        for name in ("crashes", "hangs", "lies"):
            box.post("/exams/emergency", {"source": name})
            with pytest.raises(errors.AgentError):
                box.capture(f"of {name}", name)
        assert len(pids) == 1, "the good source was never restarted"
        states = {s["name"]: s["state"] for s in box.get("/sources")}
        assert states["crashes"] in ("restarting", "broken", "starting")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("everything is sent", lambda: len(box.jobs()) == 20 and box.all_sent(), 60)
    assert {one.sop_instance_uid for one in sandbox.received()} == set(taken)


def _signal(box: Box, name: str) -> str:
    try:
        return next(s["signal"] for s in box.get("/sources") if s["name"] == name)
    except errors.AgentError:
        return ""


def _pid(box: Box) -> int:
    """The process of the good source: the oldest child that hosts a driver."""
    return min(pid for module, pid in box.children() if module == "drivers.host")
