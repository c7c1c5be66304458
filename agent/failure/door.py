"""Stands at the page's socket while the core does not: waits for the core to end, answers until it is back."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.failure.causes import cause
from agent.failure.page import answer
from agent.ops import serving

_LOOK_S = 0.5
_CLIENT_S = 5.0
_MOST = 8
"""Clients at a time; more wait in the socket's queue."""
_LONGEST = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where things are: the core's runtime folder and its configuration; what time it is; how the door is locked."""

    runtime: Path
    config: Path
    monotonic: Callable[[], float]
    context: Callable[[], ssl.SSLContext]
    listening: Callable[[], socket.socket]
    """Both are asked for anew each time that the core is gone: certificate and port may have changed."""


class FailureDoor:
    """One listening socket, shared with the core, held only while the core is gone."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._places = threading.BoundedSemaphore(_MOST)

    def run(self, stop: threading.Event) -> None:
        """Answer whenever the core does not, until `stop`."""
        while not stop.is_set():
            self._wait_until_gone()
            self._answer_until_back(stop)

    def _wait_until_gone(self) -> None:
        """Wait for the core to let go of its lock; without a look in between, however long it takes."""
        fd = self._lock()
        if fd is not None:
            fcntl.flock(fd, fcntl.LOCK_SH)
            os.close(fd)

    def _is_back(self) -> bool:
        fd = self._lock()
        if fd is None:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _lock(self) -> int | None:
        try:
            return os.open(self._around.runtime / serving.LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None  # the core never came up

    def _answer_until_back(self, stop: threading.Event) -> None:
        since, context = self._around.monotonic(), self._around.context()
        with self._around.listening() as listening:
            listening.setblocking(False)  # as the core has it: the flag is shared
            while not stop.is_set() and not self._is_back():
                ready, _, _ = select.select([listening], [], [], _LOOK_S)
                if ready and self._places.acquire(timeout=_LOOK_S):
                    self._take(listening, context, since)

    def _take(self, listening: socket.socket, context: ssl.SSLContext, since: float) -> None:
        try:
            client, _ = listening.accept()
        except OSError:  # the core took it, or the client is gone
            self._places.release()
            return
        threading.Thread(target=self._serve, args=(client, context, since), daemon=True).start()

    def _serve(self, client: socket.socket, context: ssl.SSLContext, since: float) -> None:
        try:
            client.settimeout(_CLIENT_S)
            with suppress(OSError, ssl.SSLError), context.wrap_socket(client, server_side=True) as secure:
                secure.sendall(self._answer(secure, since))
                with suppress(OSError):
                    secure.unwrap()
        finally:
            client.close()
            self._places.release()

    def _answer(self, secure: ssl.SSLSocket, since: float) -> bytes:
        """Read the request's head and return what is to be told; what it asks for matters little."""
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _LONGEST:
            part = secure.recv(4096)
            if not part:
                break
            head += part
        words = head.partition(b"\r\n")[0].decode("latin-1").split()
        code, _times = serving.last(self._around.runtime)
        waiting = self._around.monotonic() - since
        told = cause(code, waiting_s=waiting, set_up=self._around.config.exists())
        return answer(words[1] if len(words) > 1 else "/", told, code)
