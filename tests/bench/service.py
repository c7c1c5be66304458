"""F11 and F13: the memory of every process after a whole exam, and the whole service draining a queue."""

from __future__ import annotations

import http.client
import re
import sqlite3
import ssl
import statistics
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic

from tests import pki
from tests.bench.receivers import MEMORY, TITLE, Orthanc, orthanc
from tests.bench.report import Row, limit, row
from tests.bench.senders import dcmsend, peak_mb
from tests.system.world import PAUSE, Box, box_in, sandbox_in, toml_for, toml_for_peer, wait_for

STILLS = 40
QUEUED = 300
LIMITS = {"core": 45.0, "source child": 60.0, "storage sender": 25.0, "other peer child": 55.0, "build child": 80.0}


class Watch(threading.Thread):
    """Keeps a preview open, as a browser would, and remembers the peak memory of every child."""

    def __init__(self, box: Box) -> None:
        super().__init__(daemon=True)
        self.box, self.stopping = box, threading.Event()
        self.peaks: dict[str, float] = {}

    def run(self) -> None:
        threading.Thread(target=self._preview, daemon=True).start()
        while not self.stopping.wait(0.01):
            for kind, pid in children(self.box):
                self.peaks[kind] = max(self.peaks.get(kind, 0.0), peak_mb(pid))

    def _preview(self) -> None:
        context = ssl.create_default_context(cafile=str(self.box.data / "page.crt"))
        page = self.box.get("/status")["page"]
        with (
            suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(f"{page}api/sources/us1/preview", context=context, timeout=10) as preview,
        ):
            while not self.stopping.is_set():
                preview.read(4096)


def children(box: Box) -> Iterator[tuple[str, int]]:
    """Yield kind and pid of the service's children; a sender is a peer child that loaded no pydicom."""
    for module, pid in box.children():
        if module == "agent.dimse":
            with suppress(OSError):
                maps = Path(f"/proc/{pid}/maps").read_text()
                yield "other peer child" if "numpy" in maps else "storage sender", pid
        else:
            yield _KINDS[module], pid


_KINDS = {"drivers.host": "source child", "agent.objects": "build child", "agent.dimse.listener": "listener"}


def f11(folder: Path, _count: int) -> Iterator[Row]:
    """One whole exam with a preview open: worklist, 40 stills, building, sending, commitment."""
    times = []
    with sandbox_in(folder / "sandbox") as sandbox, box_in(folder / "f11", toml_for(sandbox)) as box:
        watch = Watch(box)
        watch.start()
        exam = box.open_exam("Ґалаґан")
        for number in range(STILLS):
            began = monotonic()
            box.capture(f"press-{number}")
            times.append(1000 * (monotonic() - began))
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("sent", lambda: len(box.jobs()) == STILLS and box.all_sent(), 60)
        watch.peaks["core"] = box.get("/process")["peak_kb"] / 1024
        watch.stopping.set()
    for name, most in LIMITS.items():
        what = "build child, 40 stills (clips: F11-clip)" if name == "build child" else name
        yield limit(f"F11-{name.split()[0]}", f"peak memory after a whole exam, MB: {what}", [watch.peaks[name]], most)
    p95 = statistics.quantiles(times, n=20)[-1]
    median = statistics.median(times)
    print(f"press to tick over the control socket, {STILLS} stills: median {median:.0f} ms, p95 {p95:.0f} ms")


def f13(folder: Path, count: int) -> Iterator[Row]:
    """300 queued objects of about 100 KB, drained by the whole service over TLS to default Orthanc."""
    keys = pki.make(folder / "pki13")
    with orthanc(MEMORY, keys) as secure, orthanc(MEMORY) as plain:
        box = Box(folder / "f13", _toml(secure.port, keys))
        box.start()
        box.emergency(QUEUED)
        wait_for("sent", lambda: box.sent() == QUEUED, 120)
        box.stop()
        files = sorted(str(f) for f in (box.data / "spool/objects").glob("*.dcm"))
        sizes = [Path(f).stat().st_size for f in files]
        mine, theirs = [], []
        for _ in range(count):
            mine.append(QUEUED / _drained(box, secure))
            plain.empty()
            theirs.append(QUEUED / dcmsend(plain.port, TITLE, files).whole)
    size = statistics.mean(sizes) / 1000
    work = f"{QUEUED} queued objects of {size:.0f} KB by the whole service over TLS, objects/s, dcmsend (plain)"
    yield row("F13", work, mine, theirs, ">= 5")


def _drained(box: Box, archive: Orthanc) -> float:
    """Queue everything again and return the seconds from the first claim to the last answer's commit."""
    archive.empty()
    with sqlite3.connect(box.data / "agent.sqlite3") as database:
        (last,) = database.execute("SELECT max(event_id) FROM event").fetchone()
        database.execute("UPDATE job SET state = 'pending', not_before = 0, retried = 0")
    database.close()
    box.start(ready=False)
    wait_for("up", lambda: (box.data / "control.sock").exists() and _sent(box, last) == QUEUED, 60)
    with sqlite3.connect(box.data / "agent.sqlite3") as database:
        query = "SELECT min(at), max(at) FROM event WHERE machine = 'job' AND event_id > ?"
        first, done = (datetime.fromisoformat(at) for at in database.execute(query, (last,)).fetchone())
    database.close()
    box.stop()
    return (done - first).total_seconds()


def _sent(box: Box, since: int) -> int:
    PAUSE.wait(0.3)
    with sqlite3.connect(box.data / "agent.sqlite3") as database:
        query = "SELECT count(*) FROM event WHERE machine = 'job' AND event = 'sent' AND event_id > ?"
        (count,) = database.execute(query, (since,)).fetchone()
    database.close()
    return int(count)


def _toml(port: int, keys: pki.Pki) -> str:
    tls = f'[tls]\nca_file = "{keys.ca}"\ncertificate_file = "{keys.agent_cert}"\nkey_file = "{keys.agent_key}"\n'
    plain = "tls = false\nallow_plaintext = true\n"
    toml = toml_for_peer(port).replace(plain, 'verify = "ca-only"\nmaximum_batch = 300\n')
    toml = re.sub(r'called_ae_title = "ARCHIVE"', f'called_ae_title = "{TITLE}"', toml)
    return toml.replace("[[source]]", f"{tls}[[source]]").replace(
        'driver = "simulator"', 'driver = "simulator"\npicture = { encoding = "jpeg", jpeg_quality = 97 }'
    )
