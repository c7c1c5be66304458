"""One page of a PDF, one frame of a video, as a JPEG: by Debian's poppler and ffmpeg, as children of the build child.

They read bytes that somebody else made, so they get a deadline, this child's memory limit and no network protocol.
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress

from agent.errors import ObjectError
from agent.objects.building import Payload
from agent.objects.part10 import BUFFER

_LIMIT_S = 8.0
_LONGEST = 8 << 20
_WIDEST_PAGE = 2560


def page(payload: Payload, width: int, number: int) -> bytes:
    """Return one page of the PDF in `payload`, `width` columns wide; raises `ObjectError`."""
    command = ["pdftoppm", "-q", "-jpeg", "-f", str(number), "-l", str(number), "-singlefile",
               "-scale-to-x", str(min(width, _WIDEST_PAGE)), "-scale-to-y", "-1", "-"]  # fmt: skip
    return _jpeg(command, payload)


def frame(payload: Payload, width: int, number: int) -> bytes:
    """Return one frame of the video in `payload`, at most `width` columns wide; raises `ObjectError`."""
    start, end = payload.offset, payload.offset + payload.record.payload_size
    source = f"subfile,,start,{start},end,{end},,:/proc/self/fd/{payload.fd}"
    picked = rf"select=eq(n\,{number - 1}),scale='min({width},iw*sar)':-2,setsar=1"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-protocol_whitelist", "file,subfile", "-threads", "1",
               "-i", source, "-an", "-sn", "-dn", "-vf", picked, "-frames:v", "1", "-c:v", "mjpeg",
               "-f", "image2pipe", "pipe:1"]  # fmt: skip
    return _jpeg(command, None, fds=(payload.fd,))


def _jpeg(command: list[str], fed: Payload | None, fds: tuple[int, ...] = ()) -> bytes:
    """Run a program that writes one JPEG, feeding it a payload."""
    try:
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   pass_fds=fds)  # fmt: skip
    except OSError as e:
        raise ObjectError("The program that shows this is not installed.", errno=e.errno) from None
    ender = threading.Timer(_LIMIT_S, program.kill)
    ender.start()
    try:
        feeder = threading.Thread(target=_feed, args=(program, fed), daemon=True)
        feeder.start()
        made = program.stdout.read(_LONGEST) if program.stdout else b""
    finally:
        ender.cancel()
        program.kill()
        program.wait()
        if program.stdout:
            program.stdout.close()
    if not (made.startswith(b"\xff\xd8") and made.endswith(b"\xff\xd9")):
        raise ObjectError("No picture can be made of this document or video.")
    return made


def _feed(program: subprocess.Popen[bytes], payload: Payload | None) -> None:
    """Give the payload to the program and end its input; it may end before it read everything."""
    if program.stdin is None:
        return
    with suppress(OSError, ValueError):
        for at in range(0, payload.record.payload_size if payload else 0, BUFFER):
            if payload:
                program.stdin.write(payload.read_at(at, BUFFER))
    with suppress(OSError, ValueError):
        program.stdin.close()
