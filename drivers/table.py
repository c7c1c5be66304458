"""The table that finds the drivers; third-party drivers come in by the entry point group
`modality_agent.drivers`, whose entries are named like the driver and point at its module. A row costs no
import: only `load_options` and `load_class` import a driver's module, and no driver's module imports numpy or
its hardware library before `open()`, so that the small core may check a configuration.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from drivers.contract import DriverInfo

GROUP = "modality_agent.drivers"

_ROWS = (
    DriverInfo(
        name="simulator", module="drivers.simulator", summary="A made-up ultrasound device with faults."
    ),
    DriverInfo(
        name="opencv",
        module="drivers.opencv",
        summary="Whatever OpenCV can open: a grabber, a file, a network camera.",
        network=("rtsp:", "rtsps:", "http:", "https:", "tcp:", "udp:", "rtp:"),
        needs=("opencv-python-headless",),
    ),
    DriverInfo(
        name="v4l2",
        module="drivers.v4l2",
        summary="A grabber, camera or capture card, straight from the kernel.",
    ),
    DriverInfo(
        name="scanner",
        module="drivers.scanner",
        summary="A flatbed, feeder or film scanner through SANE, also over the network.",
        delivers="pages",
        needs=("sane-utils",),
        network=("net:", "airscan:", "escl:"),
    ),
    DriverInfo(
        name="folder",
        module="drivers.folder",
        summary="A watched folder whose pictures, PDFs and videos go to the unassigned tray.",
        delivers="items",
        needs=("ffmpeg",),
    ),
    DriverInfo(
        name="rfb", module="drivers.rfb", summary="The screen of a workstation over VNC, view only.", network=("",)
    ),
    DriverInfo(name="disabled", module="drivers.disabled", summary="A source that is switched off."),
    DriverInfo(
        name="serial_line",
        module="drivers.triggers.serial_line",
        summary="A pedal on a control line of a serial port.",
        network=("rfc2217:", "socket:"),
        kind="trigger",
        needs=("pyserial",),
    ),
    DriverInfo(
        name="serial_text",
        module="drivers.triggers.serial_text",
        summary="A barcode reader or a talking button on a serial port.",
        network=("rfc2217:", "socket:"),
        kind="trigger",
        needs=("pyserial",),
    ),
    DriverInfo(
        name="evdev",
        module="drivers.triggers.evdev",
        summary="A pedal, button or barcode reader that is a keyboard to the kernel.",
        kind="trigger",
    ),
    DriverInfo(
        name="gpio",
        module="drivers.triggers.gpio",
        summary="A button on a pin of the board.",
        kind="trigger",
        needs=("gpiod",),
    ),
)

DRIVERS: Mapping[str, DriverInfo] = MappingProxyType({row.name: row for row in _ROWS})


class UnknownDriver(LookupError):
    """There is no driver of that name."""


def find(name: str) -> DriverInfo:
    """Return the row of the driver called `name`, ours before third parties'; raises `UnknownDriver`."""
    if name in DRIVERS:
        return DRIVERS[name]
    for entry in entry_points(group=GROUP, name=name):
        kind = "trigger" if "trigger" in entry.extras else "source"
        return DriverInfo(name=name, module=entry.module, summary="A third party's driver.", kind=kind)
    raise UnknownDriver(name)


def over_network(name: str, options: Mapping[str, Any]) -> bool:
    """Return whether the driver called `name` reaches its device over the network; raises `UnknownDriver`."""
    told = str(options.get("device") or options.get("port") or "")
    return told.startswith(find(name).network)


def load_options(name: str) -> type[Any]:
    """Return the frozen dataclass that declares the driver's settings.

    Each field has a default and the metadata `unit` and `sentence`. Raises `UnknownDriver`, or `ImportError`
    where a third party's module is broken.
    """
    options: type[Any] = importlib.import_module(find(name).module).Options
    return options


def load_class(name: str) -> type[Any]:
    """Return the driver's class, `Source` or `Trigger`; raises like `load_options`."""
    info = find(name)
    loaded: type[Any] = getattr(importlib.import_module(info.module), info.kind.capitalize())
    return loaded
