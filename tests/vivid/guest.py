"""PID 2 of the guest: plays every scene on the real vivid, says what came of it and what was said to the kernel.

Speaks on the second serial port, one JSON line for each scene, and nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import traceback
from pathlib import Path
from typing import Any

from drivers.kernel import LinuxKernel
from drivers.v4l2 import Options, Source, abi
from drivers.v4l2.video import Video
from tests.peers.recorded import Recorder
from tests.vivid.inputs import INPUTS
from tests.vivid.scenes import SCENES

BUS = Path("/sys/bus/platform/drivers/vivid")
CLASS = Path("/sys/class/video4linux")


def node(word: str) -> str:
    """Return vivid's node of one kind: `cap` or `out`."""
    (found,) = [p.name for p in CLASS.iterdir() if word in (p / "name").read_text()]
    return f"/dev/{found}"


class Output(threading.Thread):
    """Writes one picture into vivid's output again and again."""

    def __init__(self, picture: bytes) -> None:
        super().__init__(daemon=True)
        self._picture, self.stop = picture, threading.Event()

    def run(self) -> None:
        import mmap

        video = Video(LinuxKernel(), node("out"))
        video.number(abi.S_OUTPUT, 0)
        video.number(abi.S_STD, 0xFF, size=8)
        asked = abi.Format(type=abi.OUTPUT)
        asked.fmt.pix = abi.PixFormat(width=720, height=576, pixelformat=abi.fourcc("YUYV"), field=4, colorspace=1)
        video.ask(abi.S_FMT, asked)
        video.ask(abi.REQBUFS, abi.RequestBuffers(count=4, type=abi.OUTPUT, memory=abi.MMAP))
        for index in range(4):
            buffer = video.ask(abi.QUERYBUF, abi.Buffer(index=index, type=abi.OUTPUT, memory=abi.MMAP))
            with mmap.mmap(video.fd, buffer.length, offset=buffer.offset & 0xFFFFFFFF) as mapped:
                mapped[: len(self._picture)] = self._picture
            self._queue(video, index)
        video.number(abi.STREAMON, abi.OUTPUT)
        while not self.stop.is_set():
            video.wait(0.01)
            try:
                done = video.ask(abi.DQBUF, abi.Buffer(type=abi.OUTPUT, memory=abi.MMAP))
            except BlockingIOError:
                self.stop.wait(0.01)
                continue
            self._queue(video, done.index)
        video.number(abi.STREAMOFF, abi.OUTPUT)
        video.close()

    def _queue(self, video: Video, index: int) -> None:
        size = len(self._picture)
        video.ask(abi.QBUF, abi.Buffer(index=index, type=abi.OUTPUT, memory=abi.MMAP, bytesused=size, field=4))


class Guest:
    """The stage that is real."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self._output: Output | None = None
        self.timings = menu(node("cap"), "DV Timings")

    def source(self, **options: Any) -> Source:
        return Source(Options(**options), kernel=self.recorder, clock=self.recorder)  # type: ignore[arg-type]

    def control(self, name: str, value: int = 1) -> None:
        video = Video(LinuxKernel(), node("cap"))
        video.ask(abi.S_CTRL, abi.Control(id=controls(video)[name], value=value))
        video.close()

    def unplug(self) -> None:
        self._held = os.open(node("cap"), os.O_RDWR)  # so that the old number stays taken
        (BUS / "unbind").write_text("vivid.0")

    def plug(self) -> None:
        (BUS / "bind").write_text("vivid.0")

    def play(self, picture: bytes) -> None:
        self.control("Loop Video", 1)
        self.control("OSD Text Mode", 2)
        self._output = Output(picture)
        self._output.start()

    def end(self) -> None:
        if self._output is not None:
            self._output.stop.set()
            self._output.join(5)
            self.control("Loop Video", 0)
            self.control("OSD Text Mode", 0)


def controls(video: Video) -> dict[str, int]:
    found, number = {}, abi.CTRL_NEXT
    while True:
        try:
            told = video.ask(abi.QUERYCTRL, abi.QueryControl(id=number))
        except OSError:
            return found
        found[told.name.decode()] = told.id
        number = told.id | abi.CTRL_NEXT


def menu(path: str, name: str) -> dict[str, int]:
    """Return the entries of a menu control by name."""
    import struct

    video = Video(LinuxKernel(), path)
    number, found = controls(video)[name], {}
    for index in range(100):
        asked = bytearray(struct.pack("<II32sI", number, index, b"", 0))
        try:
            LinuxKernel().ioctl(video.fd, 3 << 30 | len(asked) << 16 | ord("V") << 8 | 37, asked)
        except OSError:
            continue
        found[bytes(asked[8:40]).split(b"\0")[0].decode()] = index
    video.close()
    return found


def play(name: str) -> dict[str, Any]:
    """Play one scene and return what came of it with the words that were said."""
    stage = Guest()
    try:
        came: Any = INPUTS[name]() if name in INPUTS else SCENES[name](stage)
        failed = ""
    except Exception:
        came, failed = None, traceback.format_exc()
    stage.end()
    return {"came": came, "failed": failed, "timings": stage.timings, "words": stage.recorder.words}


def main() -> None:
    with Path("/dev/ttyS1").open("w") as out:
        wanted = os.environ.get("SCENES", "").split() or [*INPUTS, *SCENES]
        print(json.dumps({"kernel": platform.release(), "version": platform.version()}), file=out, flush=True)
        for name in wanted:
            line = json.dumps([name, play(name)])
            print(line, file=out, flush=True)
            print("scene", name, "done", flush=True)
        print("null", file=out, flush=True)


if __name__ == "__main__":
    main()
