"""A device that sends text on a serial line: a barcode reader, or a button that says a word.

Lines end with CR, LF or both, or by silence; a line that does not match its pattern is no act. A port that is
unplugged is opened again by its name; use /dev/serial/by-id/…, which is its identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Press
from drivers.options import option
from drivers.triggers.barcode import LONGEST, Framing, text_of
from drivers.triggers.press_options import check
from drivers.triggers.serial_line import cause

PARITIES = ("none", "even", "odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which port, and what its text means."""

    port: str = option("/dev/ttyACM0", sentence="Port, best /dev/serial/by-id/…; rfc2217:// and socket:// too.")
    baud: int = option(9600, unit="1/s", sentence="Speed of the line.")
    parity: str = option("none", sentence="none, even or odd.")
    action: str = option("scan", sentence="What a line does: scan (a barcode), capture or clip.")
    pattern: str = option("", sentence="Regular expression that the whole text has to match; empty: any.")
    prefix: str = option("", sentence="What the device puts before the text.")
    suffix: str = option("", sentence="What the device puts behind the text.")
    gs1: str = option("", sentence="GS1 Application Identifier whose value is meant, as 8018; empty: not GS1.")
    silence_ms: int = option(200, unit="ms", sentence="A text without a line end is complete after so long.")
    debounce_ms: int = option(500, unit="ms", sentence="The same text within this time is one act.")

    def __post_init__(self) -> None:
        check(self.action, self.debounce_ms, 1.0)
        if self.parity not in PARITIES or not 300 <= self.baud <= 4_000_000:
            raise ValueError("parity must be none, even or odd, baud 300 to 4000000")
        if not 10 <= self.silence_ms <= 5000:
            raise ValueError("silence_ms must be 10 to 5000")
        try:
            re.compile(self.pattern)
        except re.error as e:
            raise ValueError(f"pattern is no regular expression: {e}") from e


class Trigger:
    """One serial device."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        o = self._options
        self._framing = Framing(prefix=o.prefix, suffix=o.suffix, pattern=o.pattern, gs1=o.gs1)
        self._port: Any = None
        self._text = bytearray()
        self._heard_ns = self._opened_ns = 0
        self._last: tuple[str, int] = ("", 0)
        self._presses = 0

    def open(self) -> None:
        """Take the port; raises `DriverError`: absent, busy, permission, broken."""
        import serial

        self.close()
        o = self._options
        exclusive = {} if "://" in o.port else {"exclusive": True}
        try:
            self._port = serial.serial_for_url(
                o.port, baudrate=o.baud, parity=o.parity[0].upper(), timeout=0.05, **exclusive
            )
        except (serial.SerialException, OSError, ValueError) as e:
            raise DriverError(cause(e)) from e
        self._text.clear()
        self._opened_ns = self._clock.now_ns()

    def read(self, timeout_s: float) -> Press | None:
        """Return the next act, or None after `timeout_s`; raises `DriverError` when the port is gone."""
        until_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while True:
            line = self._line()
            press = self._press(line) if line else None
            if press is not None:
                return press
            if self._clock.now_ns() >= until_ns:
                return None

    def _line(self) -> str:
        """Return the next whole line that has arrived; empty: none yet."""
        import serial

        if self._port is None:
            raise DriverError("absent", "not open")
        try:
            arrived = self._port.read(max(1, min(LONGEST, self._port.in_waiting)))
        except (serial.SerialException, OSError, TypeError, ValueError) as e:
            self.close()
            raise DriverError(cause(e)) from e
        now_ns = self._clock.now_ns()
        if arrived:
            self._text += arrived
            self._heard_ns = now_ns
        elif self._text and now_ns - self._heard_ns > self._options.silence_ms * 1_000_000:
            self._text += b"\r"
        end = re.search(rb"[\r\n\0\x03]", self._text)
        if end is None:
            if len(self._text) > LONGEST:  # noise without an end
                self._text.clear()
            return ""
        line = bytes(self._text[: end.start()])
        del self._text[: end.end()]
        return line.lstrip(b"\x02").decode("utf-8", "replace")

    def _press(self, line: str) -> Press | None:
        text, now_ns = text_of(line, self._framing), self._clock.now_ns()
        again = text == self._last[0] and now_ns - self._last[1] < self._options.debounce_ms * 1_000_000
        if not text:
            return None
        self._last = (text, now_ns)
        if again:
            return None
        self._presses += 1
        told = text if self._options.action == "scan" else ""
        name = f"{self._opened_ns:x}-{self._presses}"
        return Press(press_id=name, action=self._options.action, pressed_ns=now_ns, text=told)

    def close(self) -> None:
        """Give the port back; may be called twice, never raises."""
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except (OSError, TypeError, ValueError):
                return  # unplugged: there is nothing left to close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
