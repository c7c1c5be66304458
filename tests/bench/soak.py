"""`make soak`: F6, answers lost in back-to-back stores with both cores busy; STORES=100000 ours, PYNETDICOM=10000.

An answer is lost when a store ends without a status although the peer took the object; doubled when one object gets
two outcomes. The same run shows pynetdicom, which loses one now and then (its reactor takes the answer away from the
thread that waits for it).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from pydicom import dcmread
from pynetdicom import AE

from agent.errors import AgentError
from agent.launcher import ExecLauncher
from agent.peers import Peers
from tests.bench import report
from tests.bench.objects import Batch, native
from tests.bench.receivers import TITLE, storescp
from tests.bench.senders import address

BATCH = 500
_SPIN = "while True: pass"


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What came of a run of stores."""

    stores: int
    lost: int
    doubled: int
    seconds: float


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with work of no use."""
    burners = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def ours(port: int, batch: Batch, stores: int) -> Counted:
    """Send `stores` objects, as delivery does: batches on one association each, each by a new child."""
    launcher = ExecLauncher()
    peers, began, outcomes, number = Peers(launcher), monotonic(), Counter[int](), 0
    lost = 0
    while number < stores:
        items = [
            asdict(replace(batch.items[n % len(batch.items)], job_id=number + n))
            for n in range(min(BATCH, stores - number))
        ]
        answered: list[str] = []

        def on_progress(value: dict[str, Any], _fds: list[int], answered: list[str] = answered) -> None:
            if "outcome" in value:
                outcomes[value["job"]] += 1
                answered.append(value["outcome"]["code"])

        try:
            request = {"peer": asdict(address(port, TITLE)), "items": items}
            peers.call("store", request, deadline_s=600, on_progress=on_progress)
        except AgentError as e:
            print(f"a child ended: {e.code} {e.message}")
        lost += len(items) - answered.count("0x0000")
        number += len(items)
    peers.close()
    launcher.close()
    doubled = sum(count - 1 for count in outcomes.values())
    return Counted(stores=stores, lost=lost, doubled=doubled, seconds=monotonic() - began)


def pynetdicoms(port: int, batch: Batch, stores: int) -> Counted:
    """Send the same with stock pynetdicom, a hundred on each association."""
    began, lost, done = monotonic(), 0, 0
    ds = dcmread(batch.items[0].path)
    entity = AE(ae_title="AGENT")
    entity.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    while done < stores:
        association = entity.associate("127.0.0.1", port, ae_title=TITLE)
        for _ in range(100):
            if not association.is_established:
                break
            lost += "Status" not in association.send_c_store(ds)
            done += 1
        if association.is_established:
            association.release()
    return Counted(stores=done, lost=lost, doubled=0, seconds=monotonic() - began)


def run(stores: int, stock: int) -> tuple[Counted, Counted]:
    """Return our figures and pynetdicom's, both with busy cores."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        batch = native(Path(folder), 0.012, 0, 50)
        with storescp(Path(folder) / "scp", "--ignore", nodelay=True) as port, busy_cores():
            return ours(port, batch, stores), pynetdicoms(port, batch, stock)


def main() -> None:
    stores, stock = int(os.environ.get("STORES", "100000")), int(os.environ.get("PYNETDICOM", "10000"))
    mine, theirs = run(stores, stock)
    for name, counted in (("ours", mine), ("pynetdicom", theirs)):
        print(
            f"{name}: {counted.stores} stores in {counted.seconds:.0f} s, "
            f"{counted.lost} answers lost, {counted.doubled} doubled"
        )
    work = f"answers lost or doubled in {mine.stores} stores, cores busy; pynetdicom {theirs.lost} in {theirs.stores}"
    rows = [report.limit("F6", work, [float(mine.lost + mine.doubled)], 0)]
    report.show(rows)
    report.write(rows)
    sys.exit(0 if rows[0].met else 1)


if __name__ == "__main__":
    main()
