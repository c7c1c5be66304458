"""The page that answers while the service does not: on a shared socket, in two languages, with nothing but Python."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from agent.config.web import Web
from agent.errors import AgentError, ConfigurationError, DatabaseDamaged, StorageError
from agent.failure.__main__ import USUAL, certified, where
from agent.failure.causes import CAUSES, ENDED, LONG, NOT_SET_UP, SOON_S, STARTING, Cause, cause
from agent.failure.door import FailureDoor, Surroundings
from agent.failure.page import STYLE, answer, sentence
from agent.ops import page_certificate, serving
from tests.system.world import wait_for

ALL = (*CAUSES.values(), STARTING, LONG, ENDED, NOT_SET_UP)
UKRAINIAN = re.compile("[а-щьюяіїєґ]", re.IGNORECASE)


@dataclass
class Standing:
    """A door on a socket that a core may take."""

    listening: socket.socket
    runtime: Path
    config: Path

    def ask(self, path: str = "/", method: str = "GET") -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = socket.create_connection(self.listening.getsockname(), timeout=10)
        with raw, context.wrap_socket(raw) as secure:
            secure.sendall(f"{method} {path} HTTP/1.1\r\nHost: box\r\n\r\n".encode())
            said = b""
            while part := secure.recv(65536):
                said += part
        return said.decode()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    page_certificate.make(folder, "page", datetime.now(UTC))
    return folder


@contextmanager
def door(folder: Path, own: Path) -> Iterator[Standing]:
    runtime, config = folder / "run", folder / "config.toml"
    runtime.mkdir()
    config.touch()
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        around = Surroundings(
            runtime=runtime,
            config=config,
            monotonic=monotonic,
            context=lambda: certified(folder / "none", own),
            listening=listening.dup,
        )
        standing = FailureDoor(around)
        thread = threading.Thread(target=standing.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield Standing(listening, runtime, config)
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()


def test_whoever_opens_the_page_is_told_what_happened(tmp_path: Path, own: Path) -> None:
    with door(tmp_path, own) as standing:
        said = standing.ask()
        assert said.startswith("HTTP/1.1 503 ")
        assert "Retry-After: 5\r\n" in said
        assert 'http-equiv="refresh" content="5; url=/"' in said
        assert said.index("Пристрій запускається.") < said.index("The box is starting.")
        serving.say_last(standing.runtime, DatabaseDamaged.code)
        said = standing.ask("/queue", "POST")
        for what, act in (("База даних пошкоджена.", "Повідомте ІТ"), ("The database is damaged.", "Tell IT")):
            begins, does, code = said.index(what), said.index(act), said.index(">D-05<", said.index(act))
            assert begins < does < code, "the code comes last"
        standing.config.unlink()
        assert "not set up yet" in standing.ask()


def test_programs_are_told_so_that_they_understand(tmp_path: Path, own: Path) -> None:
    with door(tmp_path, own) as standing:
        serving.say_last(standing.runtime, "D-10")
        for path, wanted in (("/health", {"state": "failing", "parts": {}}), ("/api/status", None)):
            said = standing.ask(path)
            assert said.startswith("HTTP/1.1 503 ")
            body = json.loads(said.partition("\r\n\r\n")[2])
            assert body == wanted or body["code"] == "D-10"


def test_the_core_has_the_door_as_soon_as_it_serves_and_gives_it_back_by_dying(tmp_path: Path, own: Path) -> None:
    with door(tmp_path, own) as standing:
        assert "503" in standing.ask()
        serving.say_last(standing.runtime, "C-01")
        code = (
            "import sys, time; from pathlib import Path; from agent.ops import serving;"
            "fd = serving.hold(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
        )
        argv = [sys.executable, "-P", "-c", code, str(standing.runtime)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as core:
            assert core.stdout is not None
            assert core.stdout.readline() == "held\n"
            assert serving.last(standing.runtime) == ("", 0), "it came up: what was before is forgotten"
            threading.Event().wait(1.2)  # the door looks every half second
            with socket.create_connection(standing.listening.getsockname(), timeout=5) as client:
                client.settimeout(2)
                with pytest.raises(TimeoutError):
                    client.recv(1)  # nobody but the core would take it
                core.kill()
            core.wait(10)
        began = monotonic()
        wait_for("the page", lambda: "503" in standing.ask(), 10)
        assert monotonic() - began < 5


def test_clients_that_say_nothing_keep_nobody_out_for_long(tmp_path: Path, own: Path) -> None:
    with door(tmp_path, own) as standing:
        idle = [socket.create_connection(standing.listening.getsockname()) for _ in range(20)]
        try:
            wait_for("an answer", lambda: "503" in standing.ask(), 40)
        finally:
            for client in idle:
                client.close()


def test_the_certificate_is_the_page_s_own_and_is_kept_for_the_next_boot(tmp_path: Path, own: Path) -> None:
    serving.keep_certificate(tmp_path, str(own / "page.crt"), str(own / "page.key"))
    kept = tmp_path / "failure" / serving.PAGE
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.stat().st_ino
    serving.keep_certificate(tmp_path, str(own / "page.crt"), str(own / "page.key"))
    assert kept.stat().st_ino == before, "the card is spared"
    assert certified(kept, tmp_path / "none")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert certified(tmp_path / "none", fresh)
    assert (fresh / "page.key").exists(), "before the first start it makes one of its own"


def test_failures_in_a_row_are_counted(tmp_path: Path) -> None:
    serving.say_last(None, "D-10")
    serving.say_last(tmp_path / "none", "D-10")
    assert serving.last(tmp_path) == ("", 0)
    for times in (1, 2, 3):
        serving.say_last(tmp_path, "D-10")
        assert serving.last(tmp_path) == ("D-10", times)
    (tmp_path / serving.LAST).write_text('{"code": ["<script>"]}')
    assert serving.last(tmp_path) == ("", 0)


@pytest.mark.parametrize(
    ("code", "waiting_s", "set_up", "told"),
    [
        ("", 1.0, True, STARTING),
        ("", SOON_S + 1, True, LONG),
        ("B-00", 1.0, True, ENDED),
        ("B-00", SOON_S + 1, True, LONG),
        (ConfigurationError.code, SOON_S + 1, True, CAUSES["C-01"]),
        (StorageError.code, 1.0, True, CAUSES["D-10"]),
        ("D-05", 1.0, False, NOT_SET_UP),
    ],
)
def test_every_reason_has_its_words(code: str, waiting_s: float, set_up: bool, told: Cause) -> None:
    assert cause(code, waiting_s=waiting_s, set_up=set_up) is told


@pytest.mark.parametrize("told", ALL, ids=lambda told: told.what)
def test_every_sentence_is_there_in_both_languages(told: Cause) -> None:
    for text in (told.what, told.safe, told.act):
        assert UKRAINIAN.search(sentence(text, "uk")), text
        assert sentence(text, "en") == text
    assert told.safe
    assert told.act


def test_its_codes_are_those_of_the_service() -> None:
    import agent.operations_errors  # noqa: F401 - so that its codes are known here

    assert {code for code in CAUSES if AgentError.by_code(code) is AgentError} == set()


def test_what_it_says_is_escaped_and_its_style_is_the_only_one_allowed() -> None:
    said = answer("/", STARTING, "<b>").decode()
    assert "<b></p>" not in said
    assert "&lt;b&gt;" in said
    assert said.count("<style>") == 1
    assert STYLE in said
    assert "default-src 'none'; style-src 'sha256-" in said


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ('[web]\nlisten = "0.0.0.0"\nport = 443', ("0.0.0.0", 443)),
        ("[web]\nport = 443", (USUAL[0], 443)),
        ("[web\nport = 443", USUAL),
        ("web = 5", USUAL),
        ('[web]\nport = "many"', USUAL),
        ("", USUAL),
    ],
)
def test_it_stands_where_the_page_is_to_be_whatever_else_is_wrong(
    tmp_path: Path, told: str, found: tuple[str, int]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(told)
    assert where(config) == found
    assert where(tmp_path / "none") == USUAL == (Web().listen, Web().port)


def test_it_is_of_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import agent.failure.__main__;"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"agent", "systemd"}
