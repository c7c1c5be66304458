"""The page and the plain port that points to it, on sockets that the service manager bound (LISTEN_FDS)."""

from __future__ import annotations

import http.client
from pathlib import Path

from tests.system.world import Box, toml_for_peer

HAND_OVER = """
import os, socket
kept = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
for number, sock in enumerate(kept):
    os.dup2(sock.fileno(), 20 + number)
for number in range(2):
    os.dup2(20 + number, 3 + number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "page:redirect"}
from pathlib import Path
Path(os.environ["TOLD"]).write_text(" ".join(str(kept[n].getsockname()[1]) for n in range(2)))
kept = [sock.detach() for sock in kept]
"""


def test_the_page_and_the_pointer_to_it_are_handed_over(tmp_path: Path) -> None:
    box = Box(tmp_path / "box", toml_for_peer(1).replace("[web]\n", '[web]\nnames = ["us-room-2.example"]\n'))
    told = tmp_path / "ports"
    box.start(ready=False, code=HAND_OVER, TOLD=str(told))
    try:
        box.wait_ready()
        page, plain = (int(port) for port in told.read_text().split())
        assert box.page().port == page
        connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=20)
        connection.request("GET", "/", headers={"Host": "us-room-2.example"})
        answer = connection.getresponse()
        assert answer.status in (301, 302, 307, 308)
        assert (answer.getheader("Location") or "").startswith(f"https://us-room-2.example:{page}/")
        connection.close()
    finally:
        box.stop()
