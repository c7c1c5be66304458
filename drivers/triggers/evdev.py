"""A pedal, a button or a barcode reader that is a keyboard to the kernel (Linux input events).

The device is grabbed, so that what it types reaches nobody else. It is found by its link below /dev/input/by-id, by
USB identity or by name, and again after it was unplugged. Only the keys that are named count; a key that is held is
one press, and told as stuck after a while. A reader's Enter ends its text and never captures.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Press
from drivers.kernel import Kernel, LinuxKernel
from drivers.options import option
from drivers.triggers import keys
from drivers.triggers.barcode import LONGEST, Framing, text_of
from drivers.triggers.press_options import check
from drivers.v4l2.node import cause, usb_folder

EVENT = struct.Struct("@llHHi")
"""`struct input_event`: seconds, microseconds, type, code, value."""
GRAB = 1 << 30 | 4 << 16 | ord("E") << 8 | 0x90
CLOCK_ID = 1 << 30 | 4 << 16 | ord("E") << 8 | 0xA0
_MONOTONIC = (1).to_bytes(4, "little")
_KEY, UP, DOWN = 1, 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which device, and what it means."""

    device: str = option(
        "/dev/input/event0", sentence="A node or link, usb:vendor:product with or without :serial, or name:part."
    )
    action: str = option("capture", sentence="What it does: capture, clip, or scan for a barcode reader.")
    keys: tuple[str, ...] = option((), sentence="Keys that count, such as KEY_B or BTN_LEFT; empty: every key.")
    pattern: str = option("", sentence="Scan: regular expression that the whole text has to match.")
    prefix: str = option("", sentence="Scan: what the reader puts before the text.")
    suffix: str = option("", sentence="Scan: what the reader puts behind the text, before Enter.")
    gs1: str = option("", sentence="Scan: GS1 Application Identifier whose value is meant; empty: not GS1.")
    debounce_ms: int = option(150, unit="ms", sentence="How long the key must rest before the next press.")
    stuck_s: float = option(5.0, unit="s", sentence="A key held for longer is told as stuck.")

    def __post_init__(self) -> None:
        check(self.action, self.debounce_ms, self.stuck_s)
        for name in self.keys:
            keys.code(name)
        if not self.device.startswith(("/", "usb:", "name:")):
            raise ValueError("device is a path, usb:vendor:product, usb:vendor:product:serial or name:part")


class Trigger:
    """One input device."""

    def __init__(
        self, options: Options | None = None, *, kernel: Kernel | None = None, clock: Clock | None = None
    ) -> None:
        self._options = options or Options()
        self._kernel, self._clock = kernel or LinuxKernel(), clock or Monotonic()
        self._codes = frozenset(keys.code(name) for name in self._options.keys)
        o = self._options
        self._framing = Framing(prefix=o.prefix, suffix=o.suffix, pattern=o.pattern, gs1=o.gs1)
        self._fd = -1
        self._waiting = b""
        self._down: dict[int, int] = {}
        self._rested_ns: dict[int, int] = {}
        self._typed = keys.Typed()
        self._opened_ns = self._presses = 0

    @property
    def stuck(self) -> bool:
        """Whether a key has been held for longer than `stuck_s`."""
        limit = self._clock.now_ns() - round(self._options.stuck_s * 1e9)
        return self._options.action != "scan" and any(since < limit for since in self._down.values())

    def open(self) -> None:
        """Take the device for us alone; raises `DriverError`: absent, busy, permission, broken."""
        self.close()
        try:
            self._fd = self._kernel.open(self._node())
            self._kernel.ioctl(self._fd, CLOCK_ID, bytearray(_MONOTONIC))
            argument = bytearray(_MONOTONIC)
            self._kernel.ioctl(self._fd, GRAB, argument)
        except OSError as e:
            self.close()
            raise DriverError(cause(e)) from e
        self._waiting, self._typed = b"", keys.Typed()
        self._down.clear()
        self._opened_ns = self._clock.now_ns()

    def _node(self) -> str:
        device = self._options.device
        if device.startswith("/"):
            return device
        for entry in self._kernel.paths("/sys/class/input/event*"):
            if self._fits(device, entry):
                return "/dev/input/" + entry.rpartition("/")[2]
        raise DriverError("absent", "no input device with this identity")

    def _fits(self, device: str, entry: str) -> bool:
        if device.startswith("name:"):
            return device[5:].casefold() in self._kernel.text(f"{entry}/device/name").casefold()
        _, vendor, product, *serial = device.lower().split(":", 3)
        usb = usb_folder(self._kernel, entry)
        told = [self._kernel.text(f"{usb}/{name}").lower() for name in ("idVendor", "idProduct", "serial")]
        return bool(usb) and told[:2] == [vendor, product] and (not serial or told[2] == serial[0])

    def read(self, timeout_s: float) -> Press | None:
        """Return the next act, or None after `timeout_s`; raises `DriverError` when the device is gone."""
        if self._fd < 0:
            raise DriverError("absent", "not open")
        press = self._next()
        if press is not None:
            return press
        try:
            if self._kernel.wait(self._fd, timeout_s):
                self._waiting += self._kernel.read(self._fd, EVENT.size * 64)
        except BlockingIOError:
            return None
        except OSError as e:
            self.close()
            raise DriverError(cause(e)) from e
        return self._next()

    def _next(self) -> Press | None:
        while len(self._waiting) >= EVENT.size:
            seconds, microseconds, kind, code, value = EVENT.unpack_from(self._waiting)
            self._waiting = self._waiting[EVENT.size :]
            at_ns = seconds * 1_000_000_000 + microseconds * 1000
            press = self._see(at_ns, code, value) if kind == _KEY else None
            if press is not None:
                return press
        return None

    def _see(self, at_ns: int, code: int, value: int) -> Press | None:
        if self._options.action == "scan":
            return self._type(at_ns, code, value)
        if self._codes and code not in self._codes:
            return None
        if value == UP:
            self._down.pop(code, None)
            self._rested_ns[code] = at_ns
            return None
        if value != DOWN or code in self._down:
            return None
        self._down[code] = at_ns
        rested = at_ns - self._rested_ns.get(code, 0) >= self._options.debounce_ms * 1_000_000
        return self._press(at_ns, "") if rested else None

    def _type(self, at_ns: int, code: int, value: int) -> Press | None:
        line = self._typed.see(code, down=value != UP)
        if line is None:
            if len(self._typed.text) > LONGEST:
                self._typed = keys.Typed()
            return None
        text = text_of(line, self._framing)
        return self._press(at_ns, text) if text else None

    def _press(self, at_ns: int, text: str) -> Press:
        self._presses += 1
        now_ns = self._clock.now_ns()
        pressed_ns = at_ns if now_ns - 5_000_000_000 < at_ns <= now_ns else now_ns
        name = f"{self._opened_ns:x}-{self._presses}"
        return Press(press_id=name, action=self._options.action, pressed_ns=pressed_ns, text=text)

    def close(self) -> None:
        """Give the device back; may be called twice, never raises."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                self._kernel.close(fd)
            except OSError:
                return  # unplugged: there is nothing left to close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
