"""Inside the guest: the legacy device. Feeds pictures with a counter burned in into vivid's output, and obeys.

`feed PAL|NTSC` writes pictures until it is killed: the counter is the time since boot in milliseconds at which the
picture was made; `/run/feeder` holds its process id once pictures flow. `set NAME VALUE…` sets controls of vivid's
input. Uses the agent's own declarations of the kernel's interface.
"""

import mmap
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, next(str(p) for p in Path("/opt/modality-agent/lib").glob("python3*/site-packages")))

from drivers.kernel import LinuxKernel
from drivers.v4l2 import abi
from drivers.v4l2.video import Video

BUFFERS = 2
COLUMNS = 720
ROWS = {"PAL": 576, "NTSC": 480}
BITS = {"PAL": 0xFF, "NTSC": 0xB000}
CABLE, UNPLUGGED, PLUGGED = "S-Video 000-0 Is Connected To", 1, 2
"""vivid's choice of what is at the input: its own test picture, nothing, the output."""


def node(word):
    (found,) = [p.name for p in Path("/sys/class/video4linux").iterdir() if word in (p / "name").read_text()]
    return f"/dev/{found}"


def controls(video):
    found, number = {}, abi.CTRL_NEXT
    while True:
        try:
            told = video.ask(abi.QUERYCTRL, abi.QueryControl(id=number))
        except OSError:
            return found
        found[told.name.decode()] = told.id
        number = told.id | abi.CTRL_NEXT


def put(*words):
    video = Video(LinuxKernel(), node("cap"))
    known = controls(video)
    for name, value in zip(words[::2], words[1::2], strict=True):
        video.ask(abi.S_CTRL, abi.Control(id=known[name], value=int(value)))
    video.close()


def picture(rows):
    """Return a picture in YUYV: grey wedges, moving nowhere, and room for the counter."""
    line = b"".join(bytes((40 + x * 160 // COLUMNS, 128)) for x in range(COLUMNS))
    return bytearray(line * rows)


def burn(frame, rows, strip):
    number = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    row = strip(number, COLUMNS).tolist()
    line = b"".join(bytes((16 + v * 219 // 255, 128)) for v in row)
    high = max(8, rows // 32 // 2 * 2)
    frame[(rows - high) * COLUMNS * 2 :] = line * high
    # Something moves, as on any device: a clock that stands still is a frozen picture.
    at = 20 * COLUMNS * 2 + number // 40 % 600 * 2
    frame[at : at + 64] = b"\xe0\x80" * 32


def feed(standard):
    from drivers.simulator.counter import strip

    rows = ROWS[standard]
    put("OSD Text Mode", 2, CABLE, PLUGGED)
    video = Video(LinuxKernel(), node("out"))
    video.number(abi.S_OUTPUT, 0)
    video.number(abi.S_STD, BITS[standard], size=8)
    asked = abi.Format(type=abi.OUTPUT)
    asked.fmt.pix = abi.PixFormat(width=COLUMNS, height=rows, pixelformat=abi.fourcc("YUYV"), field=4, colorspace=1)
    video.ask(abi.S_FMT, asked)
    video.ask(abi.REQBUFS, abi.RequestBuffers(count=BUFFERS, type=abi.OUTPUT, memory=abi.MMAP))
    mapped, blank = [], picture(rows)
    for index in range(BUFFERS):
        buffer = video.ask(abi.QUERYBUF, abi.Buffer(index=index, type=abi.OUTPUT, memory=abi.MMAP))
        mapped.append(mmap.mmap(video.fd, buffer.length, offset=buffer.offset & 0xFFFFFFFF))

    def queue(index):
        frame = bytearray(blank)
        burn(frame, rows, strip)
        mapped[index][: len(frame)] = bytes(frame)
        size = len(frame)
        video.ask(abi.QBUF, abi.Buffer(index=index, type=abi.OUTPUT, memory=abi.MMAP, bytesused=size, field=4))

    for index in range(BUFFERS):
        queue(index)
    video.number(abi.STREAMON, abi.OUTPUT)
    Path("/run/feeder").write_text(str(os.getpid()))
    while True:
        video.wait(0.01)
        try:
            done = video.ask(abi.DQBUF, abi.Buffer(type=abi.OUTPUT, memory=abi.MMAP))
        except BlockingIOError:
            time.sleep(0.005)
            continue
        queue(done.index)


if __name__ == "__main__":
    feed(sys.argv[2]) if sys.argv[1] == "feed" else put(*sys.argv[2:])
