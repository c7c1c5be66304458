"""`make cuts-test`: the power of a whole box is cut at random instants, again and again (CUTS=20).

The product image under QEMU, killed with SIGKILL while exams run, and started again on the disk that it left. The
oracle saw only acknowledgements and the PACS: what was told must arrive (P1), once and unchanged (P3), and nothing
may be called sent that the PACS does not have (P5). The source is the simulator: the box's own disk and database are
what is tried here. What a kill of QEMU cannot lose, a disk's volatile cache, is `make powercut-test`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

from agent.errors import AgentError
from tests.appliance.guest import Guest, ServiceSilent, put_files
from tests.appliance.image import BOOT_OFFSET, from_kernel, image, missing
from tests.appliance.site import SIMULATOR, enrolment, site_in
from tests.appliance.story import slowly
from tests.appliance.tpm import Tpm
from tests.system.kill_test import Oracle
from tests.system.world import PAUSE, Json, Sandbox

SLOW_S = 1500
LONGEST_S = 60.0
"""How long a life may be once the box is ready."""
WORDS = "modality.slot=a ro quiet panic=10 fsck.repair=yes net.ifnames=0 console=ttyS0"


class Box:
    """One box whose power is cut."""

    def __init__(self, guest: Guest, sandbox: Sandbox, luck: random.Random) -> None:
        self.guest, self.sandbox, self.luck = guest, sandbox, luck
        self.oracle = Oracle()
        self.presses, self.cuts, self.told_before = 0, 0, 0
        self.starts: list[float] = []

    def life(self) -> None:
        """One start, exams, one cut at a random instant of the work."""
        self.start()
        threading.Thread(target=self._cut_later, args=(self.luck.uniform(0.5, LONGEST_S),), daemon=True).start()
        with suppress(OSError):  # the power went; anything else is an error of its own
            while True:
                self.exam()
        assert self.guest.process is not None
        self.guest.process.wait(60)
        self.guest.forget()
        self.cuts += 1
        new, self.told_before = len(self.oracle.told) - self.told_before, len(self.oracle.told)
        ready = f"ready {self.starts[-1]:.0f} s after power"
        print(f"cut {self.cuts}: {ready}, {new} captures told in this life", flush=True)

    def start(self) -> None:
        begun = monotonic()
        self.guest.boot(limit_s=900)
        slowly("the service", self._ready, SLOW_S)
        self.starts.append(monotonic() - begun)
        slowly("the clock is trusted", lambda: self.guest.get("/status")["clock_trust"] == "synchronised", SLOW_S)
        for exam in self.guest.get("/exams"):
            if exam["state"] == "open":
                self.guest.post(f"/exams/{exam['exam_id']}/finish")

    def _ready(self) -> bool:
        with suppress(ServiceSilent, AgentError):
            return all(source["signal"] == "present" for source in self.guest.get("/sources"))
        return False

    def _cut_later(self, seconds: float) -> None:
        PAUSE.wait(seconds)
        self.guest.kill()

    def exam(self) -> None:
        told = self.guest.post("/worklist/refresh")
        entries = [entry for entry in told.pop("entries") if not entry["blocked"]]
        assert entries, f"no order at {self.guest.get('/status')['now']}: {told}"
        entry = self.luck.choice(entries)
        typed = {"mode": "reenter", "typed": entry["patient"]["patient_id"]}
        exam = self.guest.post("/exams", {"source": "us1", "key": entry["key"], "digest": entry["digest"], **typed})
        for _ in range(3):
            self.presses += 1
            with suppress(AgentError):
                frame: Json = self.guest.post("/sources/us1/capture", {"trigger_id": f"press-{self.presses}"})
                self.oracle.ticked(frame, exam["patient"]["patient_id"])
        self.guest.post(f"/exams/{exam['exam_id']}/finish")

    def settle(self) -> list[str]:
        """A last, undisturbed life: everything told must arrive. Returns everything that is wrong."""
        self.start()
        slowly("the queue is empty", self._settled, SLOW_S)
        wrong = self.oracle.believe(self.guest.get("/queue"), self.sandbox) + self.oracle.account(self.sandbox)
        health = self.guest.sh(_INTEGRITY)
        return wrong + ([] if health.strip() == "ok" else [f"integrity_check: {health}"])

    def _settled(self) -> bool:
        return self.guest.get("/status")["unsent"] == 0 and not any(
            e["state"] == "finishing" or (e["state"] == "released" and e["captured"] > e["sent"] + e["held"])
            for e in self.guest.get("/exams")
        )


_INTEGRITY = (
    'python3 -c "import sqlite3; print(sqlite3.connect('
    "'file:/var/lib/modality-agent/agent.sqlite3?mode=ro', uri=True).execute('PRAGMA integrity_check').fetchone()[0])\""
)


def main(cuts: int, seed: int, *, with_chip: bool = False) -> int:
    """Run; return 0 when nothing that was told is lost, changed or doubled, and nothing was said that is not so."""
    why = missing()
    if why:
        print(f"power cuts of a whole box: not possible here, {why}")
        return 2
    begun, luck = monotonic(), random.Random(seed)
    product = image()
    with tempfile.TemporaryDirectory(prefix="cuts-") as name, site_in(Path(name) / "site") as sandbox:
        folder = Path(name)
        disk = Path(shutil.copyfile(product / "disk.img", folder / "disk.img"))
        told = enrolment(sandbox, source=SIMULATOR, pedal=False, reader=False)
        put_files(disk, BOOT_OFFSET, {"modality-agent-enrol.toml": told})
        kernel = [from_kernel(product, file, folder / file) for file in ("vmlinuz", "initrd.img")]
        chip = Tpm(folder) if with_chip else None
        guest = Guest(folder, disk, kernel=(kernel[0], kernel[1], WORDS), tpm=chip, started=sandbox.time_server.anew)
        box = Box(guest, sandbox, luck)
        try:
            for _ in range(cuts):
                box.life()
            wrong = box.settle()
        finally:
            guest.stop()
    for line in wrong:
        print(line)
    slowest = max(box.starts)
    told = len(box.oracle.told)
    print(f"{told} captures acknowledged, {len(wrong)} lost, doubled, changed or said in vain (seed {seed})")
    print(f"{box.cuts} power cuts in {monotonic() - begun:.0f} s; slowest start {slowest:.0f} s after power (emulated)")
    return int(bool(wrong) or not told)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--chip", action="store_true", help="with a TPM: the data partition is encrypted")
    a = parser.parse_args()
    sys.exit(main(a.cuts, a.seed, with_chip=a.chip))
