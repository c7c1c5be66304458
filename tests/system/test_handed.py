"""The ports of the configuration, bound by the port keeper: page, pointer and listener of a core that may bind none."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.ops import handed
from agent.ops.port_keeper import PortKeeper
from tests.peers.process import free_port
from tests.system.world import Box, Sandbox, toml_for, toml_for_peer, wait_for

NO_BINDING = """
import socket
real = socket.socket.bind
def refused(sock, address):
    if sock.family != socket.AF_UNIX:
        raise PermissionError(13, "not here")
    real(sock, address)
socket.socket.bind = refused
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Path]:
    """A keeper in a thread of its own."""
    path, stop = tmp_path / "port.sock", threading.Event()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(8)
    serving = PortKeeper(listener, may_ask=lambda uid: uid == os.getuid())

    def serve() -> None:
        while not stop.is_set():
            serving.turn(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield path
    stop.set()
    thread.join(timeout=10)
    listener.close()


def asked(keeper: Path, name: str, port: int, address: str = "127.0.0.1") -> socket.socket:
    return handed.listening(name, address, port, {handed.PORTS: str(keeper)})


def test_a_socket_is_kept_for_the_next_one_who_asks_and_its_callers_wait(keeper: Path) -> None:
    port = free_port()
    first = asked(keeper, handed.PAGE, port)
    assert first.getsockname() == ("127.0.0.1", port)
    first.close()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
        again = asked(keeper, handed.PAGE, port)
        again.settimeout(5)
        assert again.accept()[1] == caller.getsockname(), "who called meanwhile is answered"
        again.close()


def test_another_port_takes_the_place_of_the_one_before(keeper: Path) -> None:
    before, after = free_port(), free_port()
    asked(keeper, handed.PAGE, before).close()
    asked(keeper, handed.PAGE, after).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", before), timeout=5)
    asked(keeper, handed.PAGE, after, "0.0.0.0").close()


def test_a_port_that_somebody_has_is_refused_in_words(keeper: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for environment in ({handed.PORTS: str(keeper)}, {}):
            with pytest.raises(AgentError, match=f"127.0.0.1:{port}.*{os.strerror(errno.EADDRINUSE)}") as told:
                handed.listening(handed.PAGE, "127.0.0.1", port, environment)
            assert told.value.code == "B-15"
    asked(keeper, handed.PAGE, port).close()


@pytest.mark.parametrize("packet", [b"{", b"[]", b'{"name": "ssh", "address": "127.0.0.1", "port": 22}', b"1" * 2000])
def test_what_is_no_question_gets_no_answer_and_does_no_harm(keeper: Path, packet: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(str(keeper))
        line.send(packet)
        line.settimeout(10)
        assert line.recv(100) == b""
    asked(keeper, handed.PAGE, free_port()).close()


def test_an_address_that_is_not_there_yet_is_listened_on(keeper: Path) -> None:
    asked(keeper, handed.PAGE, free_port(), "192.0.2.77").close()


def test_it_is_started_by_its_socket_unit_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "agent.ops.port_keeper"], capture_output=True, text=True, timeout=30, check=False
    )
    assert "socket unit" in done.stderr


def test_a_core_that_may_bind_nothing_serves_where_its_configuration_says(keeper: Path, tmp_path: Path) -> None:
    page, plain = free_port(), free_port()
    web = f'[web]\nport = {page}\nredirect_port = {plain}\nnames = ["us-room-2.example"]\n'
    box = Box(tmp_path / "box", toml_for_peer(1).replace("[web]\nport = 0\n", web))
    box.start(code=NO_BINDING, **{handed.PORTS: str(keeper)})
    try:
        assert box.page().port == page
        connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=20)
        connection.request("GET", "/", headers={"Host": "us-room-2.example"})
        answer = connection.getresponse()
        assert answer.status in (301, 302, 307, 308)
        assert (answer.getheader("Location") or "").startswith(f"https://us-room-2.example:{page}/")
        connection.close()
        box.kill()
        with socket.create_connection(("127.0.0.1", page), timeout=60) as early:  # while the core is away
            box.start(code=NO_BINDING, **{handed.PORTS: str(keeper)})
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(early, server_hostname="localhost") as secured:
                assert secured.version()
    finally:
        box.stop()


def test_reports_arrive_at_a_port_that_the_listener_could_not_bind(
    keeper: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(handed.PORTS, str(keeper))
    assert handed.for_child(handed.LISTENER, "127.0.0.1", 1024) is None, "the child can do that itself"
    box = Box(tmp_path / "box", toml_for(sandbox))
    no_port_is_free = "import agent.ops.handed\nagent.ops.handed.LOWEST_FREE = 65536\n"
    box.start(code=no_port_is_free, **{handed.PORTS: str(keeper)})
    try:
        exam = box.open_exam()
        box.capture("one")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("a report of the archive", lambda: [job["state"] for job in box.jobs()] == ["confirmed"], 60)
    finally:
        box.stop()


def test_who_answers_in_between_gets_what_is_kept_and_stands_in_nobodys_way(keeper: Path) -> None:
    environment, port = {handed.PORTS: str(keeper)}, free_port()
    assert handed.kept(handed.PAGE, environment) is None, "nothing is bound for somebody who does not say where"
    asked(keeper, handed.PAGE, port).close()
    held = handed.kept(handed.PAGE, environment)
    assert held is not None
    with held:
        assert held.getsockname() == ("127.0.0.1", port)
        everywhere = asked(keeper, handed.PAGE, port, "0.0.0.0")
        assert everywhere.getsockname() == ("0.0.0.0", port), "the page opens to the network while the other is held"
        everywhere.close()
    assert handed.kept(handed.PAGE, {}) is None
