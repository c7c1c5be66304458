"""The source child: one driver, one loop, one thread (`python -m drivers.host`).

The loop reads the newest frame, judges it, answers requests, and beats about once a second from the same
place: a driver that hangs stops the beats, and the core kills this process without loss. What it is told:

    {"id", "do": "open", "driver": name, "options": {…}, "still": {…}, "clip": {…}}
    {"id", "do": "still", "not_before_ns", "deadline_ms"}    → done {header of drivers.still} with a memfd
    {"id", "do": "record", "not_before_ns"} with two fds     → done {facts} when the first frame is durable
    {"id", "do": "end record"}                               → done {frames, size, sha256, dropped, ended}
    {"id", "do": "preview", "on", "max_fps", "max_width"}    → done {}; {"event": "preview", …} with a memfd
    {"id", "do": "flush"}                                    → done {"flushed_ns"}: older frames are never used
    {"id", "do": "fault", "fault"}                           → done {}; the simulator only

What it tells: `beat` {resident_kb, frames, refused, waiting, signal, geometry}; events `device` {state,
cause, advice} with state `ready` or `restarting`; `signal` {signal}; `preview` {frame_number, captured_ns};
`clip` {ended} when a clip may not go on, and why.
A trigger driver tells `press` {press_id, action, pressed_ns} and `device` with the further state `stuck`.
Failures are `{"code", "message", "facts"}` with the codes of `drivers.stills.FAILED`, V-01 for settings and V-07
for an unknown driver. Instants are CLOCK_MONOTONIC in nanoseconds, which all processes of the box share.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

from drivers.asking import BEAT_S, Refused, made, request_id
from drivers.reopening import Stuck
from drivers.trigger_loop import TriggerLoop
from drivers.wire import Channel, WireBroken, WireClosed, enter, resident_kb

STUCK_EXIT = 3


class Loop(Protocol):
    """What runs between `open` and the end of this process."""

    def run(self) -> None: ...


def await_open(channel: Channel) -> Loop:
    """Return the loop for the first `open` that can be done; beats meanwhile."""
    while True:
        channel.send({"beat": {"resident_kb": resident_kb()}})
        received = channel.receive(BEAT_S)
        if received is None:
            continue
        message, fds = received
        for fd in fds:
            os.close(fd)
        try:
            loop = _loop(channel, message)
        except Refused as e:
            failed = {"code": e.code, "message": str(e), "facts": {}}
            channel.send({"id": request_id(message), "failed": failed})
            continue
        channel.send({"id": request_id(message), "done": {"driver": message.get("driver")}})
        return loop


def _loop(channel: Channel, message: dict[str, Any]) -> Loop:
    if message.get("do") != "open":
        raise Refused("V-01", "The source is not open.")
    row, driver = made(str(message.get("driver", "")), message.get("options") or {})
    if row.kind == "trigger":
        return TriggerLoop(channel, driver)
    if row.delivers == "pages":
        from drivers.scan_loop import ScanLoop

        return ScanLoop(channel, driver)
    if row.delivers == "items":
        from drivers.folder_loop import FolderLoop

        return FolderLoop(channel, driver)
    from drivers.source_loop import SourceLoop  # numpy: 20 MB that the child of a pedal does not need

    return SourceLoop(channel, driver, message)


def main() -> int:
    """Run as the source child; returns the exit status: 0 the core hung up, 3 the driver hangs."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # memory for threads that nobody uses
    channel = enter()
    try:
        channel.send({"ready": {"kind": "source", "pid": os.getpid()}})
        await_open(channel).run()
    except (WireClosed, WireBroken):
        return 0
    except Stuck:
        return STUCK_EXIT
    return 0


if __name__ == "__main__":
    sys.exit(main())
