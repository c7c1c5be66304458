"""The page's connections send at once (a header and a body written one after the other cost 40 ms otherwise)."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette

from agent.web.server import _bound, _Loop, _Quiet


def test_no_connection_of_the_page_waits_for_an_acknowledgement() -> None:
    listening = _bound("127.0.0.1", 0)
    _Loop("web", [(_Quiet(uvicorn.Config(Starlette())), listening)])
    with listening, socket.socket() as client:
        listening.listen()
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
