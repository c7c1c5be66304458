"""A box whose clock nobody vouches for: it captures, and builds when somebody does (ruling 6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydicom import dcmread

from agent import errors
from tests.system.fake_time import FakeTime
from tests.system.world import PAUSE, Box, Sandbox, toml_for, wait_for


@pytest.fixture
def time(tmp_path: Path) -> FakeTime:
    time = FakeTime(tmp_path / "time")
    time.unsynchronised(yes=True)
    return time


def box_of(sandbox: Sandbox, folder: Path, time: FakeTime) -> Box:
    box = Box(folder / "box", toml_for(sandbox).replace('clock = "host"', 'clock = "system"'))
    box.start(code=time.code)
    return box


def captured(box: Box) -> str:
    patient = {"patient_name": "Бондар^Ія", "patient_id": "UA-9"}
    exam = box.post("/exams/unscheduled", {"source": "us1", "patient": patient})
    box.capture("one")
    box.capture("two")
    box.post(f"/exams/{exam['exam_id']}/finish")
    return str(exam["exam_id"])


def times(sandbox: Sandbox) -> list[datetime]:
    return [_time(one.path) for one in sandbox.received()]


def _time(path: Path) -> datetime:
    d = dcmread(path)
    return datetime.strptime(f"{d.ContentDate}{str(d.ContentTime)[:6]}", "%Y%m%d%H%M%S")


def test_a_named_person_vouches_until_the_next_boot(sandbox: Sandbox, tmp_path: Path, time: FakeTime) -> None:
    time.wall(-400 * 86400.0)
    box = box_of(sandbox, tmp_path, time)
    try:
        assert box.get("/status")["clock_trust"] == "untrusted"
        exam_id = captured(box)  # capture is never gated by the clock
        PAUSE.wait(3)
        assert box.jobs() == []
        with pytest.raises(errors.OutOfDate):
            box.post("/clock/confirm", {"shown": "2020-01-01T00:00:00+02:00"})
        time.wall(0.0)  # somebody set it
        right = datetime.now(ZoneInfo("Europe/Kyiv"))
        assert box.post("/clock/confirm", {"shown": right.isoformat()})["clock_trust"] == "confirmed"
        # The pictures of this boot are dated by the boot clock, by themselves.
        wait_for("sent", box.all_sent)
        assert all(abs(t - right.replace(tzinfo=None)) < timedelta(minutes=1) for t in times(sandbox))
        assert box.get(f"/exams/{exam_id}")["held"] == 0
        box.kill()
        box.start(code=time.code)
        assert box.get("/status")["clock_trust"] == "confirmed"
        box.stop()
        time.boots(1)
        box.start(code=time.code)
        assert box.get("/status")["clock_trust"] == "untrusted"
    finally:
        box.stop()


@pytest.mark.parametrize("how", ["instant", "shift"])
def test_after_a_reboot_a_person_dates_the_pictures(
    sandbox: Sandbox, tmp_path: Path, time: FakeTime, how: str
) -> None:
    time.wall(-400 * 86400.0)
    box = box_of(sandbox, tmp_path, time)
    try:
        exam_id = captured(box)
        box.kill()
        time.wall(0.0)
        time.boots(1)
        time.unsynchronised(yes=False)
        box.start(code=time.code)
        wait_for("they are held", lambda: box.get(f"/exams/{exam_id}")["held"] == 2)
        assert sandbox.received() == []
        with pytest.raises(errors.BadRequest):
            box.post(f"/exams/{exam_id}/date")
        for wrong in ({"instant": "soon"}, {"instant": "2999-01-01T10:00"}, {"shift_s": 1.0, "instant": "2026-01-01"}):
            with pytest.raises(errors.BadRequest):
                box.post(f"/exams/{exam_id}/date", wrong)
        told = {"instant": "2026-03-01T10:30:00"} if how == "instant" else {"shift_s": 300 * 86400.0}
        box.post(f"/exams/{exam_id}/date", told)
        wait_for("sent", lambda: len(box.jobs()) == 2 and box.all_sent())
        first, second = sorted(times(sandbox))
        if how == "instant":
            assert first == datetime(2026, 3, 1, 10, 30)
        assert timedelta() <= second - first < timedelta(minutes=1)
        with pytest.raises(errors.WrongState):
            box.post(f"/exams/{exam_id}/date", told)
    finally:
        box.stop()
