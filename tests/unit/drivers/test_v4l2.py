"""The V4L2 layer against what the kernel's vivid driver said (recorded by `make vivid-test RECORD=1`)."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import DriverError, Geometry, PixelFormat, Signal
from drivers.kernel import GONE, READABLE, LinuxKernel
from drivers.picture.convert import nv12_to_rgb, yuyv_to_rgb
from drivers.v4l2 import Options, Source, abi, formats
from drivers.v4l2.node import candidates, usb_address
from drivers.v4l2.standards import STANDARDS
from tests.peers.recorded import Replay, load
from tests.vivid.scenes import EXPECTED, SCENES

HEAD, RECORDED = load(Path(__file__).parents[2] / "data/vivid.jsonl.gz")


class Recorded:
    """The stage whose faults are already in the recording."""

    def __init__(self, scene: dict[str, Any]) -> None:
        self._replay, self.timings = Replay(scene["words"]), scene["timings"]

    def source(self, **options: Any) -> Source:
        return Source(Options(**options), kernel=self._replay, clock=self._replay)  # type: ignore[arg-type]

    def control(self, name: str, value: int = 1) -> None: ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...

    def play(self, picture: bytes) -> None: ...


def test_the_recording_says_where_it_comes_from() -> None:
    assert HEAD["kernel"].startswith("6.")
    assert len(HEAD["commit"]) == 40
    assert set(RECORDED) == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_comes_out_as_with_the_kernel(name: str) -> None:
    came = json.loads(json.dumps(SCENES[name](Recorded(RECORDED[name]))))
    assert came == RECORDED[name]["came"]
    if name in EXPECTED:
        assert came == EXPECTED[name]


def test_digital_timings_are_followed() -> None:
    before, after = RECORDED["hdmi"]["came"]
    assert (before["geometry"]["rows"], before["geometry"]["columns"]) == (1080, 1920)
    assert (after["geometry"]["rows"], after["geometry"]["columns"]) == (720, 1280)
    assert not before["geometry"]["interlaced"]
    assert "1920x1080p60" in before["geometry"]["image_format"]


# --- a kernel that answers as a test wants ------------------------------------------------------------------


class Table:
    """A kernel whose answers are functions of the request; frames come from a list."""

    def __init__(self, buffers: list[tuple[bytes, dict[str, int]]], pixelformat: str = "YUYV", **errors: int) -> None:
        self._buffers, self._errors, self._letters = iter(buffers), errors, pixelformat
        self._content: bytes = b""
        self.resets = 0

    def open(self, path: str) -> int:
        if number := self._errors.get("open"):
            raise OSError(number, path)
        return 7

    def close(self, fd: int) -> None: ...

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        name = NAMES.get(request, "")
        if number := self._errors.get(name):
            raise OSError(number, name)
        if name == "USBDEVFS_RESET":
            self.resets += 1
            return
        told = getattr(self, f"_{name.lower()}", lambda _a: None)(argument)
        if told is not None:
            argument[:] = told.bytes

    def _querycap(self, _a: bytearray) -> abi.Struct:
        return abi.Capability(device_caps=abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING)

    def _enuminput(self, argument: bytearray) -> abi.Struct:
        if argument[0]:
            raise OSError(errno.EINVAL, "no more")
        return abi.Input(name=b"Camera 1", type=2)

    def _enum_fmt(self, argument: bytearray) -> abi.Struct:
        if argument[0]:
            raise OSError(errno.EINVAL, "no more")
        return abi.FormatDescription(pixelformat=abi.fourcc(self._letters))

    def _g_fmt(self, _a: bytearray) -> abi.Struct:
        told = abi.Format(type=1)
        told.fmt.pix = abi.PixFormat(
            width=32, height=16, pixelformat=abi.fourcc(self._letters), field=1, bytesperline=64, sizeimage=1024
        )
        return told

    _s_fmt = _g_fmt

    def _reqbufs(self, argument: bytearray) -> abi.Struct:
        return abi.RequestBuffers(count=min(2, argument[0]))

    def _querybuf(self, _a: bytearray) -> abi.Struct:
        return abi.Buffer(length=4096)

    def _dqbuf(self, _a: bytearray) -> abi.Struct:
        content, values = next(self._buffers, (None, {}))
        if content is None:
            raise BlockingIOError(errno.EAGAIN, "none")
        self._content = content
        return abi.Buffer(**{"bytesused": len(content), **values})

    def _dqevent(self, _a: bytearray) -> abi.Struct:
        raise OSError(errno.ENOENT, "none")

    def read(self, fd: int, size: int) -> bytes:
        return b""

    def wait(self, fd: int, timeout_s: float) -> int:
        return self._errors.get("wait", READABLE)

    def map(self, fd: int, length: int, offset: int) -> Any:
        outer = self

        class Mapped:
            def read(self, size: int) -> bytes:
                return outer._content[:size].ljust(min(size, length), b"\0")

            def close(self) -> None: ...

        return Mapped()

    def paths(self, pattern: str) -> list[str]:
        return ["/sys/class/video4linux/video10", "/sys/class/video4linux/video2"]

    def text(self, path: str) -> str:
        usb = {"idVendor": "534d", "idProduct": "2109", "serial": "A1", "busnum": "1", "devnum": "12"}
        folder, _, name = path.rpartition("/")
        return usb.get(name, "") if folder == "/sys/devices/pci/usb1/1-2" else ""

    def real(self, path: str) -> str:
        return "/sys/devices/pci/usb1/1-2/1-2:1.0" if path.endswith("video10/device") else path


NAMES = {
    value: name for name, value in vars(abi).items() if name.isupper() and isinstance(value, int) and value > 0x10000
} | {abi.USBDEVFS_RESET: "USBDEVFS_RESET"}
WHOLE = bytes(range(256)) * 4


def opened(*buffers: tuple[bytes, dict[str, int]], **of: Any) -> Source:
    source = Source(Options(device="/dev/video2"), kernel=Table(list(buffers), **of))
    source.open()
    return source


class Decoder(Table):
    """A kernel with an analog decoder: `seen` is what comes in, `set` what the box asked for."""

    def __init__(self, seen: int) -> None:
        super().__init__([(bytes(1024), {"sequence": n, "flags": 0x2000}) for n in range(99)])
        self.seen = self.set = seen

    def _enuminput(self, argument: bytearray) -> abi.Struct:
        return abi.Input(name=b"S-Video", type=2, capabilities=abi.IN_CAP_STD)

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        if request == abi.S_STD:
            self.set = int.from_bytes(argument, "little")
        elif request in (abi.QUERYSTD, abi.G_STD):
            argument[:] = (self.seen if request == abi.QUERYSTD else self.set).to_bytes(8, "little")
        else:
            super().ioctl(fd, request, argument)


@pytest.mark.parametrize(
    ("standard", "signal", "after"), [("auto", "present", "NTSC"), ("PAL", "wrong standard", "PAL")]
)
def test_another_standard_is_followed_where_it_is_auto(standard: str, signal: str, after: str) -> None:
    kernel, clock = Decoder(STANDARDS["PAL"].bits), Passing()
    source = Source(Options(standard=standard), kernel=kernel, clock=clock)
    assert source.open().image_format == "PAL"
    kernel.seen = STANDARDS["NTSC"].bits
    seen = []
    for _ in range(6):
        clock.ns += 1_100_000_000
        seen.append(source.read(0.1))
    frames = [frame for frame in seen if frame is not None]
    assert str(frames[0].signal) == "wrong standard"
    assert (str(frames[-1].signal), frames[-1].geometry.image_format) == (signal, after)
    assert [f.number for f in frames] == sorted({f.number for f in frames})


class Passing:
    """A clock that a test moves."""

    ns = 10**12

    def now_ns(self) -> int:
        return self.ns


@pytest.mark.parametrize(
    ("request_name", "number", "cause"),
    [
        ("open", errno.ENOENT, "absent"),
        ("open", errno.EACCES, "permission"),
        ("open", errno.EBUSY, "busy"),
        ("REQBUFS", errno.EBUSY, "busy"),
        ("STREAMON", errno.EIO, "broken"),
        ("QUERYCAP", errno.ENOTTY, "format"),
        ("G_FMT", errno.ENODEV, "absent"),
    ],
)
def test_each_refusal_of_the_kernel_has_its_cause(request_name: str, number: int, cause: str) -> None:
    source = Source(Options(device="/dev/video2"), kernel=Table([], **{request_name: number}))
    with pytest.raises(DriverError) as refused:
        source.open()
    assert refused.value.cause == cause
    assert refused.value.advice


def test_a_node_that_does_not_capture_is_not_taken() -> None:
    kernel = Table([])
    kernel._querycap = lambda _a: abi.Capability(device_caps=abi.CAP_STREAMING)  # type: ignore[method-assign]
    with pytest.raises(DriverError, match="captures"):
        Source(Options(device="/dev/video2"), kernel=kernel).open()


def test_short_and_broken_buffers_are_refused_and_the_newest_whole_one_is_returned() -> None:
    source = opened((WHOLE[:1023], {}), (WHOLE, {"sequence": 1, "flags": abi.FLAG_ERROR}), (WHOLE, {"sequence": 2}),
                    (WHOLE[::-1], {"sequence": 3}))  # fmt: skip
    frame = source.read(0.1)
    assert frame is not None
    assert (frame.number, source.broken) == (3, 2)
    assert frame.data.tobytes() == WHOLE[::-1]


def test_a_lost_device_is_an_error_and_silence_is_not() -> None:
    assert opened().read(0.0) is None
    with pytest.raises(DriverError):
        opened(wait=GONE).read(0.0)


def test_a_usb_device_is_found_by_its_identity_wherever_it_is() -> None:
    kernel = Table([])
    assert candidates(kernel, "usb:534D:2109:a1") == ["/dev/video10"]
    with pytest.raises(DriverError):
        candidates(kernel, "usb:534d:2109:other")
    assert usb_address(kernel, "/dev/video10") == "/dev/bus/usb/001/012"
    source = Source(Options(device="usb:534d:2109"), kernel=kernel)
    assert source.reset()
    assert kernel.resets == 1


@pytest.mark.parametrize("wrong", [{"device": "video0"}, {"device": "usb:12:34"}, {"standard": "pal"}, {"buffers": 1},
                                   {"pixel_format": "RGB"}, {"prefer": "speed"}, {"rows": -1}])  # fmt: skip
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|device|not"):
        Options(**wrong)


# --- formats ------------------------------------------------------------------------------------------------


def test_a_padded_line_and_the_order_of_bytes_do_not_change_the_picture() -> None:
    pix = abi.PixFormat(width=4, height=2, pixelformat=abi.fourcc("UYVY"), bytesperline=12)
    geometry = Geometry(rows=2, columns=4, pixel_format=PixelFormat.YUYV)
    data = bytes([128, 10, 128, 20, 128, 30, 128, 40, 9, 9, 9, 9] * 2)
    assert formats.unpack(data, pix, geometry)[..., 0].tolist() == [[10, 20, 30, 40]] * 2


PATCHES = {"white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}


def encode(colour: tuple[int, int, int], kr: float, kb: float, *, full: bool) -> tuple[int, int, int]:
    """Return Y, U, V of an RGB colour by the definition of ITU-R BT.601 and BT.709, in floating point."""
    red, green, blue = (value / 255 for value in colour)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    u, v = (blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)
    if full:
        return round(y * 255), min(255, round(128 + u * 255)), min(255, round(128 + v * 255))
    return round(16 + y * 219), round(128 + u * 224), round(128 + v * 224)


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt601 full", "bt709 full"])
@pytest.mark.parametrize("name", PATCHES)
def test_colour_patches_come_out_within_two_levels(matrix: str, name: str) -> None:
    kr, kb = (0.299, 0.114) if "601" in matrix else (0.2126, 0.0722)
    y, u, v = encode(PATCHES[name], kr, kb, full="full" in matrix)
    yuyv = np.tile(np.array([[y, u], [y, v]], np.uint8), (4, 2, 1))
    nv12 = np.concatenate([np.full((4, 4), y, np.uint8), np.tile(np.array([u, v], np.uint8), (2, 2))])
    for picture in (yuyv_to_rgb(yuyv, matrix), nv12_to_rgb(nv12, matrix)):
        assert np.abs(picture.astype(int) - PATCHES[name]).max() <= 2


# --- lies ---------------------------------------------------------------------------------------------------


class Liar(Table):
    """A kernel that answers every question with what it likes."""

    def __init__(self, noise: bytes) -> None:
        super().__init__([])
        self._noise = noise or b"\0"
        self._at = 0

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        for index in range(len(argument)):
            argument[index] = self._noise[(self._at + index) % len(self._noise)]
        self._at += len(argument)
        if self._noise[self._at % len(self._noise)] % 5 == 0:
            raise OSError(self._noise[self._at % len(self._noise)] % 120 + 1, "a lie")


def _lies() -> Iterator[bytes]:
    rng = np.random.default_rng(20261124)
    yield from (rng.bytes(1000) for _ in range(100))


def test_a_hundred_thousand_random_bytes_of_a_driver_end_in_an_error_or_a_frame() -> None:
    for noise in _lies():
        _survive(noise)


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_whatever_the_driver_answers_is_an_error_or_a_frame(noise: bytes) -> None:
    _survive(noise)


def _survive(noise: bytes) -> None:
    source = Source(Options(device="/dev/video2"), kernel=Liar(noise))
    cause = ""
    try:
        source.open()
        seen = [source.read(0.0) for _ in range(3)]
    except DriverError as e:
        seen, cause = [], e.cause
    source.close()
    assert cause == "" or cause in DriverError.CAUSES
    assert all(frame is None or frame.signal in Signal for frame in seen)


def test_the_real_kernel_says_that_there_is_no_such_device() -> None:
    with pytest.raises(DriverError) as refused:
        Source(Options(device="/dev/modality-agent-none"), kernel=LinuxKernel()).open()
    assert refused.value.cause == "absent"
