"""Clips through the real service: begun and ended by a press, durable each second, the same in the PACS."""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

from agent import errors
from drivers.clip_index import Indexed, decode, encode
from tests.system.world import PAUSE, Box, Sandbox, box_in, toml_for, wait_for

VIDEO = """
[source.clip]
output = "video-endoscopic"
"""
REGION = 'anatomic_region = { value = "71854001", scheme = "SCT", meaning = "Colon" }'


def toml(sandbox: Sandbox, clip: str = "", told: str = "") -> str:
    """Return the configuration of a box whose source records clips as `clip` says."""
    whole = toml_for(sandbox)
    head, sep, tail = whole.partition("[source.object]\n")
    assert sep
    whole = f"{head}{clip}\n{sep}{told}\n{tail}"
    return whole.replace('modality = "US"', 'modality = "ES"') if told else whole


def record(box: Box, seconds: float, press: str = "clip") -> dict[str, Any]:
    """Record a clip of about so many seconds and return the picture that it became."""
    box.post("/sources/us1/clip/start", {"trigger_id": press})
    PAUSE.wait(seconds)
    return box.post("/sources/us1/clip/stop")


def conforming(path: Path) -> bool:
    done = subprocess.run([Path(sys.executable).parent / "dciodvfy", "-new", path], capture_output=True, check=False)
    return b"Error" not in done.stdout + done.stderr


def test_a_clip_and_a_still_during_it_arrive_as_they_were_recorded(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "a clip"})
        assert box.get("/sources")[0]["recording"]
        with pytest.raises(errors.ClipBusy):
            box.post("/sources/us1/clip/start", {"trigger_id": "another"})
        PAUSE.wait(1.2)
        box.capture("a still meanwhile")
        clip = box.post("/sources/us1/clip/stop")
        assert clip["frames"] > 20
        with pytest.raises(errors.NoClip):
            box.post("/sources/us1/clip/stop")
        stored = (box.data / f"spool/clips/{clip['frame_id']}.clp").read_bytes()
        assert hashlib.sha256(stored).hexdigest() == clip["payload_sha256"]
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("both are sent", lambda: len(box.jobs()) == 2 and box.all_sent())
    by_uid = {str(dcmread(one.path, stop_before_pixels=True).SOPInstanceUID): one.path for one in sandbox.received()}
    data_set = dcmread(by_uid[clip["sop_instance_uid"]])
    frames = list(generate_frames(data_set.PixelData, number_of_frames=data_set.NumberOfFrames))
    assert len(frames) == clip["frames"] == data_set.NumberOfFrames
    assert b"".join(f if not f.endswith(b"\xd9\0") else f[:-1] for f in frames) == stored
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.4"
    times = data_set.get("FrameTimeVector")
    mean = float(data_set.FrameTime) if times is None else sum(map(float, times)) / (len(times) - 1)
    assert mean == pytest.approx(40, rel=0.2)
    assert all(conforming(path) for path in by_uid.values())


def test_a_clip_becomes_a_video_whose_stream_is_what_its_attributes_say(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox, VIDEO, REGION)) as box:
        exam = box.open_exam("О’Коннор")
        clip = record(box, 1.5)
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("it is sent", lambda: len(box.jobs()) == 1 and box.all_sent(), 60)
    (one,) = sandbox.received()
    data_set = dcmread(one.path)
    assert data_set.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    (tmp_path / "v.mp4").write_bytes(next(generate_frames(data_set.PixelData, number_of_frames=1)))
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=profile,level,width,height,nb_read_frames,sample_aspect_ratio,duration", "-of", "json",
         tmp_path / "v.mp4"], capture_output=True, check=True).stdout  # fmt: skip
    (stream,) = json.loads(said)["streams"]
    assert (stream["profile"], stream["level"], stream["sample_aspect_ratio"]) == ("High", 41, "1:1")
    assert (stream["height"], stream["width"]) == (data_set.Rows, data_set.Columns) == (576, 768)
    assert int(stream["nb_read_frames"]) == data_set.NumberOfFrames >= clip["frames"]
    assert float(stream["duration"]) == pytest.approx(float(data_set.EffectiveDuration), abs=0.1)
    assert list(data_set.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_14496_10"]
    assert conforming(one.path)


def test_finishing_ends_the_clip_and_keeps_it(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "a clip"})
        PAUSE.wait(0.5)
        finished = box.post(f"/exams/{exam['exam_id']}/finish")
        assert finished["captured"] == 1
        assert not box.get("/sources")[0]["recording"]
        with pytest.raises(errors.NoOpenExam):
            box.post("/sources/us1/clip/start", {"trigger_id": "without an exam"})
        wait_for("it is sent", box.all_sent)


def test_a_clip_never_begins_before_its_exam(sandbox: Sandbox, tmp_path: Path) -> None:
    """Ten seconds from before the press are wanted, and another patient lay there a moment ago."""
    with box_in(tmp_path / "box", toml(sandbox, "[source.clip]\npre_trigger_s = 10\n")) as box:
        other = box.open_exam("Коваль")
        PAUSE.wait(2.0)
        of_the_other = box.capture("the last of the other patient")["frame_number"]
        box.post(f"/exams/{other['exam_id']}/finish")
        box.open_exam("Ґалаґан")
        PAUSE.wait(1.0)
        pressed = box.capture("just pressed")["frame_number"]
        clip = record(box, 0.3)
        assert of_the_other < clip["frame_number"] < pressed


def test_a_clip_ends_by_itself_and_is_split_when_it_grows_too_large(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox, "[source.clip]\nlargest_mb = 1\nlongest_s = 2\n")) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "a long one"})

        def split() -> bool:
            return box.get(f"/exams/{exam['exam_id']}")["captured"] >= 2

        wait_for("the clip was split", split, 30)
        for frame in box.get(f"/exams/{exam['exam_id']}")["frames"]:
            assert (box.data / f"spool/clips/{frame['frame_id']}.clp").stat().st_size <= 1_000_000


def test_a_clip_of_a_crashed_source_is_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "a clip"})
        PAUSE.wait(1.5)
        box.post("/sources/us1/fault", {"fault": "crash"})
        clip = wait_for("the clip is kept", lambda: _stopped(box), 20)
        assert clip["frames"] >= 10
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("it is sent", box.all_sent)


def _stopped(box: Box) -> Any:
    try:
        return box.post("/sources/us1/clip/stop")
    except errors.ChildError:
        return None


def test_a_power_cut_keeps_what_was_recorded_to_the_second(sandbox: Sandbox, tmp_path: Path) -> None:
    """The core and its children die at once; a torn frame was being written; the box comes back by itself."""
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam = box.open_exam("Ґалаґан")
        box.post("/sources/us1/clip/start", {"trigger_id": "a clip"})
        PAUSE.wait(2.6)
        box.process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]
        box.process.wait(10)  # type: ignore[union-attr]
        index = next((box.data / "spool/clips").glob("*.idx"))
        durable = len(decode(index.read_bytes()))
        assert durable > 30
        with index.open("ab") as torn, index.with_suffix(".clp").open("ab") as payload:
            torn.write(b"torn")
            payload.write(b"\xff\xd8half a frame")
        box.start()
        (frame,) = box.get(f"/exams/{exam['exam_id']}")["frames"]
        assert (frame["state"], frame["frames"]) == ("held", durable)
        assert not list((box.data / "spool/clips").glob("*.idx"))
        with sqlite3.connect(box.data / "agent.sqlite3") as database:
            assert database.execute("SELECT count(*) FROM recording").fetchone() == (0,)
        box.post(f"/frames/{frame['frame_id']}/accept")
        box.post(f"/exams/{exam['exam_id']}/resume")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("it is sent", box.all_sent)
    (one,) = sandbox.received()
    assert dcmread(one.path).NumberOfFrames == durable


def test_an_index_is_believed_up_to_its_first_fault() -> None:
    frames = [Indexed(offset=n * 10, size=10, captured_ns=n, number=n, crc=7) for n in range(5)]
    whole = b"".join(map(encode, frames))
    assert decode(whole) == frames
    assert decode(whole[:-1]) == frames[:4]
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        assert decode(bytes(damaged)) == frames[: at * 5 // len(whole)]
    assert decode(encode(frames[1])) == []
