"""What every request must prove before a route sees it, over the whole list of routes (security.md H5 to H7, H21)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from agent.actor import PERMISSIONS, Role
from tests.api.door import Door, open_door
from tests.api.routes import EMPTY, EVENTS, EXTRA, ROWS
from tests.system.world import toml_for_peer

UNSAFE = [row for row in ROWS if row.method != "GET"]
FOREIGN_HOSTS = ("attacker.example", "localhost.attacker.example", "127.0.0.1.attacker.example", "attacker.example:443")
FOREIGN = (
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "", "Origin": "https://attacker.example"},
    {"Sec_Fetch_Site": "", "Origin": "null"},
    {"Sec_Fetch_Site": ""},
    {"Sec_Fetch_Site": "", "Referer": "https://attacker.example/"},
)
"""Ways in which a request may come from elsewhere, or prove nothing."""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("guarded") / "box", toml_for_peer(9)) as opened:
        yield opened


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_another_host_is_refused_on_every_route(door: Door, host: str) -> None:
    for row in ROWS:
        body = None if row.method == "GET" else EMPTY
        assert door.ask(row.method, row.path, body, Host=host).status == 400, row
    for path in (*EXTRA, EVENTS, "/no-such-page"):
        assert door.ask("GET", path, Host=host).status == 400, path


@pytest.mark.parametrize("headers", FOREIGN)
def test_what_changes_something_needs_the_box_s_own_page(door: Door, headers: dict[str, str]) -> None:
    for row in UNSAFE:
        answer = door.ask(row.method, row.path, EMPTY if row.is_api else b"", **headers)
        assert answer.status == 403, row
    assert len(UNSAFE) > 20


def test_the_box_s_own_origin_is_let_in_without_the_newer_header(door: Door) -> None:
    own = door.page
    for row in UNSAFE:
        if row.act is not None and PERMISSIONS[row.act] == {Role.BOX}:  # nobody's over the network
            continue
        answer = door.ask(row.method, row.path, EMPTY if row.is_api else b"", Sec_Fetch_Site="", Origin=own)
        assert answer.status != 400, row
        assert answer.status != 403 or b"Not asked by" not in answer.content, row


def test_every_answer_carries_the_headers_and_none_opens_itself_to_others(door: Door) -> None:
    for row in ROWS:
        headers = door.ask(row.method, row.path, None if row.method == "GET" else EMPTY).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy, row
        assert "frame-ancestors 'none'" in policy, row
        assert "unsafe-inline" not in policy, row
        assert headers["x-content-type-options"] == "nosniff", row
        assert "no-store" in headers["cache-control"], row
        assert not [name for name in headers if name.startswith("access-control-")], row


def test_a_large_body_is_refused_on_every_route_that_takes_one(door: Door) -> None:
    for row in UNSAFE:
        assert door.ask(row.method, row.path, b"x" * 70_000).status == 413, row


def test_methods_that_no_route_has_are_refused(door: Door) -> None:
    for row in ROWS:
        for method in ("PUT", "DELETE", "PATCH"):
            assert door.ask(method, row.path, b"").status == 405, row


@pytest.mark.parametrize("path", ["/../agent.sqlite3", "/static/../app.py", "/static/%2e%2e/app.py", "/api/%00", "//"])
def test_no_path_leads_out(door: Door, path: str) -> None:
    assert door.ask("GET", path).status in (400, 404)


def test_what_is_not_http_gets_nothing(door: Door) -> None:
    address = urlsplit(door.page)
    context = ssl.create_default_context(cafile=str(door.certificate))
    for nonsense in (b"\x16\x03\x01" * 50, b"GET / HTTP/1.1\r\n" + b"X" * 100_000, b"GET /api/jobs/" + b"9" * 5000):
        raw = socket.create_connection((address.hostname, address.port), timeout=10)
        with context.wrap_socket(raw, server_hostname="localhost") as sock:
            with suppress(ssl.SSLEOFError, ConnectionError):  # the door may close before it has heard everything
                sock.sendall(nonsense + b"\r\n\r\n")
            heard = b""
            with suppress(ssl.SSLEOFError, ConnectionError):
                heard = sock.recv(100)
            assert b" 200 " not in heard
    assert door.ask("GET", "/api/status").status == 200


def test_a_number_that_no_job_has_is_not_found(door: Door) -> None:
    for number in ("9" * 18, "9" * 19, "9" * 5000):
        assert door.ask("GET", f"/api/jobs/{number}/attempts").status in (200, 404, 414)
