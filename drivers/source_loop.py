"""The loop of a source child: read the newest frame, judge it, answer requests, beat; all in one thread.

A driver that hangs stops this loop and with it the beats, and the core kills the process without loss. The
requests and events are listed in `drivers.host`.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from time import monotonic, monotonic_ns
from typing import Any

from drivers.asking import BEAT_S, Refused, built, request_id
from drivers.clip_options import ClipOptions
from drivers.clips import Clips
from drivers.contract import Frame, Signal
from drivers.device import Device
from drivers.picture.judge import Judge
from drivers.preview import Preview, PreviewOptions
from drivers.still import Still
from drivers.still_options import StillOptions
from drivers.stills import Stills
from drivers.wire import Channel, resident_kb, seal

SILENCE_S = 1.0
SHORTEST_TURN_S = 0.004
"""A driver that floods is slowed down to 250 frames a second; requests are served meanwhile."""
REQUESTS_PER_TURN = 16


class SourceLoop:
    """Everything that runs between one `open` and the end of this process."""

    def __init__(self, channel: Channel, source: Any, request: dict[str, Any]) -> None:
        self._channel = channel
        options = built(StillOptions, request.get("still") or {})
        self._source = source
        self._device = Device(self._source, self._tell_device)
        self._stills = Stills(options, answer=self._answer, fail=self._fail)
        clip = built(ClipOptions, request.get("clip") or {})
        self._clips = Clips(clip, options, send=self._done, fail=self._fail, tell=self._channel.send)
        self._preview = Preview(options.mask)
        self._judge = Judge(by_content=not getattr(self._source, "knows_signal", False))
        self._told_signal: Signal | None = Signal.UNKNOWN
        self._frame_at = self._beat_at = monotonic()

    def run(self) -> None:
        """Serve until the core hangs up; raises `WireClosed` then, `Stuck` when only a new process helps."""
        try:
            while True:
                self._turn()
        finally:
            self._device.close()

    def _turn(self) -> None:
        started = monotonic()
        was_ready = self._device.ready
        refused = self._device.refused
        frame = self._device.next()
        self._stills.expect(self._device.size)
        if frame is not None:
            self._see(frame)
        elif self._device.refused > refused:
            self._stills.broken()
        self._silence(lost=was_ready and not self._device.ready)
        self._stills.expire(monotonic_ns())
        self._clips.turn()
        self._beat()
        self._serve(started)

    def _see(self, frame: Frame) -> None:
        try:
            closely = self._stills.waiting > 0
            verdict = self._judge.see(frame, closely=closely)
        except ValueError:  # a JPEG whose headers are right and whose picture cannot be decoded
            self._device.refused += 1
            self._stills.broken()
            return
        self._frame_at = monotonic()
        self._stills.see(frame, verdict, self._judge.believed, closely=closely)
        self._clips.see(frame, verdict)
        self._tell_signal()
        if self._preview.due(frame, self._channel.fileno()):
            self._show(frame)

    def _silence(self, *, lost: bool) -> None:
        if lost:
            self._stills.lost(self._device.cause)
            self._clips.lost()
        if lost or monotonic() - self._frame_at > SILENCE_S:
            self._judge.nothing()
            self._tell_signal()

    def _tell_device(self, event: dict[str, Any]) -> None:
        self._channel.send(event)
        self._told_signal = None  # a new state of the device: say again what it shows

    def _tell_signal(self) -> None:
        if self._judge.believed is not self._told_signal:
            self._told_signal = self._judge.believed
            self._channel.send({"event": "signal", "signal": str(self._judge.believed)})

    def _show(self, frame: Frame) -> None:
        picture = self._preview.picture(frame)
        if picture is not None:
            event = {"event": "preview", "frame_number": frame.number, "captured_ns": frame.captured_ns}
            self._send_sealed(event, picture)

    def _beat(self) -> None:
        if monotonic() >= self._beat_at:
            self._beat_at = monotonic() + BEAT_S
            geometry = self._device.geometry
            self._channel.send(
                {
                    "beat": {
                        "resident_kb": resident_kb(),
                        "frames": self._device.frames,
                        "refused": self._device.refused,
                        "waiting": self._stills.waiting,
                        "signal": str(self._judge.believed),
                        "geometry": asdict(geometry) if geometry else {},
                    }
                }
            )

    def _serve(self, started: float) -> None:
        """Serve what has arrived; wait only where the device leaves time for it."""
        until_beat = max(0.0, self._beat_at - monotonic())
        wait_s = min(self._device.wait_s(), until_beat)
        wait_s = max(wait_s, SHORTEST_TURN_S - (monotonic() - started), 0.0)
        for _ in range(REQUESTS_PER_TURN):
            received = self._channel.receive(wait_s)
            if received is None:
                return
            self._request(*received)
            wait_s = 0.0

    def _request(self, message: dict[str, Any], fds: list[int]) -> None:
        asked = request_id(message)
        if message.get("do") == "record":
            self._clips.start(asked, message, fds)
            return
        for fd in fds:
            os.close(fd)  # nothing else that we serve comes with a descriptor
        served = {
            "still": self._do_still,
            "preview": self._do_preview,
            "flush": self._do_flush,
            "fault": self._do_fault,
            "end record": self._do_end_record,
        }.get(str(message.get("do")), self._do_nothing)
        try:
            served(asked, {k: v for k, v in message.items() if k not in ("id", "do")})
        except Refused as e:
            self._fail(asked, e.code, str(e), {})

    def _do_nothing(self, request_id: int, values: dict[str, Any]) -> None:  # noqa: ARG002 - one signature
        raise Refused("V-01", "The source cannot do that.")

    def _do_still(self, request_id: int, values: dict[str, Any]) -> None:
        now_ns = monotonic_ns()
        not_before_ns, deadline_ms = values.get("not_before_ns", now_ns), values.get("deadline_ms", 1000)
        if not isinstance(not_before_ns, int) or not isinstance(deadline_ms, int):
            raise Refused("V-01", "not_before_ns and deadline_ms are whole numbers.")
        if not self._device.ready:
            self._stills.refuse(request_id, "V-02", facts={"cause": self._device.cause})
            return
        self._stills.ask(request_id, not_before_ns=not_before_ns, deadline_ms=deadline_ms, now_ns=now_ns)

    def _do_preview(self, request_id: int, values: dict[str, Any]) -> None:
        self._preview.set(built(PreviewOptions, values))
        self._channel.send({"id": request_id, "done": {}})

    def _do_flush(self, request_id: int, values: dict[str, Any]) -> None:  # noqa: ARG002 - takes no values
        now_ns = monotonic_ns()
        self._stills.flush(now_ns)
        self._clips.flush(now_ns)
        self._done(request_id, {"flushed_ns": now_ns})

    def _do_end_record(self, request_id: int, values: dict[str, Any]) -> None:  # noqa: ARG002 - takes no values
        self._clips.stop(request_id)

    def _done(self, request_id: int, value: dict[str, Any]) -> None:
        self._channel.send({"id": request_id, "done": value})

    def _do_fault(self, request_id: int, values: dict[str, Any]) -> None:
        inject = getattr(self._source, "inject", None)
        if inject is None:
            raise Refused("V-01", "Only the simulator has faults to switch on.")
        try:
            inject(str(values.get("fault")))
        except ValueError as e:
            raise Refused("V-01", "There is no fault of that name.") from e
        self._channel.send({"id": request_id, "done": {}})

    def _answer(self, request_id: int, still: Still) -> None:
        self._send_sealed({"id": request_id, "done": still.header}, still.payload)

    def _send_sealed(self, message: dict[str, Any], payload: bytes) -> None:
        fd = seal([payload])
        try:
            self._channel.send(message, [fd])
        finally:
            os.close(fd)

    def _fail(self, request_id: int, code: str, message: str, facts: dict[str, Any]) -> None:
        failed = {"code": code, "message": message, "facts": facts}
        self._channel.send({"id": request_id, "failed": failed})
