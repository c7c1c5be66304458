"""The audit child: one connection to the repository, kept open between batches.

    send   {"host", "port", "tls", "timeout_s", "box", "site", "rows": [{"text", "sha256"}]} -> {"number"}

Syslog has no answer. What counts as delivered is what the peer's own machine has acknowledged: after each batch the
child waits until nothing it wrote is left in the kernel's queue (SIOCOUTQ), and that the peer has not closed meanwhile.
A program that dies with the batch in its buffer loses it; the rows stay on the box for their time.
"""

from __future__ import annotations

import fcntl
import json
import select
import socket
import ssl
import struct
import termios
from contextlib import suppress
from time import monotonic
from typing import Any

from agent.dimse import tls
from agent.dimse.upper.dial import connect
from agent.dimse.upper.failure import PeerFailure
from agent.errors import BadRequest
from agent.node import TlsMaterial
from agent.syslog.audit_message import xml
from agent.syslog.frame import message
from drivers.serve import Reply, serve
from drivers.wire import enter

DATA_LIMIT_MB = 256
_LOOK_S = 0.05
_IDLE_S = 60.0


class Line:
    """The connection to the repository; opened when something is to be sent, closed after a minute without."""

    def __init__(self) -> None:
        self._sock: ssl.SSLSocket | None = None
        self._used = 0.0

    def send(self, request: dict[str, Any], _fds: list[int], _reply: Reply) -> tuple[dict[str, Any], list[int]]:
        """Send a batch; returns the number of its last row once the peer's machine has all of it."""
        try:
            sock = self._sock or self._dial(request)
            self._assert_open(sock)
            host = socket.gethostname()
            for row in request["rows"]:
                sock.sendall(_framed(row, request, host))
            self._until_taken(sock, monotonic() + float(request["timeout_s"]))
        except PeerFailure as e:
            self.close()
            raise BadRequest(f"The audit repository cannot be used ({e.code}).") from e
        except OSError as e:
            self.close()
            raise BadRequest(f"The audit repository cannot be reached ({type(e).__name__}).") from e
        self._used = monotonic()
        return {"number": json.loads(request["rows"][-1]["text"])["number"]}, []

    def _dial(self, request: dict[str, Any]) -> ssl.SSLSocket:
        material, timeout_s = TlsMaterial(**request["tls"]), float(request["timeout_s"])
        context = tls.client_context(material)
        raw = connect(request["host"], int(request["port"]), timeout_s, timeout_s)
        try:
            raw.settimeout(timeout_s)
            sock = context.wrap_socket(raw, server_hostname=tls.server_name(material, request["host"]))
            tls.check_peer(material, sock)
        except BaseException:
            raw.close()
            raise
        self._sock = sock
        # A server that wants another certificate says so only at the first read under TLS 1.3.
        return sock

    def _assert_open(self, sock: ssl.SSLSocket) -> None:
        """Raise `OSError` when the peer has closed, or sent the alert that our certificate is not wanted."""
        readable, _, _ = select.select([sock], [], [], 0)
        if readable:
            sock.settimeout(0.0)
            try:
                with suppress(ssl.SSLWantReadError):  # a session ticket of TLS 1.3 is no end
                    if sock.recv(1) == b"":
                        raise ConnectionResetError
            finally:
                sock.settimeout(20.0)

    def _until_taken(self, sock: ssl.SSLSocket, until: float) -> None:
        while _unacknowledged(sock):
            if monotonic() > until:
                raise TimeoutError
            select.select([], [], [], _LOOK_S)
        select.select([sock], [], [], _LOOK_S)  # gives a refusal of our certificate the time to arrive
        self._assert_open(sock)

    def idle(self) -> None:
        """Close a line that nobody used for a minute."""
        if self._sock is not None and monotonic() - self._used > _IDLE_S:
            self.close()

    def close(self) -> None:
        """Forget the line."""
        if self._sock is not None:
            with suppress(OSError):
                self._sock.close()
            self._sock = None


def _framed(row: dict[str, Any], request: dict[str, Any], host: str) -> bytes:
    told = json.loads(row["text"])
    text = xml(told, row["sha256"], box=request["box"], site=request["site"], host=host)
    return message(text, at=told["at"], host=host, number=told["number"], failed=told["result"] != "0")


def _unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes the peer's machine has not acknowledged yet (SIOCOUTQ)."""
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


def main() -> None:
    """Run until the core is gone."""
    line = Line()
    serve(enter(data_limit_mb=DATA_LIMIT_MB), {"send": line.send}, idle=line.idle)


if __name__ == "__main__":
    main()
