"""Which node is the grabber: by path, by link, or by USB identity, found again after it moved.

One grabber has several nodes (picture, metadata); the one whose own capabilities say video capture is meant.
"""

from __future__ import annotations

import errno

from drivers.contract import DriverError
from drivers.kernel import Kernel

CLASS = "/sys/class/video4linux/video*"
_CAUSES = {
    errno.ENOENT: "absent", errno.ENODEV: "absent", errno.ENXIO: "absent", errno.EACCES: "permission",
    errno.EPERM: "permission", errno.EBUSY: "busy", errno.EINVAL: "format", errno.ENOTTY: "format",
}  # fmt: skip


def cause(error: OSError) -> str:
    """Return which of the driver contract's causes an errno is."""
    return _CAUSES.get(error.errno or 0, "broken")


def candidates(kernel: Kernel, device: str) -> list[str]:
    """Return the nodes that `device` may mean, best first; raises `DriverError("absent")` when there is none."""
    if device.startswith("bus:"):
        nodes = ["/dev/" + entry.rpartition("/")[2] for entry in _entries(kernel)]
    else:
        nodes = _usb_nodes(kernel, device) if device.startswith("usb:") else [device]
    if not nodes:
        raise DriverError("absent", "no device with this identity")
    return nodes


def _entries(kernel: Kernel) -> list[str]:
    return sorted(kernel.paths(CLASS), key=lambda path: (len(path), path))


def _usb_nodes(kernel: Kernel, device: str) -> list[str]:
    _, vendor, product, *serial = device.lower().split(":", 3)
    nodes = []
    for entry in _entries(kernel):
        usb = usb_folder(kernel, entry)
        told = [kernel.text(f"{usb}/{name}").lower() for name in ("idVendor", "idProduct", "serial")]
        if usb and told[:2] == [vendor, product] and (not serial or told[2] == serial[0]):
            nodes.append("/dev/" + entry.rpartition("/")[2])
    return nodes


def usb_folder(kernel: Kernel, entry: str) -> str:
    """Return the folder of the USB device above a sysfs entry; empty where there is none."""
    folder = kernel.real(f"{entry}/device")
    while folder.count("/") > 2:
        if kernel.text(f"{folder}/idVendor"):
            return folder
        folder = folder.rpartition("/")[0]
    return ""


def usb_address(kernel: Kernel, node: str) -> str:
    """Return the USB device file of a video node, for a reset; empty where it is no USB device."""
    usb = usb_folder(kernel, "/sys/class/video4linux/" + kernel.real(node).rpartition("/")[2])
    bus, device = kernel.text(f"{usb}/busnum"), kernel.text(f"{usb}/devnum")
    return f"/dev/bus/usb/{int(bus):03d}/{int(device):03d}" if usb and bus.isdigit() and device.isdigit() else ""
