"""What our V4L2 layer has to do against the kernel's vivid driver: scenes that run in the guest and in the replay.

A scene gets a `Stage`: it makes sources, switches faults on and notes what it saw. In the guest the stage is the
real kernel with a recorder; in a replay the faults are already in the recording.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

from drivers.contract import DriverError, Frame
from drivers.v4l2 import Source

PAL = {"device": "bus:platform:vivid-000", "input": "S-Video", "standard": "PAL", "look_s": 0.1}
HDMI = {"device": "bus:platform:vivid-000", "input": "HDMI", "look_s": 0.1}
READS = 120


class Stage(Protocol):
    """Where a scene plays."""

    def source(self, **options: Any) -> Source: ...

    def control(self, name: str, value: int = 1) -> None:
        """Set one of vivid's controls."""
        ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...

    def play(self, picture: bytes) -> None:
        """Feed a known picture into vivid's output, which leads to the S-Video input."""
        ...


def told(frame: Frame) -> dict[str, Any]:
    geometry = {k: v for k, v in asdict(frame.geometry).items() if v is not None}
    return {
        "geometry": {**geometry, "pixel_format": str(frame.geometry.pixel_format)},
        "shape": list(frame.data.shape),
        "signal": str(frame.signal),
    }


def frames(source: Source, count: int) -> list[Frame]:
    """Return the next `count` frames."""
    found: list[Frame] = []
    for _ in range(READS):
        frame = source.read(0.5)
        if frame is not None:
            found.append(frame)
        if len(found) == count:
            return found
    raise AssertionError(f"{len(found)} of {count} frames")


def until(source: Source, signal: str) -> int:
    """Return after how many frames `signal` is seen."""
    for number in range(READS):
        frame = source.read(0.5)
        if frame is not None and frame.signal == signal:
            return number
    raise AssertionError(f"never {signal}")


def failure(act: Callable[[], Any]) -> str:
    """Return the cause of the `DriverError` that `act` raises."""
    try:
        act()
    except DriverError as e:
        return e.cause
    return ""


def _stream(source: Source) -> dict[str, Any]:
    with source:
        source.open()
        seen = frames(source, 3)
    numbers, times = [f.number for f in seen], [f.captured_ns for f in seen]
    rising = numbers == sorted(set(numbers)) and times == sorted(set(times))
    return {**told(seen[-1]), "rising": rising}


def pal(stage: Stage) -> Any:
    return _stream(stage.source(**PAL))


def ntsc(stage: Stage) -> Any:
    return _stream(stage.source(**{**PAL, "standard": "NTSC"}))


def secam_grey(stage: Stage) -> Any:
    return _stream(stage.source(**{**PAL, "standard": "SECAM", "pixel_format": "GREY"}))


def uyvy(stage: Stage) -> Any:
    return _stream(stage.source(**PAL, pixel_format="UYVY"))


def nv12(stage: Stage) -> Any:
    return _stream(stage.source(**PAL, pixel_format="NV12"))


def no_mjpeg(stage: Stage) -> Any:
    return failure(stage.source(**PAL, pixel_format="MJPG").open)


def _fault(stage: Stage, options: dict[str, Any], faults: dict[str, int], back: dict[str, int], signal: str) -> Any:
    with stage.source(**options) as source:
        source.open()
        frames(source, 1)
        for name, value in faults.items():
            stage.control(name, value)
        until(source, signal)
        for name, value in back.items():
            stage.control(name, value)
        until(source, "present")
    return "came back"


def no_signal(stage: Stage) -> Any:
    mode = "Standard Signal Mode"
    return _fault(stage, PAL, {mode: 1}, {mode: 0}, "no signal")


def no_lock(stage: Stage) -> Any:
    mode = "Standard Signal Mode"
    return _fault(stage, PAL, {mode: 2}, {mode: 0}, "no sync")


def wrong_standard(stage: Stage) -> Any:
    mode = "Standard Signal Mode"
    return _fault(stage, PAL, {"Standard": 0, mode: 4}, {mode: 0}, "wrong standard")


def dropped(stage: Stage) -> Any:
    with stage.source(**PAL) as source:
        source.open()
        stage.control("Percentage of Dropped Buffers", 50)
        numbers = [f.number for f in frames(source, 12)]
        stage.control("Percentage of Dropped Buffers", 0)
    return {"rising": numbers == sorted(set(numbers)), "gaps": numbers[-1] - numbers[0] > 11}


def corrupt(stage: Stage) -> Any:
    with stage.source(**PAL) as source:
        source.open()
        frames(source, 2)
        stage.control("Inject V4L2_BUF_FLAG_ERROR")
        frames(source, 6)
        return {"refused": source.broken}


def fatal(stage: Stage) -> Any:
    with stage.source(**PAL) as source:
        source.open()
        frames(source, 1)
        stage.control("Inject Fatal Streaming Error")
        cause = failure(lambda: frames(source, READS))
        source.open()
        return [cause, told(frames(source, 1)[0])["shape"]]


def _refused_once(stage: Stage, fault: str) -> Any:
    with stage.source(**PAL) as source:
        stage.control(fault)
        cause = failure(source.open)
        source.open()
        return [cause, told(frames(source, 1)[0])["shape"]]


def streamon_refused(stage: Stage) -> Any:
    return _refused_once(stage, "Inject VIDIOC_STREAMON Error")


def buffers_refused(stage: Stage) -> Any:
    return _refused_once(stage, "Inject VIDIOC_REQBUFS Error")


def queueing_refused(stage: Stage) -> Any:
    return _refused_once(stage, "Inject VIDIOC_QBUF Error")


def busy(stage: Stage) -> Any:
    with stage.source(**PAL) as first, stage.source(**PAL) as second:
        first.open()
        return [failure(second.open), len(frames(first, 2))]


def absent(stage: Stage) -> Any:
    return [failure(stage.source(device=name).open) for name in ("/dev/video99", "bus:usb-none", "usb:0403:6001")]


def disconnected(stage: Stage) -> Any:
    with stage.source(**PAL) as source:
        source.open()
        frames(source, 1)
        stage.control("Disconnect")
        cause = failure(lambda: frames(source, READS))
        source.close()
        source.open()
        return [cause, told(frames(source, 1)[0])["shape"]]


def renumbered(stage: Stage) -> Any:
    """The node goes and comes back under another number while somebody still holds the old one."""
    with stage.source(**PAL) as source:
        source.open()
        frames(source, 1)
        stage.unplug()
        causes = [failure(lambda: frames(source, READS)), failure(source.open)]
        stage.plug()
        source.open()
        return [*causes, told(frames(source, 1)[0])["shape"]]


def hdmi(stage: Stage) -> Any:
    """1080p, then the device at the other end changes to 720p: followed by itself, as another geometry."""
    with stage.source(**HDMI) as source:
        source.open()  # vivid's controls are those of the chosen input
        stage.control("DV Timings", stage_timings(stage, "1920x1080p60"))
        stage.control("DV Timings Signal Mode", 4)
        before = told(_of_height(source, 1080))
        stage.control("DV Timings", stage_timings(stage, "1280x720p60"))
        after = told(_of_height(source, 720))
        stage.control("DV Timings Signal Mode", 0)
        return [before, after]


def _of_height(source: Source, rows: int) -> Frame:
    for _ in range(READS):
        frame = source.read(0.5)
        if frame is not None and frame.geometry.rows == rows:
            return frame
    raise AssertionError("the change was not followed")


def stage_timings(stage: Stage, name: str) -> int:
    """Return the number of timings in vivid's menu."""
    return int(getattr(stage, "timings", {}).get(name, 0))


def hdmi_no_cable(stage: Stage) -> Any:
    mode = "DV Timings Signal Mode"
    return _fault(stage, HDMI, {mode: 1}, {mode: 0}, "no cable")


def hdmi_no_lock(stage: Stage) -> Any:
    mode = "DV Timings Signal Mode"
    return _fault(stage, HDMI, {mode: 2}, {mode: 0}, "no sync")


def hdmi_out_of_range(stage: Stage) -> Any:
    mode = "DV Timings Signal Mode"
    return _fault(stage, HDMI, {mode: 3}, {mode: 0}, "no sync")


def known_picture() -> bytes:
    """Return 720x576 YUYV in which every pixel tells where it is (and none is the value of a text's edge)."""
    line = bytearray()
    for x in range(720):
        line += bytes((16 + x * 7 % 220, 128 if x % 2 else 120))
    rows = [bytes(((b + 3 * y) % 219 + 16) if i % 2 == 0 else b for i, b in enumerate(line)) for y in range(576)]
    return b"".join(rows)


def bit_exact(stage: Stage) -> Any:
    """The picture fed into vivid's output is the picture that comes out of our layer, bit for bit."""
    picture = known_picture()
    wanted = hashlib.sha256(picture).hexdigest()
    with stage.source(**PAL, pixel_format="YUYV") as source:
        source.open()
        stage.play(picture)
        for number in range(READS):
            frame = source.read(0.5)
            if frame is not None and hashlib.sha256(frame.data.tobytes()).hexdigest() == wanted:
                return {"exact": True, "soon": number < READS - 1}
    raise AssertionError("the known picture never came")


SCENES: dict[str, Callable[[Stage], Any]] = {
    scene.__name__: scene
    for scene in (
        pal, ntsc, secam_grey, uyvy, nv12, no_mjpeg, no_signal, no_lock, wrong_standard, dropped, corrupt, fatal,
        streamon_refused, buffers_refused, queueing_refused, busy, absent, hdmi, hdmi_no_cable, hdmi_no_lock,
        hdmi_out_of_range, disconnected, renumbered, bit_exact,
    )
}  # fmt: skip

_SHAPE = [576, 720, 2]


def _geometry(rows: int, kind: str, **more: Any) -> dict[str, Any]:
    made = {"rows": rows, "columns": 720, "pixel_format": kind, "interlaced": True, "bits_stored": 8}
    return {**made, "matrix": "bt601", "top_field_first": rows == 576, **more}


def _analog(rows: int, kind: str, shape: list[int], image_format: str, aspect: list[int]) -> dict[str, Any]:
    geometry = _geometry(rows, kind, image_format=image_format, pixel_aspect_ratio=aspect)
    return {"geometry": geometry, "shape": shape, "signal": "present", "rising": True}


EXPECTED: dict[str, Any] = {
    "pal": _analog(576, "YUYV", _SHAPE, "PAL", [11, 12]),
    "ntsc": _analog(480, "YUYV", [480, 720, 2], "NTSC", [11, 10]),
    "secam_grey": _analog(576, "GREY", [576, 720], "SECAM", [11, 12]),
    "uyvy": _analog(576, "YUYV", _SHAPE, "PAL", [11, 12]),
    "nv12": _analog(576, "NV12", [864, 720], "PAL", [11, 12]),
    "no_mjpeg": "format",
    **dict.fromkeys(("no_signal", "no_lock", "wrong_standard"), "came back"),
    **dict.fromkeys(("hdmi_no_cable", "hdmi_no_lock", "hdmi_out_of_range"), "came back"),
    "dropped": {"rising": True, "gaps": True},
    "corrupt": {"refused": 1},
    "fatal": ["broken", _SHAPE],
    "streamon_refused": ["format", _SHAPE],
    "buffers_refused": ["format", _SHAPE],
    "queueing_refused": ["format", _SHAPE],
    "busy": ["busy", 2],
    "absent": ["absent", "absent", "absent"],
    "disconnected": ["absent", _SHAPE],
    "renumbered": ["absent", "absent", _SHAPE],
    "bit_exact": {"exact": True, "soon": True},
}
"""What must come of each scene; HDMI's geometry is compared by the test itself."""
