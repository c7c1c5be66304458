"""F14: the pages while a source runs, 10,000 jobs drain and the disk stalls for two seconds again and again; and how
late the live picture is, by the counter inside it."""

from __future__ import annotations

import io
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import numpy as np
from PIL import Image

from drivers.simulator.counter import NoCounter, read_counter
from tests.bench.receivers import MEMORY, orthanc
from tests.bench.report import Row, limit
from tests.system.world import Box, Json, Page, sandbox_in, toml_for, wait_for

STILLS, ARCHIVES = 1_000, 10
"""Each still goes to each archive: 10,000 jobs."""
ROUNDS_OF_PAGES = 40
PAGES = ("/", "/queue", "/tray", "/exam/{exam}", "/exam/{exam}/review", "/exam/{exam}/finish", "/api/status")
NOBODY = 9
"""The port of an archive that does not answer: while the queue is filled nothing may leave it."""
P95_MS, STALL_US, EVERY = 100.0, 2_000_000, 25
FRAME_S = 0.04
_STALLED = f"""
import os, sys, threading
if os.environ.pop("UNDER_STRACE", "") == "":
    rule = "inject=fsync,fdatasync:delay_enter={STALL_US}:when={EVERY}+{EVERY}"
    line = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", rule]
    os.environ["UNDER_STRACE"] = "yes"
    os.execvp("strace", [*line, *sys.orig_argv])

begin = threading.Thread._bootstrap_inner

def begin_untraced(thread):
    with __import__("contextlib").suppress(OSError):
        os.fsync(1 << 30)  # until its first traced call, strace stops a new thread at every call that it makes
    begin(thread)

threading.Thread._bootstrap_inner = begin_untraced
"""


def f14(folder: Path, _count: int) -> Iterator[Row]:
    """Fill the queue while no archive answers, then let it drain under stalls and ask every page in turn."""
    with sandbox_in(folder / "sandbox") as sandbox, orthanc(MEMORY) as archive:
        box = Box(folder / "f14", _toml(toml_for(sandbox), NOBODY))
        box.start()
        try:
            _fill(box)
            box.stop()
            box.config.write_text(_toml(toml_for(sandbox), archive.port), encoding="utf-8")
            box.start(code=_STALLED)
            times, drained = _asked(box)
            late = _lateness(box)
        finally:
            box.stop()
    each = {page: statistics.quantiles(took, n=20)[-1] for page, took in times.items()}
    for page, p95 in each.items():
        yield limit(f"F14 {page}", "p95 of a page, ms, queue draining and disk stalling", [p95], P95_MS)
    print(f"{drained} of {STILLS * ARCHIVES} jobs were sent meanwhile; every {EVERY}th fsync took two seconds")
    middle, most = 1000 * statistics.median(late), 1000 * max(late)
    print(f"live picture: median {middle:.0f} ms behind the frame, most {most:.0f} ms")


def _toml(toml: str, port: int) -> str:
    head, _, rest = toml.partition("[[destination]]")
    others = "[" + rest.partition("\n[")[2]
    one = '[[destination]]\nname = "pacs{0}"\nhost = "127.0.0.1"\nport = {1}\ncalled_ae_title = "ORTHANC"\n'
    plain = "tls = false\nallow_plaintext = true\n"
    rows = "".join(one.format(number, port) + plain for number in range(ARCHIVES))
    return re.sub(r"\[web\]\n", "[web]\nrequest_limit = 10000\n", head + rows + others)


def _fill(box: Box) -> None:
    """Take the stills while no archive answers, and wait until they are queued."""
    exam = box.post("/exams/emergency", {"source": "us1"})
    for number in range(STILLS):
        box.capture(f"press-{number}")
    box.post(f"/exams/{exam['exam_id']}/finish")
    box.post(f"/exams/{exam['exam_id']}/release")
    wait_for("built", lambda: _queued(box) >= STILLS * ARCHIVES, 900)


def _queued(box: Box) -> int:
    status: Json = box.get("/status")
    return int(status["unsent"])


def _asked(box: Box) -> tuple[dict[str, list[float]], int]:
    """Ask every page in turn, each over a new connection, as the first page of a tablet is."""
    person = box.person("technician", screen=True)
    box.post("/worklist/refresh")
    exam = box.open_exam("Ґалаґан")
    for number in range(12):
        box.capture(f"during-{number}")
    before = _queued(box)
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    for _ in range(ROUNDS_OF_PAGES):
        for page, took in times.items():
            took.append(_took(person, page.format(exam=exam["exam_id"])))
    return times, before - _queued(box)


def _took(person: Page, path: str) -> float:
    began = monotonic()
    answered = person.get(path)
    assert answered.status == 200, (path, answered.status)
    return 1000 * (monotonic() - began)


def _lateness(box: Box) -> list[float]:
    """Return how many seconds old each of a hundred live pictures is on arrival, at most a frame too little.

    A still is the first frame after its press; so its counter and the time of the press date every other frame.
    """
    person = box.person("technician", screen=True)
    pressed = monotonic()
    frame = box.capture("to date the frames by")
    number = _number(person.ask("GET", f"/api/frames/{frame['frame_id']}/picture?width=720").body)
    late = []
    for counted, at in _live(person):
        late.append(at - (pressed + (counted - number) * FRAME_S))
        if len(late) == 100:
            break
    return late


def _number(jpeg: bytes) -> int:
    return read_counter(np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")))


def _live(person: Page) -> Iterator[tuple[int, float]]:
    connection = person.connection()
    cookies = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    connection.request("GET", "/api/sources/us1/preview", headers={"Cookie": cookies})
    answer = connection.getresponse()
    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += answer.read(1)
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
        jpeg, at = answer.read(length), monotonic()
        answer.read(2)
        try:
            yield _number(jpeg), at
        except NoCounter:
            continue
