"""A server that takes alarms by HTTPS, as a hospital's chat or ticket system has it (Python's own, over TLS)."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Webhook:
    """What it received, and what it answers."""

    port: int
    status: int = 200
    posts: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Path, headers, body."""

    def alarms(self) -> list[tuple[str, str, str]]:
        """(code, subject, edge) of everything that was taken, in order."""
        return [(a["code"], a["subject"], a["edge"]) for _, _, body in self.posts for a in body["alarms"]]


@contextmanager
def webhook(port: int, certificate: Path, key: Path, status: int = 200) -> Iterator[Webhook]:
    """Serve on this machine until the end of the block."""
    told = Webhook(port, status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if told.status == 200:
                told.posts.append((self.path, dict(self.headers), body))
            self.send_response(told.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # a client that does not trust us goes away
            pass

    server = Server(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
