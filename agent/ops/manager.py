"""What the service manager is told: ready, status, still making progress (sd_notify, one datagram each).

systemd-python serves where it is installed; without it the same datagram is sent by hand. The project's folder
`systemd/` makes the bare import succeed as an empty namespace, so the guard asks for the submodule.
"""

from __future__ import annotations

import os
import socket

try:
    from systemd.daemon import notify as _library_notify
except ImportError:
    _library_notify = None


def is_there() -> bool:
    """Return whether a service manager listens: one that starts this process again when it ends."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def tell(state: str) -> bool:
    """Send one state string (`READY=1`, `WATCHDOG=1`, `STATUS=…`); False when no manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if _library_notify is not None:
        return bool(_library_notify(state))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.send(state.encode())
    return True


def watchdog_interval_s() -> float | None:
    """Return half the manager's watchdog time in seconds; None when it does not watch this process."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(usec) / 2e6 if usec.isdigit() and pid == str(os.getpid()) else None
