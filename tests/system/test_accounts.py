"""Accounts over the real page: enrolment, sessions, the lock that hides no open exam, brute force, limits."""

from __future__ import annotations

import re
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic

import pytest

from agent import errors
from agent.web.session import SCREEN, SESSION
from tests.system.world import PASSWORD, PAUSE, Box, Page, box_in, toml_for_peer, wait_for

REDIRECT = "redirect_port = {}\n"
UNSAFE_PAGES = ("/login", "/unlock", "/enrol", "/enrol/screen", "/lock", "/logout", "/language", "/emergency")


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Box]:
    """A box of this file; tests use people and screens of their own."""
    toml = toml_for_peer(1).replace("[web]\n", f'[web]\nnames = ["us-room-2.example"]\nredirect_port = {port}\n')
    with box_in(tmp_path_factory.mktemp("accounts") / "box", toml) as running:
        yield running


def in_use(box: Box, page: Page) -> bool:
    return bool(page.api("GET", "/me")["role"] == "technician")


# --- enrolment ---------------------------------------------------------------------------------------------------


def test_a_fresh_box_lets_nobody_in_but_by_its_code_once(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        page, file = box.page(), box.data / "enrolment-code"
        for name, password in (("admin", "admin"),):
            with pytest.raises((errors.WrongLogin, errors.TooManyTries)):
                page.api("POST", "/me/login", {"name": name, "password": password})
        assert not page.api("GET", "/me")["enrolled"]
        code = file.read_text().strip()
        assert file.stat().st_mode & 0o777 == 0o600
        assert code not in box.text()
        assert not any(code.encode() in kept.read_bytes() for kept in box.data.glob("agent.sqlite3*"))
        with pytest.raises(errors.WrongCode):
            page.api("POST", "/enrol", {"code": "AAAA-AAAA-AAAA-AAAA", "name": "Інна", "password": PASSWORD})
        with pytest.raises(errors.WeakSecret):
            page.api("POST", "/enrol", {"code": code, "name": "Інна", "password": "password12"})
        me = page.api("POST", "/enrol", {"code": code.lower().replace("-", " "), "name": "Інна", "password": PASSWORD})
        assert (me["name"], me["role"], me["fresh"]) == ("Інна", "administrator", True)
        assert not file.exists()
        with pytest.raises(errors.WrongCode):
            box.page().api("POST", "/enrol", {"code": code, "name": "Другий", "password": PASSWORD})
        newer = box.post("/enrolment-code")["code"]
        newest = box.post("/enrolment-code")["code"]
        with pytest.raises(errors.WrongCode):
            box.page().api("POST", "/enrol", {"code": newer, "name": "Другий", "password": PASSWORD})
        PAUSE.wait(2.5)  # five wrong tries from this address: the sixth is told to wait two seconds
        assert box.page().api("POST", "/enrol", {"code": newest, "name": "Другий", "password": PASSWORD})["fresh"]


def test_a_restarted_box_keeps_its_code_and_its_sessions(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1).replace("port = 0", f"port = {free_port()}")) as box:
        code = (box.data / "enrolment-code").read_text()
        box.kill()
        box.start()
        assert (box.data / "enrolment-code").read_text() == code
        page = box.technician()
        box.kill()
        box.start()
        assert in_use(box, page)
        assert not (box.data / "enrolment-code").exists() or not box.page().api("GET", "/me")["enrolled"]


def test_every_form_works_as_a_page(box: Box) -> None:
    code = box.post("/enrolment-code")["code"]
    page = box.page()
    assert page.get("/enrol").status == 200
    answer = page.post_form("/enrol", code=code, name="Форма", password=PASSWORD, next="/enrol/screen")
    assert (answer.status, answer.headers["Location"]) == (303, "/enrol/screen")
    assert page.get("/enrol/screen").status == 200
    answer = page.post_form("/enrol/screen", name="Екран форми", source="us1", language="en", pixels_per_mm="4.63")
    assert (answer.status, set(page.cookies)) == (303, {SESSION, SCREEN})
    me = page.api("GET", "/me")
    assert (me["screen"], me["source"], me["pixels_per_mm"]) == ("Екран форми", "us1", 4.63)
    assert page.post_form("/language", language="uk", next="/queue").headers["Location"] == "/queue"
    assert page.api("GET", "/me")["language"] == "uk"
    assert page.post_form("/lock").status == 303
    assert page.get("/").headers["Location"] == "/unlock?next=/"
    refused = page.post_form("/unlock", pin="000", next="https://attacker.example/")
    assert refused.status == 401
    assert "attacker" not in refused.text
    answer = page.post_form("/login", name="форма", password=PASSWORD, next="//attacker.example/")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert page.post_form("/logout").status == 303
    assert set(page.cookies) == {SCREEN}


# --- sessions ----------------------------------------------------------------------------------------------------


def test_cookies_are_of_this_host_alone_and_tokens_are_kept_as_hashes(box: Box) -> None:
    page = box.person("technician", "Кукі", screen=True)
    assert set(page.cookies) == {"__Host-session", "__Host-screen"}
    for token in page.cookies.values():
        assert len(token) >= 43
        assert not any(token.encode() in kept.read_bytes() for kept in box.data.glob("agent.sqlite3*"))


def test_a_new_login_has_a_new_token_and_the_old_one_is_worth_nothing(box: Box) -> None:
    page = box.person("administrator", "Оберт")
    old = page.cookies[SESSION]
    page.api("POST", "/me/login", {"name": "Оберт", "password": PASSWORD})
    assert page.cookies[SESSION] != old
    stale = box.page()
    stale.cookies[SESSION] = old
    assert stale.api("GET", "/me")["role"] == "nobody"


@pytest.mark.alone
def test_a_revoked_session_is_out_within_a_second_streams_included(box: Box) -> None:
    page, administrator = box.person("technician", "Відкликана"), box.administrator()
    stream = page.connection()
    stream.request("GET", "/api/events", headers={"Cookie": f"{SESSION}={page.cookies[SESSION]}"})
    events = stream.getresponse()
    assert events.status == 200
    mine = next(s for s in administrator.api("GET", "/sessions") if s["name"] == "Відкликана")
    began = monotonic()
    administrator.api("POST", f"/sessions/{mine['session_id']}/revoke")
    with pytest.raises(errors.NotLoggedIn):
        page.api("GET", "/worklist")
    assert monotonic() - began < 1.0
    events.read()  # ends: the box closed the stream
    assert monotonic() - began < 2.5
    stream.close()


def test_a_new_role_or_password_logs_out(box: Box) -> None:
    administrator = box.administrator()
    for event, body in (("role", {"role": "service"}), ("password", {"secret": "another good secret"})):
        page = box.person("technician", f"Особа {event}")
        user = next(u for u in administrator.api("GET", "/users") if u["name"] == f"Особа {event}")
        administrator.api("POST", f"/users/{user['user_id']}/{event}", body)
        with pytest.raises(errors.NotLoggedIn):
            page.api("GET", "/worklist")


def test_the_session_of_a_screen_is_worth_nothing_elsewhere(box: Box) -> None:
    page = box.person("technician", "Прив’язана", screen=True)
    thief = box.page()
    thief.cookies[SESSION] = page.cookies[SESSION]
    with pytest.raises(errors.NotLoggedIn):
        thief.api("GET", "/worklist")
    box.post(f"/screens/{next(s['screen_id'] for s in box.get('/screens') if s['person'] == 'Прив’язана')}/revoke")
    assert page.api("GET", "/me")["role"] == "nobody"


def test_a_get_makes_no_write(box: Box) -> None:
    page = box.person("administrator", "Читачка", screen=True)
    wait_for("seen times are written", lambda: True)
    with sqlite3.connect(f"file:{box.data / 'agent.sqlite3'}?mode=ro", uri=True) as db:
        before = db.execute("SELECT (SELECT max(event_id) FROM event), (SELECT max(number) FROM audit)").fetchone()
        for path in ("/api/me", "/api/users", "/api/sessions", "/api/screens", "/api/tokens", "/", "/queue", "/login"):
            assert page.get(path).status == 200
        after = db.execute("SELECT (SELECT max(event_id) FROM event), (SELECT max(number) FROM audit)").fetchone()
    db.close()
    assert after == before


# --- the lock (ruling 17) ----------------------------------------------------------------------------------------


def test_a_lock_never_hides_the_open_exam_and_the_pin_brings_the_person_back(box: Box) -> None:
    page = box.person("administrator", "Олена", pin="2580", screen=True)
    exam = page.api("POST", "/exams/emergency", {"source": "us1"})
    assert page.api("POST", "/me/lock")["role"] == "screen"
    shown = page.get(f"/exam/{exam['exam_id']}")
    assert exam["patient"]["patient_id"] in shown.text
    page.api("POST", "/sources/us1/capture", {"trigger_id": "locked-press"})
    for path in ("/worklist", "/exams", "/queue"):
        with pytest.raises(errors.NotLoggedIn):
            page.api("GET", path)
    assert page.get("/queue").headers["Location"] == "/unlock?next=/queue"
    with pytest.raises(errors.WrongLogin):
        page.api("POST", "/me/unlock", {"pin": "2581"})
    locked = page.cookies[SESSION]
    me = page.api("POST", "/me/unlock", {"pin": "2580"})
    assert (me["name"], me["role"]) == ("Олена", "administrator")
    assert page.cookies[SESSION] != locked
    page.api("POST", "/me/lock")
    assert page.api("POST", f"/exams/{exam['exam_id']}/finish")["state"] == "held"


def test_a_pin_or_badge_opens_enrolled_screens_only_and_never_administration(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        administrator = box.administrator()
        box.person("administrator", "Петро", pin="9431")
        user = next(u for u in administrator.api("GET", "/users") if u["name"] == "Петро")
        administrator.api("POST", f"/users/{user['user_id']}/badge", {"secret": "BADGE-000123"})
        with pytest.raises(errors.ScreenNotEnrolled):
            box.page().api("POST", "/me/unlock", {"pin": "9431", "name": "Петро"})
        with pytest.raises(errors.ScreenNotEnrolled):
            box.page().api("POST", "/me/unlock", {"badge": "BADGE-000123"})
        for proof in ({"pin": "9431", "name": "Петро"}, {"badge": "BADGE-000123"}):
            screen = box.screen()
            me = screen.api("POST", "/me/unlock", proof)
            assert (me["role"], me["fresh"]) == ("administrator", False)
            assert screen.api("GET", "/worklist")["entries"] == []
            with pytest.raises(errors.LoginAgain):
                screen.api("GET", "/users")
            screen.api("POST", "/me/login", {"name": "Петро", "password": PASSWORD})
            assert screen.api("GET", "/users")


# --- brute force -------------------------------------------------------------------------------------------------


def test_guessing_is_slowed_down_survives_a_restart_and_never_stops_an_emergency(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1)) as box:
        screen = box.person("technician", "Ціль", pin="7392", screen=True)
        screen.api("POST", "/me/lock")
        guesser = box.page()
        for _ in range(5):
            with pytest.raises(errors.WrongLogin):
                guesser.api("POST", "/me/login", {"name": "Ціль", "password": "a wrong password"})
        with pytest.raises(errors.TooManyTries) as told:
            guesser.api("POST", "/me/login", {"name": "Ціль", "password": PASSWORD})  # not even the right one
        assert 0 < int(re.search(r"wait (\d+) seconds", told.value.message)[1]) <= 2
        box.kill()
        box.start()
        raw = box.page().ask("POST", "/api/me/login", b'{"name":"x","password":"y"}', Origin=box.page().origin)
        assert raw.status in (401, 429)
        for n in range(5):
            with pytest.raises((errors.WrongLogin, errors.TooManyTries)):
                box.page().api("POST", "/me/login", {"name": f"Хтось {n}", "password": "a wrong password"})
        reopened = box.page()
        reopened.cookies.update(screen.cookies)
        assert reopened.api("POST", "/exams/emergency", {"source": "us1"})["kind"] == "emergency"
        assert reopened.api("POST", "/sources/us1/capture", {"trigger_id": "while-guessing"})["number"] == 1
        assert reopened.api("POST", "/me/unlock", {"pin": "7392"})["name"] == "Ціль"


def test_an_unknown_name_costs_as_much_as_a_wrong_password(box: Box) -> None:
    box.person("technician", "Час")

    def took(name: str) -> float:
        page, began = box.page(), monotonic()
        answered = page.ask(
            "POST", "/api/me/login", f'{{"name": "{name}", "password": "wrong wrong"}}'.encode(), Origin=page.origin
        )
        assert answered.status == 401
        return monotonic() - began

    known, unknown = took("Час"), took("Ніхто такий")
    box.page().api("POST", "/me/login", {"name": "Час", "password": PASSWORD})
    assert max(known, unknown) < 10 * min(known, unknown) + 0.1


# --- programs ----------------------------------------------------------------------------------------------------


def test_a_program_has_a_role_an_end_and_no_cookie(box: Box) -> None:
    administrator = box.administrator()
    token = administrator.api("POST", "/tokens", {"name": "HIS", "role": "technician", "days": 1})
    program = box.page(bearer=token["token"])
    assert program.ask("GET", "/api/worklist").status == 200
    assert program.ask("POST", "/api/worklist/refresh", b"{}").status == 503  # no proof of origin, yet let in
    assert program.ask("GET", "/api/users").status == 403
    assert token["token"] not in str(administrator.api("GET", "/tokens"))
    forged = box.page(bearer="wrong")
    forged.cookies.update(administrator.cookies)
    assert forged.ask("POST", "/api/screens/code", b"{}").status == 401  # its cookies count for nothing
    administrator.api("POST", f"/tokens/{token['token_id']}/revoke")
    assert program.ask("GET", "/api/worklist").status == 401


# --- the guard ---------------------------------------------------------------------------------------------------


def test_no_unsafe_request_without_proof_of_origin(box: Box) -> None:
    page = box.administrator()
    proofs = (
        {}, {"Origin": "https://attacker.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": page.origin}, {"Sec_Fetch_Site": "none"},
        {"Origin": page.origin.replace("https", "http")}, {"Origin": page.origin + "0"},
    )  # fmt: skip
    for path in (*UNSAFE_PAGES, "/api/screens/code", "/api/exams/emergency", "/api/me/login"):
        for proof in proofs:
            assert page.ask("POST", path, b"", **proof).status == 403, (path, proof)
    assert page.ask("POST", "/api/screens/code", b"{}", Sec_Fetch_Site="same-origin").status == 200


def test_only_its_own_names_and_addresses_are_answered(box: Box) -> None:
    page = box.administrator()
    port = page.port
    foreign = ("attacker.example", "127.0.0.2", "localhost.attacker.example", "127.0.0.1:x", "[::1]", "", "192.0.2.1")
    paths = ("/", "/login", "/api/me", "/api/events", "/api/sources/us1/preview", "/metrics", "/static/page.css")
    for host in foreign:
        for path in paths:
            assert page.ask("GET", path, Host=host).status == 400, (host, path)
    for host in (f"127.0.0.1:{port}", "127.0.0.1", "localhost", "US-ROOM-2.example", f"us-room-2.example:{port}"):
        assert page.ask("GET", "/login", Host=host).status == 200


def test_every_answer_has_its_headers(box: Box) -> None:
    page = box.administrator()
    answers = [page.ask("GET", path) for path in ("/", "/login", "/api/me", "/static/page.css", "/nothing")]
    answers += [page.ask("GET", "/", Host="attacker.example"), page.ask("POST", "/", b"")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Strict-Transport-Security"]
        assert answer.headers["Permissions-Policy"]
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_sizes_are_bounded(box: Box) -> None:
    page = box.page()
    assert page.ask("POST", "/login", b"x" * 65537, Origin=page.origin).status == 413
    assert page.ask("GET", "/login?" + "x" * 2100).status == 414
    assert page.ask("GET", "/login", X_Long="x" * 9000).status == 431
    connection = page.connection()
    connection.request(
        "POST", "/login", iter([b"x" * 40000] * 3), {"Origin": page.origin}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    connection.close()


def test_old_tls_is_refused_and_the_plain_port_only_points_to_the_page(box: Box, port: int) -> None:
    page = box.page()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection((page.host, page.port)) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw)

    def plain(request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(request)
            return sock.recv(4096)

    told = plain(b"POST /queue?a=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 308")
    assert f"location: https://127.0.0.1:{page.port}/queue?a=1".encode() in told
    assert plain(b"GET / HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")


def _dawdles(page: Page, context: ssl.SSLContext, slow: list[ssl.SSLSocket]) -> bool:
    """Begin one more request that never ends; False: the box cut it off."""
    try:
        slow.append(context.wrap_socket(socket.create_connection((page.host, page.port)), server_hostname=page.host))
        slow[-1].sendall(b"GET / HTTP/1.1\r\nHost: ")
        slow[-1].settimeout(0.2)
        return slow[-1].recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


@pytest.mark.alone
def test_a_slow_or_greedy_client_is_cut_off_and_the_box_itself_is_not_touched(box: Box) -> None:
    page = box.page()
    context = ssl.create_default_context(cafile=str(box.data / "page.crt"))
    slow: list[ssl.SSLSocket] = []
    while len(slow) < 200 and _dawdles(page, context, slow):  # far more than one address may have
        continue
    assert len(slow) < 40
    began = monotonic()
    assert box.get("/sources")  # the command line's door has threads of its own
    assert monotonic() - began < 1.0
    slow[0].settimeout(20)
    with suppress(OSError):
        assert slow[0].recv(1) == b""
    assert monotonic() - began < 15
    for sock in slow:
        sock.close()
    wait_for("the page answers again", lambda: box.page().get("/login").status == 200)


def test_a_flood_is_told_to_wait(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for_peer(1).replace("[web]\n", "[web]\nrequest_limit = 2\n")) as box:
        page = box.page()
        statuses = [page.get("/login").status for _ in range(30)]
        assert statuses[:5] == [200] * 5
        assert 429 in statuses
        assert box.get("/status")


def test_streams_are_bounded(box: Box) -> None:
    page = box.administrator()
    cookie = {"Cookie": f"{SESSION}={page.cookies[SESSION]}"}
    open_ones = []
    for _ in range(8):
        connection = page.connection()
        connection.request("GET", "/api/events", headers=cookie)
        answer = connection.getresponse()
        assert answer.status == 200
        open_ones.append((connection, answer))
    wait_for("the ninth is refused", lambda: page.ask("GET", "/api/events").status == 429, 5)
    for connection, answer in open_ones:
        answer.close()
        connection.close()


def test_a_page_that_listens_everywhere_is_told_by_its_name_and_answers_to_its_addresses(tmp_path: Path) -> None:
    toml = toml_for_peer(1).replace("[web]\n", '[web]\nlisten = "0.0.0.0"\nnames = ["us-room-2.example"]\n')
    with box_in(tmp_path / "box", toml) as box:
        assert re.fullmatch(r"https://us-room-2\.example:\d+/", box.get("/status")["page"])
        assert box.post("/enrolment-code")["page"] == box.get("/status")["page"]
        port = int(box.get("/status")["page"].split(":")[2].rstrip("/"))
        page = Page(f"https://127.0.0.1:{port}/", box.data / "page.crt")
        assert page.get("/login").status == 200
        assert page.ask("GET", "/login", Host=f"us-room-2.example:{port}").status == 200
        for host in ("0.0.0.0", "192.0.2.7", "127.0.0.2"):
            assert page.ask("GET", "/login", Host=host).status == 400
