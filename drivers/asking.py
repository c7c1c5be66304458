"""What a host is asked, and how it refuses. Standard library only: the child of a pedal stays small."""

from __future__ import annotations

from typing import Any

from drivers.contract import DriverInfo
from drivers.options import OptionRefused, build
from drivers.table import UnknownDriver, find, load_class, load_options

BEAT_S = 1.0


class Refused(Exception):
    """A request cannot be done; `code` as in the table of errors."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def built(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return `kind` made of plain values; raises `Refused`."""
    try:
        return build(kind, values)
    except OptionRefused as e:
        raise Refused("V-01", str(e)) from e


def made(name: str, options: dict[str, Any]) -> tuple[DriverInfo, Any]:
    """Return the row of the driver called `name` and a new driver, not open; raises `Refused`."""
    try:
        row, driver, declared = find(name), load_class(name), load_options(name)
    except UnknownDriver as e:
        raise Refused("V-07", "There is no driver of that name.") from e
    except (ImportError, AttributeError) as e:
        raise Refused("V-07", "The driver cannot be loaded.") from e
    return row, driver(built(declared, options))


def request_id(message: dict[str, Any]) -> int:
    """Return the id of a request, 0 where it has none."""
    value = message.get("id")
    return value if isinstance(value, int) else 0
