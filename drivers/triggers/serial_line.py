"""A pedal on a control line of a serial port: CTS, DSR, RI or DCD, wired to a switch.

Acts on the press, at once; a switch that bounces or is held makes one `Press`, and the next one counts only
after the line has rested. A line that stays active is told as stuck, and a pedal that was down when the port
was opened is no press. pyserial still says "open" after an unplug and then fails with one of several
exceptions, so each of them closes the port, and it is opened again by its name; use /dev/serial/by-id/…,
which is its identity. Also speaks `rfc2217://host:port` (a serial device server) and `loop://` (for tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Press
from drivers.options import option
from drivers.triggers.debounce import Debounce

LINES = {"cts": "cts", "dsr": "dsr", "ri": "ri", "dcd": "cd"}
"""Our word and pyserial's."""
ACTIONS = ("capture", "clip")
REOPEN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the pedal may be told."""

    port: str = option("/dev/ttyS0", sentence="Port, best /dev/serial/by-id/…; rfc2217:// and loop:// too.")
    line: str = option("cts", sentence="Control line of the switch: cts, dsr, ri or dcd.")
    active: bool = option(True, sentence="Whether the line is on while the pedal is pressed.")
    action: str = option("capture", sentence="What a press does: capture or clip.")
    debounce_ms: int = option(150, unit="ms", sentence="How long the line must rest before the next press.")
    stuck_s: float = option(5.0, unit="s", sentence="A line active for longer is told as stuck.")
    poll_ms: int = option(20, unit="ms", sentence="How often the line is looked at.")

    def __post_init__(self) -> None:
        if self.line not in LINES:
            raise ValueError(f"line must be one of {', '.join(LINES)}")
        if self.action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        if not 0 <= self.debounce_ms <= 5000 or not 1 <= self.poll_ms <= 1000 or self.stuck_s <= 0:
            raise ValueError("debounce_ms must be 0 to 5000, poll_ms 1 to 1000, stuck_s above 0")


class Trigger:
    """The pedal. After an unplug `read` raises, and `open` may be called again and again."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        self._port: Any = None
        self._presses = 0
        self._opened_ns = 0
        self._debounce = self._new_debounce()

    def _new_debounce(self) -> Debounce:
        return Debounce(rest_ms=self._options.debounce_ms, stuck_ms=round(self._options.stuck_s * 1000))

    @property
    def stuck(self) -> bool:
        """Whether the line has been active for longer than `stuck_s`."""
        return self._debounce.stuck

    def open(self) -> None:
        """Take the port; raises `DriverError`: absent, busy, permission, broken."""
        import serial

        self.close()
        try:
            self._port = serial.serial_for_url(self._options.port, timeout=0, **self._exclusive())
        except (serial.SerialException, OSError, ValueError) as e:
            raise DriverError(cause(e)) from e
        self._debounce = self._new_debounce()
        self._opened_ns = self._clock.now_ns()

    def _exclusive(self) -> dict[str, bool]:
        return {} if "://" in self._options.port else {"exclusive": True}

    def read(self, timeout_s: float) -> Press | None:
        """Return the next press, or None after `timeout_s`; raises `DriverError` when the port is gone."""
        until_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while True:
            now_ns = self._clock.now_ns()
            if self._debounce.see(now_ns // 1_000_000, active=self._active()):
                return self._press(now_ns)
            if now_ns >= until_ns:
                return None
            self._clock.wait(min(self._options.poll_ms / 1000, (until_ns - now_ns) / 1e9))

    def _press(self, now_ns: int) -> Press:
        self._presses += 1
        press_id = f"{self._opened_ns:x}-{self._presses}"
        return Press(press_id=press_id, action=self._options.action, pressed_ns=now_ns)

    def _active(self) -> bool:
        import serial

        if self._port is None:
            raise DriverError("absent", "not open")
        try:
            self._port.read(
                64
            )  # of no use but to learn that the port is gone: the lines keep their last state
            return bool(getattr(self._port, LINES[self._options.line])) is self._options.active
        except (serial.SerialException, OSError, TypeError, ValueError) as e:
            self.close()
            raise DriverError(cause(e)) from e

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


def cause(error: Exception) -> str:
    """Return which of the contract's causes an error of pyserial is."""
    number = getattr(error, "errno", None)
    causes = {
        2: "absent",
        6: "absent",
        19: "absent",
        5: "absent",
        13: "permission",
        1: "permission",
        16: "busy",
    }
    if number is None and "lock" in str(error).lower():
        return "busy"
    if number is None and "returned no data" in str(error):
        return "absent"  # how pyserial says that an adapter was pulled out; seen on the kernel's ftdi_sio
    return causes.get(number or 0, "busy" if number == 11 else "broken")
