"""Kills the service while it captures, builds and sends, and accounts for every acknowledged capture.

`python -m tests.system.kill_test --kills 200`. The oracle knows only what the technician saw (answers of the
service) and what the PACS holds. At least half of the deaths are inside a capture or a transfer, at named steps.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

from agent.cli.client import NotRunning
from agent.errors import AgentError
from tests.system.world import PAUSE, Box, Json, Sandbox, sandbox_in, toml_for, wait_for

_CAPTURE = ("written", "file-synced", "renamed", "folder-synced", "committed", "before-tick")
CAPTURE = tuple(f"capture:{step}" for step in _CAPTURE)
SEND = ("send:claimed", "send:answered", "send:settled")
BUILD = ("build:written", "build:renamed", "build:folder-synced", "build:verified", "build:queued")
RANDOM = "random instant"
PICTURES = 3
PLAN = (*CAPTURE, *SEND, *BUILD, *CAPTURE, *SEND, RANDOM, RANDOM)
"""18 of 25 inside a capture or a transfer; every step at least once in 25."""


class Oracle:
    """What the technician was told: SOP Instance UID → (PatientID, hash of the pixels)."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[str, str]] = {}
        self.refused = 0

    def ticked(self, frame: Json, patient_id: str) -> None:
        uid = frame["sop_instance_uid"]
        fact = (patient_id, frame["payload_sha256"])
        assert self.told.setdefault(uid, fact) == fact, "one UID was told for two contents"

    def account(self, sandbox: Sandbox) -> list[str]:
        """Return everything that is wrong between what was told and what the PACS holds."""
        held: dict[str, set[tuple[str, str]]] = {}
        for one in sandbox.received():
            held.setdefault(one.sop_instance_uid, set()).add((one.patient_id, one.pixels_sha256))
        wrong = [f"lost: {uid}" for uid in self.told if uid not in held]
        wrong += [f"two contents: {uid}" for uid, contents in held.items() if len(contents) > 1]
        wrong += [f"changed: {uid}" for uid, fact in self.told.items() if held.get(uid, {fact}) != {fact}]
        return wrong


class Cruelty:
    """One box that dies again and again."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int) -> None:
        self.sandbox, self.oracle, self.deaths = sandbox, Oracle(), Counter[str]()
        self.box = Box(folder, toml_for(sandbox))
        self.luck = random.Random(seed)
        self._press = 0

    def run(self, kills: int) -> None:
        for number in range(kills):
            self.life(PLAN[number % len(PLAN)])

    def life(self, plan: str) -> None:
        """One start, some work, one death as planned."""
        # One claim takes a whole batch, so that step may come only once.
        turn = 1 if plan == "send:claimed" else self.luck.randint(1, PICTURES)
        at = {} if plan == RANDOM else {"MODALITY_AGENT_KILL_AT": f"{plan}#{turn}"}
        self.box.start(ready=False, **at)
        timer = threading.Timer(self.luck.uniform(0.3, 4.0), self.box.process.kill) if plan == RANDOM else None
        if timer:
            timer.start()
        end = self.try_to_work()
        assert self.box.process is not None
        try:
            self.box.process.wait(timeout=20)
        except Exception:
            self.box.kill()
            plan = f"missed {plan}: {end}"
        finally:
            if timer:
                timer.cancel()
        self.deaths[plan] += 1

    def try_to_work(self) -> str:
        """Work until the box dies and return what ended the work."""
        try:
            self.work()
        except (NotRunning, AgentError, AssertionError) as e:
            return f"{type(e).__name__} {e}"
        return "the work ended"

    def work(self) -> None:
        """What a technician does, until the box dies."""
        self.box.wait_ready(30)
        self.end_old_exams()
        exam = self.box.open_exam(self.luck.choice(["Ґалаґан", "О’Коннор", "Коваль^Олена", "Щербак"]))
        for _ in range(PICTURES):
            self.capture(exam["patient"]["patient_id"])
        self.box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("death", lambda: self.box.process.poll() is not None, 15)

    def capture(self, patient_id: str) -> None:
        self._press += 1
        try:
            self.oracle.ticked(self.box.capture(f"press-{self._press}"), patient_id)
        except NotRunning:
            raise
        except AgentError:
            self.oracle.refused += 1

    def end_old_exams(self) -> None:
        for exam in self.box.get("/exams"):
            if exam["state"] == "open":
                self.box.post(f"/exams/{exam['exam_id']}/finish")

    def settle(self) -> None:
        """A last, undisturbed life: everything acknowledged must arrive."""
        self.box.start()
        self.end_old_exams()
        def done() -> bool:
            return self.box.get("/status")["unsent"] == 0 and not any(
                e["state"] == "finishing" or (e["state"] == "released" and e["captured"] > e["sent"] + e["held"])
                for e in self.box.get("/exams")
            )

        wait_for("the queue is empty", done, 120)
        PAUSE.wait(0.3)
        self.box.stop()


def main(kills: int, seed: int) -> int:
    """Run, print the histogram and the account; return 0 when nothing was lost, doubled or changed."""
    with tempfile.TemporaryDirectory(prefix="kill-test-") as folder, sandbox_in(Path(folder) / "sandbox") as sandbox:
        cruelty = Cruelty(sandbox, Path(folder) / "box", seed)
        cruelty.run(kills)
        cruelty.settle()
        wrong = cruelty.oracle.account(sandbox)
        for step in dict.fromkeys(PLAN):
            print(f"{cruelty.deaths[step]:5d}  {step}")
        for step, count in cruelty.deaths.items():
            if step.startswith("missed"):
                print(f"{count:5d}  {step}")
        inside = sum(cruelty.deaths[step] for step in (*CAPTURE, *SEND))
        print(f"{kills} kills (seed {seed}), {inside} inside a capture or a transfer")
        print(f"{len(cruelty.oracle.told)} captures acknowledged, {cruelty.oracle.refused} refused, {len(wrong)} wrong")
        for line in wrong:
            print(line)
        missed = kills >= len(PLAN) and any(cruelty.deaths[step] == 0 for step in PLAN)
        return int(bool(wrong) or missed or (kills >= len(PLAN) and 2 * inside < kills))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    sys.exit(main(arguments.kills, arguments.seed))
