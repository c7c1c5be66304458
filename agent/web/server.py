"""Serves the page over HTTPS and the command line over a private unix socket: one application, two doors.

The only event loops of the core, one for each door, each in a thread of its own. Nothing here is logged: addresses of
pages are not, either.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from agent.errors import StorageError
from agent.ops import handed
from agent.service import Service
from agent.web.app import application
from agent.web.connection import Connection
from agent.web.guard import Door
from agent.web.look import Look
from agent.web.redirect import redirect

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the page is and with which certificate; `names` it is called by besides its own addresses."""

    address: str
    port: int
    redirect_port: int
    names: frozenset[str]
    requests_per_s: int
    certificate_file: str
    key_file: str


class Server:
    """Both doors of one service, and the plain port that only points to the page.

    The command line's door has an event loop and threads of its own: no flood at the page reaches it.
    """

    def __init__(self, service: Service, listen: Listen, *, socket_path: Path, look: Look) -> None:
        page_socket = handed.listening(handed.PAGE, listen.address, listen.port)
        self._control_path = socket_path
        host, port = page_socket.getsockname()[:2]
        if host in _EVERYWHERE and listen.names:  # nobody can type that address
            host = min(listen.names)
        self.address = f"https://{f'[{host}]' if ':' in host else host}:{port}/"
        names = listen.names | {"localhost"}
        door = Door(names=names, requests_per_s=listen.requests_per_s, alarm=service.audit.foreign)
        page = _tls_server(application(service, door, look), listen.certificate_file, listen.key_file)
        outside = [(page, page_socket)]
        if listen.redirect_port:
            pointer = handed.listening(handed.REDIRECT, listen.address, listen.redirect_port)
            plain = _Quiet(uvicorn.Config(redirect(names, port), http=Connection, **_COMMON))
            outside.append((plain, pointer))
        control = _Quiet(uvicorn.Config(application(service, Door(trusted=True), look), http="h11", **_COMMON))
        self._loops = (
            _Loop("web", outside),
            _Loop("control", [(control, _bound_private(socket_path))]),
        )

    def start(self) -> None:
        """Serve; returns once every door answers. Raises `StorageError` when they do not in time."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Close every door; open event streams end."""
        for loop in self._loops:
            loop.stop()
        with suppress(FileNotFoundError):
            self._control_path.unlink()


class PageAlone:
    """One application at one handed-over socket, without the doors of a service: the set-up page."""

    def __init__(self, app: Starlette, page_socket: socket.socket, certificate_file: str, key_file: str) -> None:
        self._loop = _Loop("web", [(_tls_server(app, certificate_file, key_file), page_socket)])

    def start(self) -> None:
        """Serve; returns once it answers. Raises `StorageError` when it does not in time."""
        self._loop.start()

    def stop(self) -> None:
        """Let go of the door."""
        self._loop.stop()


class _Loop:
    """One event loop in a thread of its own, with the servers that it runs."""

    def __init__(self, name: str, servers: list[tuple[_Quiet, socket.socket]]) -> None:
        self._servers = servers
        for _, sock in servers:
            _prompt(sock)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name=name, daemon=True)
        self._up = threading.Event()

    def start(self) -> None:
        self._thread.start()
        if not self._up.wait(_START_TIMEOUT_S):
            raise StorageError("The page did not come up in time.")

    def stop(self) -> None:
        for server, _ in self._servers:
            server.should_exit = True
            server.force_exit = True
        self._thread.join(timeout=_STOP_TIMEOUT_S)

    async def _serve(self) -> None:
        tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in self._servers]
        while not all(server.started for server, _ in self._servers) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        self._up.set()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tls_server(app: Starlette, certificate_file: str, key_file: str) -> _Quiet:
    page = uvicorn.Config(app, ssl_certfile=certificate_file, ssl_keyfile=key_file, http=Connection, **_COMMON)
    page.load()
    if page.ssl is not None:
        page.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        page.ssl.set_ciphers(_TLS12_CIPHERS)
    return _Quiet(page)


_TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_COMMON: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "date_header": False,
    "proxy_headers": False,
    "lifespan": "off",
    "limit_concurrency": 64,
    "backlog": 64,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 1,
    "h11_max_incomplete_event_size": 32 * 1024,
    "loop": "asyncio",
    "ws": "none",
}


class _Quiet(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Signals belong to the supervisor."""


def _prompt(sock: socket.socket) -> None:
    """Make every connection that `sock` accepts send at once: the head of an answer and its body are two writes.

    The event loop does so only for sockets that name their protocol. Without it a page waits 40 ms for the client's
    delayed acknowledgement.
    """
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _bound_private(path: Path) -> socket.socket:
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise StorageError("The control socket's name is taken by a file; it was not touched.")
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        sock.bind(str(path))
    finally:
        os.umask(old)
    return sock
