"""A box that belongs to nobody: its set-up page as a process of its own, over HTTPS, also for who means no good."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from time import monotonic

import pytest

from agent.config.load import load
from agent.ops import serving
from tests.system.world import Answered, Page, wait_for

CONFIGURATION = """
format = 1
[configuration.box]
name = "Кабінет УЗД"
ae_title = "US1"
data_dir = "{data}"
[[configuration.source]]
name = "us1"
driver = "simulator"
object = { modality = "US" }
[[configuration.destination]]
name = "archive"
host = "127.0.0.1"
called_ae_title = "PACS"
tls = false
allow_plaintext = true
[configuration.web]
listen = "0.0.0.0"
port = 8444
"""
WRONG = "ACDE-3479-FGHJ-KLMN"


class Setup:
    """The set-up page of one box; `page` is a browser that trusts what the box's own screen shows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.config = folder, folder / "data", folder / "etc" / "config.toml"
        self.run = folder / "run"
        for made in (self.data, self.config.parent, self.run):
            made.mkdir(exist_ok=True)
        self.log = folder / "setup.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [sys.executable, "-P", "-m", "agent.cli", "--config", str(self.config), "setup", "--listen", "127.0.0.1"]
        self.screen_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--port", "0", "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "RUNTIME_DIRECTORY": str(self.run)},
            )
        wait_for("the set-up page", lambda: self.screen_file.exists() or self.process.poll() is not None)  # type: ignore[union-attr]
        assert self.screen_file.exists(), self.log.read_text()
        self.port = int(next(line for line in self.screen if "https://" in line).rsplit(":", 1)[1].strip("/ "))

    @property
    def screen_file(self) -> Path:
        return self.data / "setup" / "screen"

    @property
    def screen(self) -> list[str]:
        """What the box's own screen shows."""
        return self.screen_file.read_text(encoding="ascii").splitlines()

    @property
    def code(self) -> str:
        return next(line.split()[-1] for line in self.screen if "code" in line)

    def page(self) -> Page:
        return Page(f"https://127.0.0.1:{self.port}/", self.data / "setup" / "page.crt")

    def ended(self, limit_s: float = 30) -> int:
        assert self.process is not None
        return self.process.wait(timeout=limit_s)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def enrolment(self) -> bytes:
        return CONFIGURATION.replace("{data}", str(self.data)).encode()


@contextmanager
def box_to_set_up(folder: Path) -> Iterator[Setup]:
    box = Setup(folder)
    box.start()
    try:
        yield box
    finally:
        box.kill()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Setup]:
    with box_to_set_up(tmp_path) as running:
        yield running


def give(page: Page, data: bytes, *, pasted: bool = False, language: str = "uk", **headers: str) -> Answered:
    """Post the file as the page's form does."""
    name, more = ("text", "") if pasted else ("file", '; filename="modality-agent-enrol.toml"')
    parts = [("language", "", language.encode()), (name, more, data)]
    body = b"".join(
        f'--edge\r\nContent-Disposition: form-data; name="{n}"{m}\r\n\r\n'.encode() + d + b"\r\n" for n, m, d in parts
    )
    sent = {"Origin": page.origin, "Content_Type": "multipart/form-data; boundary=edge", **headers}
    return page.ask("POST", "/file", body + b"--edge--\r\n", **sent)


def come_in(box: Setup, page: Page, language: str = "uk") -> None:
    answered = page.post_form("/code", code=box.code, language=language)
    assert (answered.status, answered.headers["Location"]) == (303, f"/?language={language}")


@pytest.mark.parametrize("pasted", [False, True])
def test_the_code_then_the_file_make_a_box_and_the_page_is_gone(box: Setup, pasted: bool) -> None:
    page, code = box.page(), box.code
    assert "Цей пристрій ще не налаштовано" in page.get("/").text
    assert "This box is not set up yet" in page.get("/?language=en").text
    come_in(box, page)
    wrong = give(page, box.enrolment.replace(b"ae_title =", b"ae_titel ="))
    assert wrong.status == 422
    assert "ae_titel" in wrong.text
    assert not box.config.exists()
    done = give(page, box.enrolment.replace(b"\n", b"\r\n") if pasted else box.enrolment, pasted=pasted)
    assert done.status == 200, done.text
    assert "Кабінет УЗД" in done.text
    assert "https://127.0.0.1:8444/enrol" in done.text
    assert load(box.config).box.ae_title == "US1"
    first = (box.data / "enrolment-code").read_text().strip()
    assert first in done.text
    assert code not in done.text
    assert page.get("/").status == 200, "the styles of the last page are still to be had"
    assert box.ended() == 0
    assert not (box.data / "setup").exists()
    with pytest.raises(OSError):
        page.get("/")
    assert code not in box.log.read_text()
    assert first not in box.log.read_text()


def test_the_first_administrator_comes_in_with_the_code_that_was_shown(box: Setup) -> None:
    page = box.page()
    come_in(box, page, "en")
    give(page, box.enrolment.replace(b"8444", b"0").replace(b'listen = "0.0.0.0"', b'listen = "127.0.0.1"'))
    assert box.ended() == 0
    shown = (box.data / "enrolment-code").read_text().strip()
    argv = [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), "run"]
    with box.log.open("ab") as log:
        core = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        from agent.cli.client import Client, NotRunning

        def address() -> str:
            try:
                return str(Client(box.data / "control.sock").get("/status")["page"])
            except NotRunning:
                return ""

        at = wait_for("the service", address, 60)
        asked = {"code": shown, "name": "Оксана", "password": "correct horse battery staple"}
        Page(at, box.data / "page.crt").api("POST", "/enrol", asked)
    finally:
        core.send_signal(signal.SIGTERM)
        assert core.wait(timeout=20) == 0
    assert not (box.data / "enrolment-code").exists()


def test_without_the_code_nothing_is_taken(box: Setup) -> None:
    page = box.page()
    assert page.post_form("/code", code=WRONG).status == 403
    assert give(page, box.enrolment).status == 403
    page.cookies["__Host-setup"] = "x" * 43
    assert give(page, box.enrolment).status == 403
    assert give(page, b"").status == 403
    assert not box.config.exists()


def test_a_guesser_waits_and_a_restart_does_not_help(box: Setup) -> None:
    page = box.page()
    for _ in range(5):
        assert page.post_form("/code", code=WRONG).status == 403
    told = page.post_form("/code", code=box.code)
    assert told.status == 429
    assert int(told.headers["Retry-After"]) >= 2
    box.kill()
    box.start()
    page = box.page()
    assert page.post_form("/code", code=box.code).status == 429
    wait_for("the wait is over", lambda: page.post_form("/code", code=box.code).status == 303, 10)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"Origin": "https://attacker.example"}),
        (403, {"Sec_Fetch_Site": "cross-site"}),
        (403, {}),
        (400, {"Host": "attacker.example", "Origin": "https://attacker.example"}),
    ],
)
def test_another_site_cannot_make_the_browser_do_it(box: Setup, status: int, headers: dict[str, str]) -> None:
    page = box.page()
    come_in(box, page)
    for path in ("/code", "/file"):
        body = b"code=x" if path == "/code" else box.enrolment
        assert page.ask("POST", path, body, Content_Type="text/plain", **headers).status == status
    assert not box.config.exists()


def test_its_answers_are_kept_by_nobody_and_shown_in_no_frame(box: Setup) -> None:
    headers = box.page().get("/").headers
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "<script" not in box.page().get("/").text


def test_ten_megabytes_are_refused_with_and_without_the_code(box: Setup) -> None:
    page = box.page()

    def status(size: int) -> int:
        try:
            return give(page, b"#" * size).status
        except (OSError, HTTPException):  # the door closes while it is still being sent
            return 413

    assert (status(10_000_000), status(100_000)) == (413, 413)
    come_in(box, page)
    assert (status(10_000_000), status(2_000_000), status(100_000)) == (413, 413, 422)
    assert page.get("/").status == 200
    assert give(page, b"format = 1 #" + b"x" * 1_048_000).status == 422, "a large file is read once somebody may"
    assert not box.config.exists()


def test_who_dawdles_holds_nobody_up(box: Setup) -> None:
    """A header byte by byte, a body that never comes, a handshake that is not begun: others are served at once."""
    context = ssl.create_default_context(cafile=str(box.data / "setup" / "page.crt"))
    plain = [socket.create_connection(("127.0.0.1", box.port), timeout=30) for _ in range(6)]
    slow = [context.wrap_socket(s, server_hostname="127.0.0.1") for s in plain[:4]]
    for s in slow[:2]:
        s.sendall(b"GET / HTTP/1.1\r\nHost: ")
    for s in slow[2:]:
        head = f"POST /code HTTP/1.1\r\nHost: 127.0.0.1:{box.port}\r\nOrigin: https://127.0.0.1:{box.port}\r\n"
        s.sendall((head + "Content-Length: 500\r\n\r\ncode=").encode())
    began = monotonic()
    come_in(box, box.page())
    assert monotonic() - began < 5
    for s in slow:  # given up by the box, not by us
        s.settimeout(25)
        while s.recv(4096):
            pass
        s.close()
    assert monotonic() - began < 25
    for s in plain[4:]:
        s.close()


def test_two_files_at_once_make_one_box(box: Setup) -> None:
    page = box.page()
    come_in(box, page)
    other = box.enrolment.replace(b'"US1"', b'"US2"')
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda data: give(page, data), (box.enrolment, other)))
    assert sorted(answer.status for answer in told) in ([200, 409], [200, 403])
    good = next(answer for answer in told if answer.status == 200)
    assert load(box.config).box.ae_title in good.text
    assert box.ended() == 0


def test_a_cut_between_code_and_file_leaves_a_box_that_can_be_set_up(box: Setup) -> None:
    page, code = box.page(), box.code
    come_in(box, page)
    box.kill()
    assert not box.config.exists()
    box.start()
    assert box.code == code, "the label still holds"
    again = box.page()
    again.cookies = dict(page.cookies)
    assert "E-06" in give(again, box.enrolment).text
    come_in(box, again)
    assert give(again, box.enrolment).status == 200
    assert box.ended() == 0


def test_a_stick_ends_it_as_well(box: Setup) -> None:
    file = box.folder / "modality-agent-enrol.toml"
    file.write_bytes(box.enrolment)
    argv = [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), "enrol", str(file)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    assert box.ended() == 0
    assert not (box.data / "setup").exists()


def test_it_does_not_begin_on_a_box_that_belongs_to_somebody(box: Setup) -> None:
    box.kill()
    box.config.write_text("")
    argv = [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), "setup", "--data", str(box.data)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, "E-02" in done.stderr) == (1, True)


def test_the_failure_page_steps_aside_and_comes_back(box: Setup) -> None:
    """It waits at the lock that the set-up page holds as the service would."""
    import fcntl

    fd = os.open(box.run / serving.LOCK, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    box.kill()
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(fd)


def test_so_many_wrong_codes_that_the_screen_shows_another(box: Setup) -> None:
    """The process ends so that its unit begins it, and the screen, anew; status 4 is the unit's sign for that."""
    from agent.setup_code import MOST_WRONG

    old = box.code
    box.kill()
    (box.data / "setup" / "tries.json").write_text(f'{{"in_all": {MOST_WRONG - 1}, "wrong": {{}}}}')
    box.start()
    assert box.code == old
    assert "E-05" in box.page().post_form("/code", code=WRONG).text
    assert box.ended() == 4
    box.start()
    assert box.code != old
    come_in(box, box.page())


def test_signals_end_it_in_time(box: Setup) -> None:
    assert box.process is not None
    busy = threading.Thread(target=lambda: box.page().get("/"))
    busy.start()
    box.process.send_signal(signal.SIGTERM)
    assert box.ended(10) == 0
    busy.join()
    assert (box.data / "setup" / "code").exists()
