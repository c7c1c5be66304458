"""Speaks to the running service over its private unix socket, JSON over HTTP (standard library only)."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

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

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection = _UnixConnection(self._path)
        try:
            payload = None if body is None else json.dumps(body, ensure_ascii=False).encode()
            connection.request(method, f"/api{path}", payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise NotRunning from e
        finally:
            connection.close()
        if answer.status != 200:
            raise from_wire(value if isinstance(value, dict) else {})
        return value
