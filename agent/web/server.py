"""Serves the page over HTTPS and the command line over a private unix socket: one application, two doors.

The only event loop of the core, in a thread of its own. Nothing here is logged: addresses of pages are not, either.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from agent.errors import StorageError
from agent.ops import handed
from agent.service import Service
from agent.web.app import application

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 3.0


class Server:
    """Both doors of one service."""

    def __init__(
        self,
        service: Service,
        *,
        listen: str,
        port: int,
        certificate_file: str,
        key_file: str,
        socket_path: Path,
    ) -> None:
        self._page_socket = handed.listening(handed.PAGE) or _bound(listen, port)
        self._control_path = socket_path
        self._control_socket = _bound_private(socket_path)
        host, bound_port = self._page_socket.getsockname()[:2]
        self.address = f"https://{f'[{host}]' if ':' in host else host}:{bound_port}/"
        hosts = {"localhost", host}
        page = uvicorn.Config(
            application(service, hosts=hosts, trusted=False),
            ssl_certfile=certificate_file,
            ssl_keyfile=key_file,
            **_COMMON,
        )
        page.load()
        if page.ssl is not None:
            page.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        control = uvicorn.Config(application(service, hosts=hosts, trusted=True), **_COMMON)
        self._servers = (_Quiet(page), _Quiet(control))
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._up = threading.Event()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Serve; returns once both doors answer. Raises `StorageError` when they do not in time."""
        self._thread.start()
        if not self._up.wait(_START_TIMEOUT_S):
            raise StorageError("The page did not come up in time.")

    def stop(self) -> None:
        """Close both doors; open event streams end."""
        for server in self._servers:
            server.should_exit = True
            server.force_exit = True
        self._thread.join(timeout=_STOP_TIMEOUT_S)
        with suppress(FileNotFoundError):
            self._control_path.unlink()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        page, control = self._servers
        tasks = [
            asyncio.create_task(page.serve(sockets=[self._page_socket])),
            asyncio.create_task(control.serve(sockets=[self._control_socket])),
        ]
        while not all(server.started for server in self._servers) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        self._up.set()
        await asyncio.gather(*tasks, return_exceptions=True)


_COMMON: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "date_header": False,
    "lifespan": "off",
    "limit_concurrency": 64,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 1,
    "http": "h11",
    "loop": "asyncio",
    "ws": "none",
}


class _Quiet(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Signals belong to the supervisor."""


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as e:
        raise StorageError("No socket was handed over for the page, and this unit may open none.") from e
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as e:
        sock.close()
        raise StorageError(f"The page cannot listen on {host}:{port} ({e.strerror}).") from e
    return sock


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
