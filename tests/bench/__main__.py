"""`make bench`: measures side by side and writes build/bench.json. So far: memory of the core after a whole exam.

Memory is the kernel's VmHWM of the core process after worklist, exam, stills with a preview open, delivery.
"""

from __future__ import annotations

import http.client
import json
import ssl
import statistics
import tempfile
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.system.world import Box, box_in, sandbox_in, toml_for, wait_for

CORE_GOAL_MB = 45.0
STILLS = 40


def watch(box: Box, stop: threading.Event) -> None:
    """Keep a preview open, as a browser would."""
    context = ssl.create_default_context(cafile=str(box.data / "page.crt"))
    page = box.get("/status")["page"]
    preview = urllib.request.urlopen(f"{page}api/sources/us1/preview", context=context, timeout=10)
    with preview, suppress(http.client.IncompleteRead):  # the box ends before its last viewer
        while not stop.is_set():
            preview.read(4096)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox_in(Path(folder) / "sandbox") as sandbox,
        box_in(Path(folder) / "box", toml_for(sandbox)) as box,
    ):
        exam = box.open_exam("Ґалаґан")
        stop = threading.Event()
        viewer = threading.Thread(target=watch, args=(box, stop), daemon=True)
        viewer.start()
        times = []
        for number in range(STILLS):
            began = monotonic()
            box.capture(f"press-{number}")
            times.append(1000 * (monotonic() - began))
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("sent", lambda: len(box.jobs()) == STILLS and box.all_sent(), 60)
        stop.set()
        peak = box.get("/process")["peak_kb"] / 1024
    p95 = statistics.quantiles(times, n=20)[-1]
    rows = [
        {
            "id": "F11-core",
            "work": "peak resident memory of the core after a whole exam with a preview open, MB",
            "ours": round(peak, 1),
            "peer": CORE_GOAL_MB,
            "ratio": round(peak / CORE_GOAL_MB, 2),
            "goal": "<= 45 MB",
            "met": peak <= CORE_GOAL_MB,
        }
    ]
    Path("build").mkdir(exist_ok=True)
    Path("build/bench.json").write_text(json.dumps({"results": rows}, indent=1))
    for row in rows:
        print(f"{row['id']}: {row['ours']} ({row['goal']}: {'met' if row['met'] else 'MISSED'})  {row['work']}")
    median = statistics.median(times)
    print(f"press to tick over the control socket, {STILLS} stills: p95 {p95:.0f} ms, median {median:.0f} ms")


if __name__ == "__main__":
    main()
