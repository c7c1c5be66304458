"""Triggers on the guest's real kernel: a pedal through uinput, an FTDI adapter's lines and text over USB/IP."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.contract import DriverError, Press
from drivers.triggers import evdev, serial_line, serial_text
from drivers.triggers.keys import NAMES
from tests.peers.ftdi import SERIAL, Adapter

PAUSE = threading.Event()
_SET_EVENT, _SET_KEY = 1 << 30 | 4 << 16 | ord("U") << 8 | 100, 1 << 30 | 4 << 16 | ord("U") << 8 | 101
_SETUP, _CREATE, _DESTROY = 1 << 30 | 92 << 16 | ord("U") << 8 | 3, ord("U") << 8 | 1, ord("U") << 8 | 2


class Keyboard:
    """A keyboard that the kernel made for us (uinput)."""

    def __init__(self, name: str) -> None:
        self._fd = os.open("/dev/uinput", os.O_WRONLY)
        fcntl.ioctl(self._fd, _SET_EVENT, 1)
        for number in set(NAMES.values()):
            fcntl.ioctl(self._fd, _SET_KEY, number)
        fcntl.ioctl(self._fd, _SETUP, struct.pack("<HHHH80sI", 3, 0x05F3, 0x00FF, 1, name.encode(), 0))
        fcntl.ioctl(self._fd, _CREATE)

    def key(self, number: int, *, down: bool) -> None:
        for kind, code, value in ((1, number, int(down)), (0, 0, 0)):
            os.write(self._fd, evdev.EVENT.pack(0, 0, kind, code, value))

    def tap(self, number: int) -> None:
        self.key(number, down=True)
        PAUSE.wait(0.02)
        self.key(number, down=False)

    def unplug(self) -> None:
        fcntl.ioctl(self._fd, _DESTROY)
        os.close(self._fd)


def until(what: Callable[[], Any], limit: int = 400) -> Any:
    for _ in range(limit):
        if found := what():
            return found
        PAUSE.wait(0.05)
    raise AssertionError("it never came")


def presses(trigger: Any, turns: int = 8) -> list[Press]:
    return [press for _ in range(turns) if (press := trigger.read(0.1)) is not None]


def lost(trigger: Any) -> str:
    for _ in range(100):
        try:
            trigger.read(0.1)
        except DriverError as e:
            return e.cause
    raise AssertionError("nobody noticed")


def pedal() -> Any:
    """Pressed, held, bounced, unplugged and plugged in again under another number."""
    keyboard = Keyboard("VEC Footpedal")
    trigger = evdev.Trigger(evdev.Options(device="name:vec footpedal", keys=("KEY_B",)))
    until(lambda: _opens(trigger))
    for number in (NAMES["KEY_B"], NAMES["KEY_A"], NAMES["KEY_B"]):
        keyboard.tap(number)
        PAUSE.wait(0.3)
    seen = len(presses(trigger))
    other = evdev.Trigger(evdev.Options(device="name:vec footpedal"))
    busy = _refusal(other)
    keyboard.unplug()
    gone = lost(trigger)
    again = Keyboard("VEC Footpedal")
    until(lambda: _opens(trigger))
    again.tap(NAMES["KEY_B"])
    return [seen, busy, gone, len(presses(trigger))]


def wedge() -> Any:
    """A barcode reader that types, and its Enter."""
    keyboard = Keyboard("Barcode Scanner")
    trigger = evdev.Trigger(evdev.Options(device="name:barcode scanner", action="scan"))
    until(lambda: _opens(trigger))
    for letter in "ua00017":
        keyboard.tap(NAMES[f"KEY_{letter.upper()}"])
    keyboard.tap(NAMES["KEY_ENTER"])
    return [(press.action, press.text) for press in presses(trigger)]


def adapter() -> Any:
    """A pedal on CTS and DCD, a reader's text, an unplug and a plug: on a port that the kernel's ftdi_sio made."""
    chip = Adapter()
    chip.plug()
    port = until(_port)
    seen = []
    for name in ("cts", "dcd", "dsr", "ri"):
        line = serial_line.Trigger(serial_line.Options(port=port, line=name))
        until(lambda line=line: _opens(line))
        presses(line, 3)
        chip.line(name, on=True)
        count = len(presses(line, 10))
        chip.line(name, on=False)
        line.close()
        seen.append([name, count])
    reader = serial_text.Trigger(serial_text.Options(port=port))
    until(lambda: _opens(reader))
    chip.say(b"UA-00017\r\n")
    texts = [press.text for press in presses(reader, 20)]
    chip.unplug()
    return [seen, texts, lost(reader)]


def _port() -> str:
    """Return the port by its identity, as /dev/serial/by-id would: by the adapter's serial number."""
    for entry in Path("/sys/class/tty").glob("ttyUSB*"):
        usb = entry.resolve().parents[3]
        if any((folder / "serial").exists() and (folder / "serial").read_text().strip() == SERIAL
               for folder in (usb, *usb.parents)):  # fmt: skip
            return f"/dev/{entry.name}"
    return ""


def _opens(trigger: Any) -> bool:
    try:
        trigger.open()
    except DriverError:
        return False
    return True


def _refusal(trigger: Any) -> str:
    try:
        trigger.open()
    except DriverError as e:
        return e.cause
    return ""


INPUTS = {"pedal": pedal, "wedge": wedge, "adapter": adapter}
EXPECTED_INPUTS: dict[str, Any] = {
    "pedal": [2, "busy", "absent", 1],
    "wedge": [["scan", "ua00017"]],
    "adapter": [[["cts", 1], ["dcd", 1], ["dsr", 1], ["ri", 1]], ["UA-00017"], "absent"],
}
