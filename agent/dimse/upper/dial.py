"""From a peer's name to an open TCP connection: all its addresses, one deadline (phases NAME and TCP)."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Mapping, Sequence
from time import monotonic

from agent.outcome import Phase

from .failure import PeerFailure

_ERRORS: Mapping[int, str] = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.ETIMEDOUT: "connect timeout",
}
Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def connect(host: str, port: int, timeout_s: float, user_timeout_s: float) -> socket.socket:
    """Return a non-blocking connected socket with TCP_NODELAY; raises `PeerFailure` (NAME or TCP).

    Every address of the name is tried in the resolver's order; each gets an equal share of what is left of
    `timeout_s`. Unacknowledged data ends the connection after `user_timeout_s` (TCP_USER_TIMEOUT).
    """
    until = monotonic() + timeout_s
    addresses = _resolve(host, port, timeout_s)
    last = PeerFailure(Phase.TCP, "connect")
    for number, address in enumerate(addresses):
        share = (until - monotonic()) / (len(addresses) - number)
        try:
            return _connect_one(address, share, user_timeout_s)
        except PeerFailure as e:
            last = e
    raise last


def _resolve(host: str, port: int, timeout_s: float) -> Sequence[Address]:
    """Resolve in a thread, because the C library's resolver has no deadline of its own."""
    try:
        return _lookup(host, port, socket.AI_NUMERICHOST)
    except PeerFailure:
        pass
    answers: list[Sequence[Address] | PeerFailure] = []

    def look() -> None:
        try:
            answers.append(_lookup(host, port, 0))
        except PeerFailure as e:
            answers.append(e)

    thread = threading.Thread(target=look, name="resolver", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if not answers:
        raise PeerFailure(Phase.NAME, "name timeout")
    answer = answers[0]
    if isinstance(answer, PeerFailure):
        raise answer
    return answer


def _lookup(host: str, port: int, flags: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror as e:
        code = "name timeout" if e.errno == socket.EAI_AGAIN else "name unknown"
        raise PeerFailure(Phase.NAME, code, e.strerror or "") from e
    except (UnicodeError, OSError) as e:
        raise PeerFailure(Phase.NAME, "name unknown", type(e).__name__) from e
    return [(family, address) for family, _type, _proto, _name, address in found]


def _connect_one(address: Address, timeout_s: float, user_timeout_s: float) -> socket.socket:
    try:
        sock = socket.socket(address[0], socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as e:
        raise _tcp_failure(e.errno or 0) from e
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(user_timeout_s * 1000)))
        _establish(sock, address, timeout_s)
    except OSError as e:
        sock.close()
        raise _tcp_failure(e.errno or 0) from e
    except PeerFailure:
        sock.close()
        raise
    return sock


def _establish(sock: socket.socket, address: Address, timeout_s: float) -> None:
    number = sock.connect_ex(address[1])
    if number == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(max(0.0, timeout_s) * 1000):
            raise PeerFailure(Phase.TCP, "connect timeout")
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise _tcp_failure(number)


def _tcp_failure(number: int) -> PeerFailure:
    return PeerFailure(Phase.TCP, _ERRORS.get(number, "connect"), os.strerror(number))
