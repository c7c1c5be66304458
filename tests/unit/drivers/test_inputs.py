"""Pedals, readers, lines and pins: recorded events, pseudo-terminals, noise; one press is one act."""

from __future__ import annotations

import os
import pty
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.clock import Jump
from drivers.contract import DriverError, Press
from drivers.triggers import evdev
from drivers.triggers.barcode import Framing, element, text_of
from drivers.triggers.keys import NAMES, Typed, code

# --- barcodes -----------------------------------------------------------------------------------------------

CODES = [
    ("UA-00017", Framing(), "UA-00017"),
    ("\x02UA-00017\r\n".strip("\x02"), Framing(), "UA-00017"),
    ("]C1P-77", Framing(), "P-77"),
    ("*P-77#", Framing(prefix="*", suffix="#"), "P-77"),
    ("P-77", Framing(prefix="*"), ""),
    ("12345678", Framing(pattern=r"[0-9]{8}"), "12345678"),
    ("1234567", Framing(pattern=r"[0-9]{8}"), ""),
    ("Їжак-1", Framing(), "Їжак-1"),
    ("]C18018123456789012345678", Framing(gs1="8018"), "123456789012345678"),
    ("01095060001343521728093010ABC\x1d21X9", Framing(gs1="21"), "X9"),
    ("01095060001343521728093010ABC\x1d21X9", Framing(gs1="10"), "ABC"),
    ("801812345", Framing(gs1="8018"), ""),
    ("0109506000134352", Framing(gs1="8018"), ""),
    ("x" * 300, Framing(), ""),
    ("a\x00b", Framing(), ""),
]


@pytest.mark.parametrize(("raw", "framing", "text"), CODES)
def test_a_code_is_what_its_framing_says(raw: str, framing: Framing, text: str) -> None:
    assert text_of(raw, framing) == text


@given(st.text(max_size=300), st.sampled_from(["", "8018", "21", "10"]))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_code_or_nothing(raw: str, gs1: str) -> None:
    found = text_of(raw, Framing(gs1=gs1))
    assert len(found) <= 256
    assert found.isprintable()
    element(raw, gs1 or "8018")


# --- input events -------------------------------------------------------------------------------------------

NODE = "/dev/input/event7"


def event(number: int, value: int, at_ms: int, kind: int = 1) -> bytes:
    """One `struct input_event` as the kernel writes it, with the scan code and the report around it."""
    at = divmod(1_000_000 + at_ms * 1000, 1_000_000)
    scan = evdev.EVENT.pack(*at, 4, 4, 0x70005) if kind == 1 else b""
    return scan + evdev.EVENT.pack(*at, kind, number, value) + evdev.EVENT.pack(*at, 0, 0, 0)


class Recorded:
    """A kernel that delivers recorded events in pieces, then is silent or gone."""

    def __init__(self, stream: bytes, *, piece: int = 24, error: int = 0) -> None:
        self._stream, self._piece, self._error = stream, piece, error
        self.grabbed = False
        self.text_of = {"/sys/class/input/event7/device/name": "VEC USB Footpedal"}

    def open(self, path: str) -> int:
        if path != NODE:
            raise FileNotFoundError(2, path)
        return 5

    def close(self, fd: int) -> None: ...

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        self.grabbed = self.grabbed or request == evdev.GRAB

    def read(self, fd: int, size: int) -> bytes:
        taken, self._stream = self._stream[: self._piece], self._stream[self._piece :]
        if not taken and self._error:
            raise OSError(self._error, "gone")
        return taken

    def wait(self, fd: int, timeout_s: float) -> int:
        return int(bool(self._stream or self._error))

    def map(self, fd: int, length: int, offset: int) -> Any:
        raise OSError

    def paths(self, pattern: str) -> list[str]:
        return ["/sys/class/input/event2", "/sys/class/input/event7"]

    def text(self, path: str) -> str:
        if path.startswith("/sys/devices/usb1/1-4/"):
            return {"idVendor": "05f3", "idProduct": "00ff", "serial": ""}.get(path.rpartition("/")[2], "")
        return self.text_of.get(path, "")

    def real(self, path: str) -> str:
        return "/sys/devices/usb1/1-4/input7" if "event7" in path else path


def presses(stream: bytes, **options: Any) -> list[Press]:
    kernel = Recorded(stream, piece=options.pop("piece", 24))
    pedal = evdev.Trigger(evdev.Options(device=NODE, **options), kernel=kernel, clock=Jump(3_000_000_000))
    pedal.open()
    assert kernel.grabbed
    found = []
    for _ in range(len(stream) + 4):
        press = pedal.read(0.0)
        if press is not None:
            found.append(press)
    return found


def taps(number: int, *at_ms: int, held_ms: int = 40) -> bytes:
    return b"".join(event(number, 1, at) + event(number, 2, at + 20) + event(number, 0, at + held_ms) for at in at_ms)


@pytest.mark.parametrize("piece", [1, 7, 24, 100, 4096])
def test_each_tap_is_one_press_however_the_events_arrive(piece: int) -> None:
    found = presses(taps(48, 100, 600, 1200), keys=("KEY_B",), piece=piece)
    assert [press.action for press in found] == ["capture"] * 3
    assert len({press.press_id for press in found}) == 3
    assert [press.pressed_ns for press in found] == [1_100_000_000, 1_600_000_000, 2_200_000_000]


def test_a_bouncing_pedal_is_one_press_and_another_key_is_none() -> None:
    bouncing = taps(48, 100, 112, 125, 131, held_ms=5) + taps(30, 700)
    assert len(presses(bouncing, keys=("KEY_B",))) == 1


def test_a_reader_types_its_text_and_enter_never_captures() -> None:
    typed = b"".join(_typed(letter, 10 * n) for n, letter in enumerate("UA-00017"))
    found = presses(typed + taps(28, 200, held_ms=5), action="scan")
    assert [(press.action, press.text) for press in found] == [("scan", "UA-00017")]
    assert presses(taps(28, 100, 300), action="scan") == []


def _typed(letter: str, at_ms: int) -> bytes:
    shift = event(42, 1, at_ms) if letter.isupper() else b""
    after = event(42, 0, at_ms) if letter.isupper() else b""
    number = NAMES.get(f"KEY_{letter.upper()}", 12)
    return shift + event(number, 1, at_ms) + event(number, 0, at_ms) + after


@pytest.mark.parametrize("device", ["name:footpedal", "usb:05F3:00FF"])
def test_a_pedal_is_found_by_what_it_is(device: str) -> None:
    pedal = evdev.Trigger(evdev.Options(device=device), kernel=Recorded(taps(48, 100)), clock=Jump())
    pedal.open()
    with pytest.raises(DriverError):
        evdev.Trigger(evdev.Options(device="usb:1234:5678"), kernel=Recorded(b""), clock=Jump()).open()


def test_a_held_key_is_told_as_stuck_and_an_unplugged_pedal_as_absent() -> None:
    clock = Jump(3_000_000_000)
    pedal = evdev.Trigger(evdev.Options(device=NODE), kernel=Recorded(event(48, 1, 0), error=19), clock=clock)
    pedal.open()
    for _ in range(4):
        pedal.read(0.0)
        if pedal.stuck:
            break
        clock.wait(6)
    assert pedal.stuck
    with pytest.raises(DriverError) as gone:
        exhaust(pedal)
    assert gone.value.cause == "absent"


def exhaust(pedal: evdev.Trigger) -> None:
    for _ in range(8):
        pedal.read(0.0)


def test_a_hundred_thousand_random_bytes_are_few_or_no_presses() -> None:
    noise = np.random.default_rng(7).bytes(100_000)
    assert len(presses(noise, piece=4096)) < 100
    assert len(presses(noise, piece=4096, action="scan")) < 100


@pytest.mark.parametrize(
    "wrong", [{"keys": ("KEY_NONE",)}, {"action": "shout"}, {"device": "pedal"}, {"debounce_ms": -1}]
)
def test_impossible_options_of_a_pedal_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"key|action|device|debounce"):
        evdev.Options(**wrong)


def test_keys_have_the_kernel_s_numbers() -> None:
    """Held against the kernel's own header where it is installed."""
    header = Path("/usr/include/linux/input-event-codes.h")
    assert header.exists(), "linux-libc-dev is missing"
    lines = (line.split() for line in header.read_text().splitlines())
    told = {words[1]: words[2] for words in lines if len(words) > 2 and words[1].startswith(("KEY_", "BTN_"))}
    for name, number in NAMES.items():
        assert int(told[name], 0) == number, name
    assert code("48") == 48
    typed = Typed()
    assert typed.see(16, down=True) is None
    assert typed.text == "q"


# --- serial text --------------------------------------------------------------------------------------------


@pytest.fixture
def line():
    ours, theirs = pty.openpty()
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


