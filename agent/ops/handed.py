"""Listening sockets that the service manager bound and handed over (sd_listen_fds(3), LISTEN_FDS).

The page's port is bound by `modality-agent-page.socket`, the plain one that points to it by
`modality-agent-redirect.socket`, so that the core needs no privilege and no network.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_FIRST = 3
PAGE, REDIRECT = "page", "redirect"


def listening(name: str, environment: Mapping[str, str] | None = None) -> socket.socket | None:
    """Return the socket handed over under `name`, or None; it is asked for once, and no child inherits it."""
    told = os.environ if environment is None else environment
    count = told.get("LISTEN_FDS", "")
    if told.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        return None
    names = told.get("LISTEN_FDNAMES", "").split(":")
    if name not in names[: int(count)]:
        return None
    fd = _FIRST + names.index(name)
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)
