"""A running service whose page takes whoever asks for the role that a file names: nothing of a request decides it.

The one place that knows how the door is opened. With real logins: log in as each role instead, and give `Door.headers`.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.actor import Role
from tests.system.world import Box

_CODE = """
import pathlib
from agent.actor import Actor, Role
from agent.web import app
_role = pathlib.Path({role!r})
app._asker = lambda _service, _request: Actor(name="somebody", role=Role(_role.read_text()), fresh=True)
"""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Door:
    """The page of one box, asked in one role at a time."""

    box: Box
    role_file: Path
    page: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def become(self, role: Role) -> None:
        part = self.role_file.with_suffix(".part")
        part.write_text(role.value)
        part.replace(self.role_file)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask as the box's own page would; header names are given with `_` for `-`, an empty value leaves it out."""
        told = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", **self.headers}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        address = urlsplit(self.page)
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=60)
        try:
            connection.request(method, path, payload, {k: v for k, v in told.items() if v})
            answer = connection.getresponse()
            endless = answer.getheader("Content-Type", "").startswith(("text/event-stream", "multipart/"))
            content = b"" if endless else answer.read()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)
        finally:
            connection.close()

    def form(self, path: str, values: dict[str, str]) -> Answer:
        from urllib.parse import urlencode

        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(values).encode(), Content_Type=kind)

    @property
    def certificate(self) -> Path:
        return self.box.data / "page.crt"


@contextmanager
def open_door(folder: Path, toml: str, **start: Any) -> Iterator[Door]:
    """Run a box below `folder`; its page is asked as an administrator at first."""
    box = Box(folder, toml.replace("[web]\n", "[web]\nrequest_limit = 10000\n"))
    door = Door(box, folder / "role")
    door.become(Role.ADMINISTRATOR)
    box.start(code=_CODE.format(role=str(door.role_file)), **start)
    try:
        door.page = box.get("/status")["page"].rstrip("/")
        yield door
    finally:
        box.stop()
