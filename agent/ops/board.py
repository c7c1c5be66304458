"""How the board is fed and how hot it is, as the kernel says in sysfs: read only, without privilege.

A Raspberry Pi tells by its firmware (`get_throttled`, bits of the VideoCore mailbox: 0 voltage too low now, 1 frequency
capped, 2 throttled, 3 soft temperature limit; 16 to 19 the same since boot) or by the driver `rpi_volt`, whose alarm is
the voltage alone. Temperatures are those of /sys/class/thermal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_SYS = Path("/sys")
_THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
_LOW, _CAPPED, _THROTTLING, _SINCE = 1 << 0, 1 << 1, 1 << 2, 16
_DEAD_C, _IMPOSSIBLE_C = -55.0, 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What is known at one moment; None: the board does not say."""

    undervoltage: bool | None = None
    undervoltage_since_boot: bool | None = None
    throttled: bool | None = None
    temperatures: dict[str, float] = field(default_factory=dict)
    """Zone → degrees Celsius."""

    @property
    def hottest(self) -> float | None:
        """Return the highest temperature; None: none is known."""
        return max(self.temperatures.values(), default=None)


def board(sys: Path = _SYS) -> Board:
    """Return what the sysfs tree at `sys` says now."""
    bits, alarm = _number(sys / _THROTTLED, 16), _voltage_alarm(sys)
    told = [value for value in (None if bits is None else bool(bits & _LOW), alarm) if value is not None]
    return Board(
        undervoltage=any(told) if told else None,
        undervoltage_since_boot=None if bits is None else bool(bits & (_LOW | _LOW << _SINCE)),
        throttled=None if bits is None else bool(bits & (_CAPPED | _THROTTLING)),
        temperatures=_temperatures(sys),
    )


def _voltage_alarm(sys: Path) -> bool | None:
    for chip in sorted(sys.glob("class/hwmon/hwmon*")):
        if _text(chip / "name") == "rpi_volt":
            value = _number(chip / "in0_lcrit_alarm", 10)
            return None if value is None else bool(value)
    return None


def _temperatures(sys: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for zone in sorted(sys.glob("class/thermal/thermal_zone*")):
        value = _number(zone / "temp", 10)
        if value is not None and _DEAD_C < value / 1000 < _IMPOSSIBLE_C:
            found[zone.name] = value / 1000
    return found


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
