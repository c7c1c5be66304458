"""Who is at the other end of a unix socket, as the kernel knows it: only the core is heard by what serves it."""

from __future__ import annotations

import pwd
import socket
import struct
from collections.abc import Callable
from os import getuid

CORE_USER = "MODALITY_AGENT_CORE_USER"
_OVERFLOW_UID = 65534


def peer_uid(sock: socket.socket) -> int:
    """Return the user at the other end."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def core_only(user: str, uid_map: str) -> Callable[[int], bool]:
    """Return who may ask: the core's user.

    In a unit with PrivateUsers= every foreign user looks like the overflow one; there the socket's owner and mode
    (0600, the core's) keep the others out, and only what belongs to this place itself is still told apart.
    """
    core = pwd.getpwnam(user).pw_uid if user else getuid()
    whole = any(int(line.split()[2]) > core for line in uid_map.splitlines() if line.split()[0] == "0")
    return lambda uid: uid == (core if whole else _OVERFLOW_UID)
