"""The core's side of the source children: one `Device` for each, kept alive for ever, asked for stills.

A frame arrives as a sealed memfd with a header of plain values; no pixel is looked at here. A device that
crashes, hangs or lies is killed and started again with growing waits, and disturbs no other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from agent.child import SCREEN, SOURCE, Child
from agent.errors import AgentError, ChildBroken, ChildDied, FrameRefused, PageTruncated, UnknownSource
from agent.launcher import Launcher
from agent.lifecycle import DeviceState, after
from drivers.wire import WireBroken, sealed_size

LOST = frozenset({"no signal", "no sync", "no cable", "wrong standard"})
"""Words of `drivers.contract.Signal` without which there is no picture."""
STILL_DEADLINE_S = 5.0
END_RECORD_S = 30.0
SCAN_S, PAGE_S = 3600.0, 3700.0
BROKEN_AFTER = 5
_WAITS_S = (0.2, 1.0, 2.0, 5.0, 15.0, 60.0)
_TURN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """What a person may know about a source now."""

    name: str
    state: DeviceState = DeviceState.STARTING
    reason: str = ""
    advice: str = ""
    signal: str = "unknown"
    geometry: str = ""
    pid: int = 0
    resident_kb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetup:
    """What the source child is told: plain values from the configuration."""

    name: str
    driver: str
    options: dict[str, Any]
    still: dict[str, Any]
    clip: dict[str, Any] = field(default_factory=dict)
    delivers: str = "frames"
    """`frames` all the time, `pages` when it is asked (a scanner), or `items` by itself (a folder)."""
    over_network: bool = False
    """Its child is given the network and no device."""


class Device:
    """One source, its child and its newest preview."""

    def __init__(
        self,
        setup: SourceSetup,
        launcher: Launcher,
        *,
        changed: Callable[[str], None],
        turned: Callable[[], None],
        clip_ended: Callable[[str, str], None] = lambda _name, _why: None,
        item: Callable[[Device, dict[str, Any], list[int]], None] = lambda _device, _message, _fds: None,
    ) -> None:
        self._clip_ended, self._item = clip_ended, item
        self.setup = setup
        self.view = DeviceView(name=setup.name)
        self._launcher = launcher
        self._changed = changed
        self._turned = turned
        self._child: Child | None = None
        self._failures = 0
        self.restarts = 0
        """How often it had to begin anew in this run because it crashed, hung or was unplugged."""
        self._viewers = 0
        self._preview: tuple[int, bytes] = (0, b"")
        self._fresh = threading.Condition()

    def run(self, stop: threading.Event) -> None:
        """Keep the child alive until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._live_once(stop)
            if not stop.is_set():
                self._pause(stop)

    def restart(self) -> None:
        """Have the source begin anew, as after a crash but without its long waits; a person asked for it."""
        self._failures = 0
        self.wake()

    def wake(self) -> None:
        """End the child, so that the main loop looks at `stop` now."""
        child = self._child
        if child is not None:
            child.stop()

    def _live_once(self, stop: threading.Event) -> None:
        self._become("start")
        child: Child | None = None
        try:
            child = Child(SCREEN if self.setup.over_network else SOURCE, self._launcher, self._event)
            child.wait_ready()
            opening = {"driver": self.setup.driver, "options": self.setup.options, "still": self.setup.still}
            opening["clip"] = self.setup.clip
            child.request("open", opening, deadline_s=30.0)
            self._child = child
            self._resume_preview()
            self._watch(child, stop)
        except AgentError as e:
            self._fail(e)
        finally:
            self._child = None
            if child is not None:
                child.stop()

    def _watch(self, child: Child, stop: threading.Event) -> None:
        while not stop.is_set():
            self._turned()
            if child.wait_dead(_TURN_S):
                raise child.death or ChildDied()
            geometry = _geometry(child.last_beat) or self.view.geometry
            self.view = replace(self.view, pid=child.pid, resident_kb=child.resident_kb, geometry=geometry)
            if self.view.state is DeviceState.READY:
                self._failures = 0

    def _pause(self, stop: threading.Event) -> None:
        left = _WAITS_S[min(self._failures, len(_WAITS_S) - 1)]
        while left > 0 and not stop.is_set():
            self._turned()
            stop.wait(min(left, _TURN_S))
            left -= _TURN_S

    def _fail(self, error: AgentError) -> None:
        self._failures += 1
        self.restarts += 1
        event = "failed too often" if self._failures >= BROKEN_AFTER else "failed"
        self._become(event, reason=error.message, advice=error.hint)

    def _become(self, event: str, *, reason: str = "", advice: str = "", signal: str | None = None) -> None:
        state = DeviceState(after("device", event, self.view.state))
        old = self.view
        signal = signal if signal is not None else old.signal
        self.view = replace(old, state=state, reason=reason, advice=advice, signal=signal)
        if (old.state, old.reason, old.signal) != (state, reason, signal):
            self._changed(self.setup.name)

    def _event(self, message: dict[str, Any], fds: list[int]) -> None:
        try:
            kind = message["event"]
            if kind == "preview" and fds:
                self._keep_preview(int(message.get("frame_number", 0)), fds[0])
            elif kind == "signal":
                signal = str(message.get("signal", "unknown"))
                self._become("signal lost" if signal in LOST else "ready", signal=signal)
            elif kind == "item":
                self._item(self, message, [os.dup(fd) for fd in fds])
            elif kind == "clip":
                self._clip_ended(self.setup.name, str(message.get("ended", "")))
            elif kind == "device":
                self._device_event(message)
        finally:
            for fd in fds:
                os.close(fd)

    def _device_event(self, message: dict[str, Any]) -> None:
        if message.get("state") == "ready":
            self._become("ready", signal="present")
        else:
            self._become("failed", reason=str(message.get("cause", "")), advice=str(message.get("advice", "")))

    # --- stills ---------------------------------------------------------------------------------------------

    def still(self, not_before_ns: int) -> tuple[dict[str, Any], int]:
        """Return the header and the sealed payload of the first complete frame taken at or after the press.

        `not_before_ns` is CLOCK_MONOTONIC. The caller closes the descriptor. Raises `NoSignal`,
        `PictureNotLive`, `FrameRefused`, `NoFrameInTime`, or `ChildBroken` while the device restarts.
        """
        child = self._alive()
        deadline_ms = int(STILL_DEADLINE_S * 500)
        header, fds = child.request(
            "still", {"not_before_ns": not_before_ns, "deadline_ms": deadline_ms}, deadline_s=STILL_DEADLINE_S
        )
        if len(fds) != 1 or not _whole(header, fds[0]):
            _close(fds)
            raise FrameRefused("The picture's size is not what was announced. Nothing was captured.")
        return header, fds[0]

    def scan(self, keep: Callable[[dict[str, Any], int], None]) -> int:
        """Have a scanner deliver what lies there; `keep` gets each page's header and payload. Returns how many.

        Raises the scanner's errors, each of which says what to do; the pages that were kept stay.
        """
        child = self._alive()

        def page(header: dict[str, Any], fds: list[int]) -> None:
            if len(fds) != 1 or not _whole(header, fds[0]):
                _close(fds)
                raise PageTruncated
            keep(header, fds[0])

        try:
            told, _ = child.request("scan", {}, deadline_s=SCAN_S, idle_s=PAGE_S, on_progress=page)
        except AgentError:
            self.cancel()
            raise
        return int(told.get("pages", 0))

    def cancel(self) -> None:
        """End a scan that runs; pages that were kept stay."""
        child = self._child
        if child is not None and self.setup.delivers == "pages":
            with suppress(AgentError):
                child.request("cancel", {}, deadline_s=STILL_DEADLINE_S)

    def taken(self, item_id: str) -> None:
        """Tell a folder that an item is durable here: its file may go."""
        self._alive().request("taken", {"item": item_id}, deadline_s=STILL_DEADLINE_S)

    def record(self, not_before_ns: int, fds: tuple[int, int]) -> dict[str, Any]:
        """Have a clip written into `fds` (payload, index; they stay the caller's); return once a frame is durable."""
        facts, extra = self._alive().request(
            "record", {"not_before_ns": not_before_ns}, fds, deadline_s=STILL_DEADLINE_S
        )
        _close(extra)
        return facts

    def end_record(self) -> dict[str, Any]:
        """End the clip that is being written and return what of it is durable."""
        told, extra = self._alive().request("end record", {}, deadline_s=END_RECORD_S)
        _close(extra)
        return told

    def flush(self) -> None:
        """Forget every frame taken before now (opening an exam: ruling 1)."""
        with self._fresh:
            self._preview = (0, b"")
        if self._child is not None:
            self._child.request("flush", {}, deadline_s=STILL_DEADLINE_S)

    def inject(self, fault: str) -> None:
        """Make the simulator misbehave; other drivers refuse."""
        self._alive().request("fault", {"fault": fault}, deadline_s=STILL_DEADLINE_S)

    def _alive(self) -> Child:
        child = self._child
        if child is None:
            raise ChildBroken(f"The picture source is restarting. {self.view.advice}".strip())
        return child

    # --- preview --------------------------------------------------------------------------------------------

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have the source make previews while somebody looks, and only then."""
        with self._fresh:
            self._viewers += 1
        self._resume_preview()
        try:
            yield
        finally:
            with self._fresh:
                self._viewers -= 1
            self._resume_preview()

    def next_preview(self, seen: int, timeout_s: float) -> tuple[int, bytes]:
        """Return (frame number, JPEG) once it is newer than `seen`, or the old one after `timeout_s`."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._preview[0] != seen, timeout_s)
            return self._preview

    def _resume_preview(self) -> None:
        child = self._child
        if child is None:
            return
        wanted = {"on": self._viewers > 0, "max_fps": 10, "max_width": 768}
        try:
            child.request("preview", wanted, deadline_s=STILL_DEADLINE_S)
        except AgentError:
            return  # the watching loop sees the child's death and starts it again

    def _keep_preview(self, number: int, fd: int) -> None:
        try:
            jpeg = os.pread(fd, sealed_size(fd), 0)
        except WireBroken:
            return
        with self._fresh:
            self._preview = (number, jpeg)
            self._fresh.notify_all()


class Devices:
    """All sources of the box, by name."""

    def __init__(self, devices: dict[str, Device]) -> None:
        self._devices = devices

    def get(self, name: str) -> Device:
        """Return one device; raises `UnknownSource`."""
        try:
            return self._devices[name]
        except KeyError:
            raise UnknownSource from None

    def names(self) -> list[str]:
        return list(self._devices)

    def views(self) -> list[DeviceView]:
        return [device.view for device in self._devices.values()]


def _geometry(beat: dict[str, Any]) -> str:
    geometry = beat.get("geometry") or {}
    if not geometry:
        return ""
    return f"{geometry.get('image_format') or ''} {geometry.get('columns')}×{geometry.get('rows')}".strip()


def _whole(header: dict[str, Any], fd: int) -> bool:
    try:
        return sealed_size(fd) == header.get("payload_size")
    except WireBroken:
        return False


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
