"""A box and its surroundings for system tests: the real service as a process, the sandbox's RIS and PACS."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from http.cookies import SimpleCookie
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydicom import dcmread

from agent.cli.client import Client, NotRunning
from agent.dimse.sandbox.run import run_sandbox
from agent.errors import AgentError, from_wire
from agent.sandbox_command import configuration

Json = dict[str, Any]
PAUSE = threading.Event()


def wait_for(what: str, holds: Callable[[], Any], limit_s: float = 30.0) -> Any:
    """Return the first true value of `holds()`; fails after `limit_s` seconds."""
    end = monotonic() + limit_s
    while True:
        value = holds()
        if value:
            return value
        assert monotonic() < end, f"{what}: not within {limit_s} s"
        PAUSE.wait(0.05)


@dataclass(frozen=True)
class Received:
    """One file that the PACS has."""

    path: Path
    sop_instance_uid: str
    patient_id: str
    patient_name: str
    pixels_sha256: str


class Sandbox:
    """The embedded RIS and PACS, running in a thread of the test."""

    def __init__(self, folder: Path, description: Json) -> None:
        self.folder, self.description = folder, description

    def faults(self, **asked: Any) -> None:
        (self.folder / "faults.json").write_text(json.dumps(asked))

    def received(self) -> list[Received]:
        """Every picture that the PACS keeps, one row for each time it was stored."""
        return [_received(path) for path in self.files() if "Rows" in dcmread(path, specific_tags=["Rows"])]

    def files(self) -> list[Path]:
        """Every object that the PACS keeps, key object documents included, in the order of arrival."""
        index = Path(self.description["received"]) / "index.jsonl"
        rows = [json.loads(line) for line in index.read_text().splitlines()] if index.exists() else []
        return [index.parent / row["file"] for row in rows]


def _received(path: Path) -> Received:
    ds = dcmread(path)
    size = ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
    return Received(
        path=path,
        sop_instance_uid=str(ds.SOPInstanceUID),
        patient_id=str(ds.PatientID),
        patient_name=str(ds.PatientName),
        pixels_sha256=hashlib.sha256(ds.PixelData[:size]).hexdigest(),
    )


@contextmanager
def sandbox_in(folder: Path) -> Iterator[Sandbox]:
    """Run a sandbox below `folder` for the length of the block."""
    stop, up = threading.Event(), threading.Event()
    description: Json = {}

    def ready(told: Json) -> None:
        description.update(told)
        up.set()

    def clock() -> datetime:
        return datetime.now(UTC).astimezone()

    arguments = {"clock": clock, "stop_event": stop, "on_ready": ready}
    thread = threading.Thread(target=run_sandbox, args=(folder,), kwargs=arguments, daemon=True)
    thread.start()
    assert up.wait(20), "the sandbox did not come up"
    try:
        yield Sandbox(folder, description)
    finally:
        stop.set()
        thread.join(timeout=20)


@dataclass(frozen=True)
class Answered:
    """One answer of the page's door."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Page:
    """A browser without a screen: TLS, cookies that it keeps, same-origin proof; follows nothing by itself.

    `get` and `post_form` are for pages, `api` for the JSON interface (raises the box's own errors), `ask` for
    everything that a browser would not do.
    """

    def __init__(self, address: str, certificate: Path, *, bearer: str = "", patience_s: float = 30) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "", parts.port or 443
        self.origin = f"https://{parts.netloc}"
        self.cookies: dict[str, str] = {}
        self.bearer = bearer
        self._context, self._patience_s = ssl.create_default_context(cafile=str(certificate)), patience_s

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self._context, timeout=self._patience_s)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        """Send one request with the cookies and exactly these headers, and keep the cookies of its answer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.bearer:
            sent["Authorization"] = f"Bearer {self.bearer}"
        connection = self.connection()
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            answered = Answered(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        for line in answered.headers.get_all("Set-Cookie") or []:
            self._keep(line)
        return answered

    def _keep(self, line: str) -> None:
        (name, morsel), *_ = SimpleCookie(line).items()
        assert morsel["secure"]
        assert morsel["httponly"]
        assert morsel["samesite"].lower() == "strict"
        assert (morsel["path"], morsel["domain"]) == ("/", "")
        if morsel.value and morsel["max-age"] != "0":
            self.cookies[name] = morsel.value
        else:
            self.cookies.pop(name, None)

    def get(self, path: str = "/") -> Answered:
        return self.ask("GET", path, Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="navigate", Accept="text/html")

    def post_form(self, path: str, **fields: str) -> Answered:
        """Post a form as the box's own page does."""
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(fields).encode(), Origin=self.origin, Content_Type=kind)

    def api(self, method: str, path: str, body: Json | None = None) -> Any:
        """Ask the JSON interface; raises the error that the box names."""
        raw = None if method == "GET" else json.dumps(body or {}).encode()
        answered = self.ask(method, f"/api{path}", raw, Origin=self.origin, Content_Type="application/json")
        if answered.status != 200:
            raise from_wire(answered.json)
        return answered.json


PASSWORD = "correct horse battery staple"


class Box:
    """One box: its folder, its configuration and, when started, its process."""

    def __init__(self, folder: Path, toml: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(toml, encoding="utf-8")
        self.log = folder / "run.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.data = folder / "data"

    def start(self, *, ready: bool = True, code: str = "", **environment: str) -> None:
        """Start the service; `code` runs first in its process (to take a promise away, for negative tests)."""
        line = [sys.executable, "-P", "-c", f"{code}\nfrom agent.cli import main; main()"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*line, "--config", str(self.config), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )
        if ready:
            self.wait_ready()

    def wait_ready(self, limit_s: float = 40.0) -> None:
        """Wait until every source shows a picture."""

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.text()
            try:
                return all(s["signal"] == "present" for s in self.get("/sources"))
            except (NotRunning, AgentError):
                return False

        wait_for("the box is ready", ready, limit_s)

    @property
    def client(self) -> Client:
        return Client(self.data / "control.sock")

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, body: Json | None = None) -> Any:
        return self.client.post(path, body)

    # --- the page's door ------------------------------------------------------------------------------------

    def page(self, *, bearer: str = "") -> Page:
        """A browser on which nobody is logged in."""
        return Page(self.get("/status")["page"], self.data / "page.crt", bearer=bearer)

    def person(self, role: str, name: str = "", *, pin: str = "", screen: bool = False) -> Page:
        """A browser on which a person with this role is logged in; made on the way if need be.

        With `screen` the browser is enrolled first (bound to no source).
        """
        name = name or f"Test {role}"
        known = {user["name"]: user for user in self.get("/users")}
        if name not in known:
            known[name] = self.post("/users", {"name": name, "role": role, "password": PASSWORD})
            if pin:
                self.post(f"/users/{known[name]['user_id']}/pin", {"secret": pin})
        page = self.screen() if screen else self.page()
        page.api("POST", "/me/login", {"name": name, "password": PASSWORD})
        return page

    def technician(self, **more: Any) -> Page:
        return self.person("technician", **more)

    def administrator(self, **more: Any) -> Page:
        return self.person("administrator", **more)

    def screen(self, source: str = "", name: str = "Tablet") -> Page:
        """An enrolled screen on which nobody is logged in."""
        page = self.page()
        code = self.post("/screens/code")["code"]
        page.api("POST", "/enrol/screen", {"code": code, "name": name, "source": source})
        return page

    def open_exam(self, surname: str = "", source: str = "us1") -> Json:
        """Open an exam for the first worklist entry that begins with `surname`."""
        entries = self.post("/worklist/refresh")["entries"]
        entry = next(e for e in entries if e["patient"]["name"].startswith(surname) and not e["blocked"])
        body = {"source": source, "key": entry["key"], "digest": entry["digest"]}
        return self.post("/exams", body)

    def emergency(self, pictures: int, source: str = "us1") -> list[str]:
        """Take pictures for an unknown patient, have them sent as they are, and return their SOP Instance UIDs."""
        exam = self.post("/exams/emergency", {"source": source})
        uids = [self.capture(f"{exam['exam_id']}-{n}")["sop_instance_uid"] for n in range(pictures)]
        self.post(f"/exams/{exam['exam_id']}/finish")
        self.post(f"/exams/{exam['exam_id']}/release")
        return uids

    def job(self, sop_instance_uid: str) -> Json | None:
        """Return the store job of one object, once it is queued."""
        return next((j for j in self.jobs() if j["sop_instance_uid"] == sop_instance_uid), None)

    def capture(self, trigger_id: str, source: str = "us1") -> Json:
        return self.post(f"/sources/{source}/capture", {"trigger_id": trigger_id})

    def queue(self, kind: str = "store") -> list[Json]:
        return [job for job in self.get("/queue") if job["kind"] == kind]

    def jobs(self) -> list[Json]:
        """The objects in the queue."""
        return self.queue()

    def sent(self) -> int:
        """How many objects of the queue were sent."""
        return sum(job["state"] in ("sent", "confirmed") for job in self.jobs())

    def all_sent(self) -> bool:
        jobs = self.jobs()
        return bool(jobs) and all(job["state"] in ("sent", "confirmed") for job in jobs)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def children(self) -> Iterator[tuple[str, int]]:
        """Yield module and pid of every child of the core that lives now."""
        assert self.process is not None
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):
                for pid in map(int, (task / "children").read_text().split()):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if b"-m" in words:
                        yield words[words.index(b"-m") + 1].decode(), pid

    def kill(self) -> None:
        """SIGKILL the core, at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=10)

    def stop(self) -> int:
        """Ask the service to end and return its exit status; it has ten seconds."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


@contextmanager
def box_in(folder: Path, toml: str, **start: Any) -> Iterator[Box]:
    """Run a box below `folder` for the length of the block."""
    box = Box(folder, toml)
    box.start(**start)
    try:
        yield box
    finally:
        box.stop()


def toml_for_peer(port: int, **delivery: float) -> str:
    """Return the configuration of a box without a worklist whose one destination is a plain peer on this machine."""
    waits = "".join(f"{key} = {value}\n" for key, value in delivery.items())
    return f"""
[box]
name = "Test"
ae_title = "AGENT"
data_dir = "data"
clock = "host"
[web]
port = 0
[exam]
undo_window_s = 0
[[source]]
name = "us1"
driver = "simulator"
[source.object]
modality = "US"
[[destination]]
name = "archive"
host = "127.0.0.1"
port = {port}
called_ae_title = "ARCHIVE"
tls = false
allow_plaintext = true
[delivery]
minimum_free_mb = 50
{waits}"""


def toml_for(sandbox: Sandbox, *, undo_window_s: int = 0) -> str:
    """Return the configuration of a box that uses `sandbox`."""
    return configuration(sandbox.description, undo_window_s=undo_window_s)
