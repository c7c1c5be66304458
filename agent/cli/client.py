"""Speaks to the running service over its private unix socket, JSON over HTTP (standard library only)."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from agent import review_errors  # noqa: F401 - so that its codes are known here
from agent.errors import AgentError, Blame, from_wire

TIMEOUT_S = 300.0


class NotRunning(AgentError):
    """The service of this box does not answer."""

    code = "B-20"
    blame = Blame.BOX
    hint = "Start it with `modality-agent run`, or look at `systemctl status modality-agent`."


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """One box, asked by its control socket."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def get(self, path: str) -> Any:
        """Return the JSON answer of a GET; raises the service's own error or `NotRunning`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON answer of a POST; raises the service's own error or `NotRunning`."""
        return self._ask("POST", path, body or {})

    def raw(self, path: str) -> bytes:
        """Return the bytes of a GET (a picture); raises the service's own error or `NotRunning`."""
        status, content = self._exchange("GET", path, None)
        if status != 200:
            raise _error(content)
        return content

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        status, content = self._exchange(method, path, body)
        if status != 200:
            raise _error(content)
        try:
            return json.loads(content or b"null")
        except ValueError as e:
            raise NotRunning from e

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        connection = _UnixConnection(self._path)
        try:
            payload = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            connection.request(method, f"/api{path}", payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as e:
            raise NotRunning from e
        finally:
            connection.close()


def _error(content: bytes) -> AgentError:
    try:
        value = json.loads(content or b"null")
    except ValueError as e:
        raise NotRunning from e
    return from_wire(value if isinstance(value, dict) else {})
