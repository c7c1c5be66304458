"""A button or pedal on a pin of the board (GPIO character device, through libgpiod)."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Press
from drivers.options import option
from drivers.triggers.debounce import Debounce
from drivers.triggers.press_options import check
from drivers.v4l2.node import cause

BIASES = ("", "pull-up", "pull-down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which pin, and what it means."""

    chip: str = option("/dev/gpiochip0", sentence="The GPIO chip.")
    line: int = option(17, sentence="Number of the line on that chip (BCM number on a Raspberry Pi).")
    active_low: bool = option(True, sentence="The switch pulls the line to ground.")
    bias: str = option("pull-up", sentence="pull-up, pull-down, or empty: as it is.")
    action: str = option("capture", sentence="What a press does: capture or clip.")
    debounce_ms: int = option(150, unit="ms", sentence="How long the line must rest before the next press.")
    stuck_s: float = option(5.0, unit="s", sentence="A line active for longer is told as stuck.")

    def __post_init__(self) -> None:
        check(self.action, self.debounce_ms, self.stuck_s)
        if self.bias not in BIASES or not 0 <= self.line < 1024 or self.action == "scan":
            raise ValueError("bias must be pull-up or pull-down, line 0 to 1023, action capture or clip")


class Trigger:
    """One line. `gpiod` is the library's module; a test hands in its own."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None, gpiod: Any = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        self._gpiod = gpiod
        self._request: Any = None
        self._opened_ns = self._presses = 0
        self._debounce = self._new_debounce()

    def _new_debounce(self) -> Debounce:
        return Debounce(rest_ms=self._options.debounce_ms, stuck_ms=round(self._options.stuck_s * 1000))

    @property
    def stuck(self) -> bool:
        """Whether the line has been active for longer than `stuck_s`."""
        return self._debounce.stuck

    def open(self) -> None:
        """Take the line; raises `DriverError`: absent, busy, permission, broken."""
        self.close()
        library = self._gpiod or _library()
        bias = {"": "AS_IS", "pull-up": "PULL_UP", "pull-down": "PULL_DOWN"}[self._options.bias]
        try:
            settings = library.LineSettings(
                edge_detection=library.line.Edge.BOTH,
                active_low=self._options.active_low,
                bias=getattr(library.line.Bias, bias),
            )
            self._request = library.request_lines(
                self._options.chip, consumer="modality-agent", config={self._options.line: settings}
            )
        except OSError as e:
            raise DriverError(cause(e)) from e
        except ValueError as e:
            raise DriverError("format", "there is no such line") from e
        self._debounce, self._opened_ns = self._new_debounce(), self._clock.now_ns()

    def read(self, timeout_s: float) -> Press | None:
        """Return the next press, or None after `timeout_s`; raises `DriverError` when the line is gone."""
        if self._request is None:
            raise DriverError("absent", "not open")
        try:
            if self._request.wait_edge_events(timeout_s):
                self._request.read_edge_events()
            active = bool(self._request.get_value(self._options.line).value)
        except OSError as e:
            self.close()
            raise DriverError(cause(e)) from e
        now_ns = self._clock.now_ns()
        if not self._debounce.see(now_ns // 1_000_000, active=active):
            return None
        self._presses += 1
        name = f"{self._opened_ns:x}-{self._presses}"
        return Press(press_id=name, action=self._options.action, pressed_ns=now_ns)

    def close(self) -> None:
        """Give the line back; may be called twice, never raises."""
        request, self._request = self._request, None
        if request is not None:
            try:
                request.release()
            except OSError:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _library() -> Any:
    try:
        import gpiod
    except ImportError as e:
        raise DriverError("absent", "the gpiod library is not installed") from e
    return gpiod
