"""Listening sockets where the configuration wants them: from the port keeper where the unit names one, else bound here.

Under systemd the core has no network and no privilege; `agent.ops.port_keeper` binds for it and hands the socket over.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping

from agent.operations_errors import PortRefused
from agent.ops.port_keeper import LONGEST_PACKET, bound

PORTS = "MODALITY_AGENT_PORTS"
"""Path of the keeper's socket, from the unit."""
PAGE, REDIRECT, LISTENER = "page", "redirect", "listener"
LOWEST_FREE = 1024
"""Ports below need a privilege (ip_unprivileged_port_start)."""
_ASK_S = 20.0


def listening(name: str, address: str, port: int, environment: Mapping[str, str] | None = None) -> socket.socket:
    """Return a bound socket that no child inherits; raises `PortRefused`."""
    keeper = (os.environ if environment is None else environment).get(PORTS, "")
    try:
        asked: dict[str, str | int] = {"name": name, "address": address, "port": port}
        return _asked(keeper, asked) if keeper else bound(address, port)
    except OSError as e:
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        why = os.strerror(e.errno) if e.errno else "no answer"
        raise PortRefused(f"The box cannot listen on {where} ({why}).", errno=e.errno) from e


def kept(name: str, environment: Mapping[str, str] | None = None) -> socket.socket | None:
    """Return the socket that the keeper holds under `name` already; None: it holds none, or there is no keeper."""
    keeper = (os.environ if environment is None else environment).get(PORTS, "")
    try:
        return _asked(keeper, {"name": name}) if keeper else None
    except OSError:
        return None


def for_child(name: str, address: str, port: int) -> socket.socket | None:
    """Return a socket for a child that could not bind `port` itself; None: it can, or nobody is there to ask.

    Raises `PortRefused`.
    """
    return listening(name, address, port) if port < LOWEST_FREE and os.environ.get(PORTS) else None


def _asked(keeper: str, asked: Mapping[str, str | int]) -> socket.socket:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(_ASK_S)
        line.connect(keeper)
        line.send(json.dumps(asked).encode())
        data, fds, _flags, _address = socket.recv_fds(line, LONGEST_PACKET, 1)
    if not fds:
        raise OSError(int(json.loads(data).get("errno", 0)) if data else 0, "refused")
    os.set_inheritable(fds[0], False)
    return socket.socket(fileno=fds[0])
