"""The source child as the core sees it: a real process, a real channel, the simulator inside."""

from __future__ import annotations

import hashlib
import io
import subprocess
from collections.abc import Iterator
from time import monotonic_ns

import numpy as np
import pytest
from PIL import Image
from pydicom.examples import get_path

from drivers.simulator.counter import read_counter
from tests.unit.drivers.hosting import HostedSource


@pytest.fixture
def source() -> Iterator[HostedSource]:
    with HostedSource() as child:
        assert child.open() == {"id": 2, "done": {"driver": "simulator"}}
        child.ready()
        yield child


def rgb(header: dict[str, int], payload: bytes) -> np.ndarray:
    return np.frombuffer(payload, np.uint8).reshape(header["rows"], header["columns"], 3)


def test_a_still_is_a_frame_of_after_the_press(source: HostedSource) -> None:
    for _ in range(3):
        pressed_ns = monotonic_ns()
        answer, payload = source.still(not_before_ns=pressed_ns)
        header = answer["done"]
        assert pressed_ns <= header["captured_ns"] <= monotonic_ns()
        assert header["captured_ns"] - pressed_ns < 1_000_000_000
        assert read_counter(rgb(header, payload)) == header["frame_number"]
        assert hashlib.sha256(payload).hexdigest() == header["payload_sha256"]
        assert len(payload) == header["payload_size"] == 1_244_160


def test_the_first_frame_after_the_instant_is_taken_and_no_later_one(source: HostedSource) -> None:
    source.still()
    not_before_ns = monotonic_ns() + 400_000_000
    answer, _ = source.still(not_before_ns=not_before_ns)
    assert 0 <= answer["done"]["captured_ns"] - not_before_ns < 200_000_000


def test_every_press_of_a_salvo_is_answered_once_and_nine_are_too_many(source: HostedSource) -> None:
    late = monotonic_ns() + 10**9
    asked = [source.ask("still", not_before_ns=late, deadline_ms=4000) for _ in range(9)]
    answers: dict[int, dict] = {}
    while len(answers) < 9:
        message, _ = source.until(lambda m: m.get("id") in asked)
        assert message["id"] not in answers
        answers[message["id"]] = message
    assert [i for i in asked if "failed" in answers[i]] == asked[-1:]
    assert answers[asked[-1]]["failed"]["code"] == "V-06"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("no_signal", "V-03"),
        ("colour_bars", "V-04"),
        ("frozen", "V-04"),
        ("geometry", "V-05"),
        ("short", "V-05"),
        ("stalled", "V-06"),
    ],
)
def test_each_fault_is_refused_aloud_and_heals(source: HostedSource, fault: str, code: str) -> None:
    source.call("fault", fault=fault)
    answer, payload = source.still(700)
    assert answer["failed"]["code"] == code
    assert answer["failed"]["message"].endswith(".")
    assert payload == b""
    source.call("fault", fault="none")
    assert "done" in source.still(4000)[0]


def test_a_frozen_picture_can_be_allowed() -> None:
    with HostedSource() as child:
        child.open(options={"fault": "frozen"}, still={"accept_frozen": True})
        child.ready()
        assert child.still()[0]["done"]["signal"] in ("frozen", "unknown")


def test_an_unplugged_device_is_told_and_comes_back(source: HostedSource) -> None:
    source.call("fault", fault="unplugged")
    lost = source.event(event="device", state="restarting")
    assert (lost["cause"], lost["advice"]) == ("absent", "Check that the device is plugged in and powered.")
    answer, _ = source.still()
    assert answer["failed"]["code"] == "V-02"
    source.call("fault", fault="none")
    source.ready()
    assert "done" in source.still()[0]


def test_a_press_that_waits_when_the_device_goes_is_answered(source: HostedSource) -> None:
    request = source.ask("still", not_before_ns=monotonic_ns() + 10**10, deadline_ms=20_000)
    source.ask("fault", fault="unplugged")
    assert source.until(lambda m: m.get("id") == request, 5)[0]["failed"]["code"] == "V-02"


def test_signal_changes_are_told_once_they_last(source: HostedSource) -> None:
    source.event(event="signal", signal="present")
    source.call("fault", fault="no_signal")
    source.event(event="signal", signal="no signal")
    source.call("fault", fault="none")
    source.event(event="signal", signal="present")


def test_flush_answers_old_presses_and_forgets_old_frames(source: HostedSource) -> None:
    waiting = source.ask("still", not_before_ns=monotonic_ns() + 10**10, deadline_ms=20_000)
    flush = source.ask("flush")
    failed, _ = source.until(lambda m: m.get("id") == waiting)
    assert failed["failed"]["code"] == "V-06"
    flushed_ns = source.until(lambda m: m.get("id") == flush)[0]["done"]["flushed_ns"]
    answer, _ = source.still(not_before_ns=0)
    assert answer["done"]["captured_ns"] >= flushed_ns


def test_previews_come_only_while_wanted_and_no_faster(source: HostedSource) -> None:
    source.until(lambda m: "beat" in m)
    assert not [m for m in source.log if m.get("event") == "preview"]
    source.call("preview", on=True, max_fps=5.0, max_width=360)
    seen, sizes = [], set()
    while len(seen) < 4:
        message, payload = source.until(lambda m: m.get("event") == "preview")
        seen.append(message)
        picture = np.asarray(Image.open(io.BytesIO(payload)))
        sizes.add(picture.shape)
        assert read_counter(picture) == message["frame_number"]
    assert sizes == {(288, 360, 3)}
    gaps = np.diff([m["captured_ns"] for m in seen])
    assert gaps.min() >= 190_000_000
    source.call("preview", on=False)
    count = len([m for m in source.log if m.get("event") == "preview"])
    source.until(lambda m: "beat" in m)
    source.until(lambda m: "beat" in m)
    assert len([m for m in source.log if m.get("event") == "preview"]) == count


def test_a_core_that_does_not_read_gets_no_heap_of_previews(source: HostedSource) -> None:
    source.call("preview", on=True, max_fps=25.0, max_width=360)
    with pytest.raises(subprocess.TimeoutExpired):
        source.process.wait(2.0)  # the core is busy elsewhere and reads nothing
    before = monotonic_ns()
    late = 0
    while True:
        message, _ = source.until(lambda m: m.get("event") == "preview")
        if message["captured_ns"] >= before:
            break
        late += 1
    assert late < 20


def test_beats_tell_what_goes_on(source: HostedSource) -> None:
    source.still()
    beat = source.until(lambda m: m.get("beat", {}).get("signal") == "present")[0]["beat"]
    assert beat["frames"] > 1
    assert (beat["refused"], beat["waiting"]) == (0, 0)
    assert (beat["geometry"]["rows"], beat["geometry"]["image_format"]) == (576, "PAL")
    assert 10_000 < beat["resident_kb"] < 60_000


def test_a_hang_stops_the_beats(source: HostedSource) -> None:
    source.call("fault", fault="hang")
    with pytest.raises(AssertionError, match="nothing of that kind"):
        source.until(lambda m: "beat" in m, 2.5)
    source.process.kill()


def test_a_crash_ends_the_child(source: HostedSource) -> None:
    source.ask("fault", fault="crash")
    assert source.end() == -11


def test_the_child_ends_with_its_core(source: HostedSource) -> None:
    source.channel.close()
    assert source.process.wait(5) == 0


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        ({"driver": "camera"}, "V-07"),
        ({"driver": "simulator", "options": {"sed": 3}}, "V-01"),
        ({"driver": "simulator", "options": {"seed": "three"}}, "V-01"),
        ({"driver": "simulator", "still": {"encoding": "gif"}}, "V-01"),
    ],
)
def test_a_wrong_opening_is_refused_and_can_be_corrected(opening: dict[str, object], code: str) -> None:
    with HostedSource() as child:
        assert child.call("still")[0]["failed"]["code"] == "V-01"
        assert child.call("open", **opening)[0]["failed"]["code"] == code
        assert child.open() == {"id": 4, "done": {"driver": "simulator"}}


def test_requests_that_nobody_knows_are_refused(source: HostedSource) -> None:
    assert source.call("dance")[0]["failed"]["code"] == "V-01"
    assert source.call("still", not_before_ns="now")[0]["failed"]["code"] == "V-01"
    assert source.call("fault", fault="fire")[0]["failed"]["code"] == "V-01"
    assert source.call("preview", max_fps=0.0)[0]["failed"]["code"] == "V-01"
    assert "done" in source.still()[0]


def test_a_switched_off_source_says_so() -> None:
    with HostedSource() as child:
        assert child.open("disabled") == {"id": 2, "done": {"driver": "disabled"}}
        event = child.event(event="device", state="restarting")
        assert event["cause"] == "disabled"
        assert child.still()[0]["failed"]["code"] == "V-02"


def test_another_size_is_refused_within_an_exam_and_taken_in_the_next(source: HostedSource) -> None:
    source.call("fault", fault="geometry")
    assert source.still(700)[0]["failed"]["code"] == "V-05"
    source.call("flush")
    assert "done" in source.still(2000)[0]


def test_the_configured_size_is_the_only_one() -> None:
    with HostedSource() as child:
        child.open(still={"rows": 480, "columns": 720})
        child.ready()
        failed = child.still()[0]["failed"]
    assert (failed["code"], failed["facts"]) == ("V-05", {"rows": 576, "columns": 720})


def test_a_real_cine_through_the_child_as_jpeg() -> None:
    with HostedSource() as child:
        child.open(options={"path": str(get_path("ybr_color"))}, still={"encoding": "jpeg"})
        child.ready()
        answer, payload = child.still()
    header = answer["done"]
    assert [method for method, _ in header["lossy"]] == ["ISO_10918_1", "ISO_10918_1"]
    assert np.asarray(Image.open(io.BytesIO(payload))).shape == (240, 320, 3)
