"""Kills the core and its children while they capture, build, send and commit, and accounts for every capture.

`python -m tests.system.kill_test --kills 200`. The oracle knows only what the technician saw (answers of the
service) and what the PACS holds. At least half of the deaths are inside a capture, a transfer or a commitment.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic

from agent.cli.client import NotRunning
from agent.errors import AgentError
from tests.system.world import PAUSE, Box, Json, Sandbox, sandbox_in, toml_for, wait_for

_CAPTURE = ("written", "file-synced", "renamed", "folder-synced", "committed", "before-tick")
CAPTURE = tuple(f"capture:{step}" for step in _CAPTURE)
SEND = ("send:claimed", "send:answered", "send:settled")
BUILD = ("build:written", "build:renamed", "build:folder-synced", "build:verified", "build:queued")
CLIP = ("clip:first-frame", "clip:begun", "clip:ended")
MOVE = ("move:clip-linked", "move:written", "move:renamed", "move:folder-synced", "move:files-written", "move:recorded")
COMMIT = ("commit:begun", "commit:asked", "commit:report", "commit:settled")
CHILDREN = {
    "source child": "drivers.host",
    "build child": "agent.objects",
    "peer child": "agent.dimse",
    "listener child": "agent.dimse.listener",
}
RANDOM = "random instant"
PICTURES = 3
INSIDE = (*CAPTURE, *CLIP, *SEND, *COMMIT, *MOVE)
PLAN = (*CAPTURE, *SEND, *CLIP, *COMMIT, *MOVE, *BUILD, *CHILDREN, *CAPTURE, *SEND, RANDOM, RANDOM)
"""31 of 42 inside a capture, a clip, a transfer, a commitment or a move; every step at least once in 42."""


class Oracle:
    """What the technician was told: SOP Instance UID → (PatientID, hash of the pixels)."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[str, str]] = {}
        self.clips: dict[str, int] = {}
        """Clip → frames that were told at its end; 0: only that it is being recorded."""
        self.refused = 0
        self.exams: dict[str, set[str]] = {}
        """Exam → UIDs that were told of it."""
        self.forbidden: set[str] = set()
        """UIDs of pictures that were moved to another patient: the PACS may never see them."""
        self.asked_to_move: set[str] = set()
        self.moved = 0

    def ticked(self, frame: Json, patient_id: str) -> None:
        uid = frame["sop_instance_uid"]
        fact = (patient_id, frame["payload_sha256"])
        assert self.told.setdefault(uid, fact) == fact, "one UID was told for two contents"
        self.exams.setdefault(frame["exam_id"], set()).add(uid)

    def moved_to(self, old: str, new: Json) -> None:
        """The pictures of `old` are those of the exam `new` now, every one of them, under other UIDs."""
        uids = self.exams.pop(old, set())
        found = {frame["payload_sha256"]: frame for frame in new["frames"]}
        for uid in uids:
            _, sha256 = self.told.pop(uid)
            self.ticked(found[sha256], new["patient"]["patient_id"])
        self.forbidden |= uids
        self.asked_to_move.discard(old)
        self.moved += 1

    def account_clips(self, database: Path) -> list[str]:
        """Return every clip that was told to be recorded and is not whole on the box, or has fewer frames than told."""
        with sqlite3.connect(database) as connection:
            rows = connection.execute("SELECT frame_id, state, record FROM frame").fetchall()
        kept = {name: json.loads(record)["number_of_frames"] for name, state, record in rows if state != "purged"}
        wrong = [f"lost clip: {name}" for name in self.clips if kept.get(name, 0) < 1]
        return wrong + [f"short clip: {n}" for n, told in self.clips.items() if told and kept.get(n, told) != told]

    def account(self, sandbox: Sandbox) -> list[str]:
        """Return everything that is wrong between what was told and what the PACS holds."""
        held: dict[str, set[tuple[str, str]]] = {}
        for one in sandbox.received():
            held.setdefault(one.sop_instance_uid, set()).add((one.patient_id, one.pixels_sha256))
        wrong = [f"lost: {uid}" for uid in self.told if uid not in held]
        wrong += [f"sent although moved: {uid}" for uid in self.forbidden if uid in held]
        wrong += [f"two contents: {uid}" for uid, contents in held.items() if len(contents) > 1]
        wrong += [f"changed: {uid}" for uid, fact in self.told.items() if held.get(uid, {fact}) != {fact}]
        return wrong

    def believe(self, jobs: list[Json], sandbox: Sandbox) -> list[str]:
        """Return every object that the box calls sent or confirmed and the PACS does not have (promise P5)."""
        held = {one.sop_instance_uid for one in sandbox.received()}
        said = [job for job in jobs if job["kind"] == "store" and job["state"] in ("sent", "confirmed")]
        lies = [job for job in said if job["sop_instance_uid"] not in held]
        return [f"said {job['state']}: {job['sop_instance_uid']}" for job in lies]


class Cruelty:
    """One box that dies again and again."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int) -> None:
        self.sandbox, self.oracle, self.deaths = sandbox, Oracle(), Counter[str]()
        self.box = Box(folder, toml_for(sandbox))
        self.luck = random.Random(seed)
        self._press = 0
        self.plan = ""
        self.unbelievable: list[str] = []

    def run(self, kills: int) -> None:
        for number in range(kills):
            self.life(PLAN[number % len(PLAN)])

    def life(self, plan: str) -> None:
        """One start, some work, one death as planned."""
        # One claim takes a whole batch, and one commitment an exam, so those steps may come only once.
        turn = 1 if plan == "send:claimed" or plan in (*CLIP, *COMMIT, *MOVE) else self.luck.randint(1, PICTURES)
        named = plan != RANDOM and plan not in CHILDREN
        self.box.start(ready=False, **({"MODALITY_AGENT_KILL_AT": f"{plan}#{turn}"} if named else {}))
        if plan in CHILDREN:
            threading.Thread(target=self.kill_child, args=(plan,), daemon=True).start()
        timer = threading.Timer(self.luck.uniform(0.3, 4.0), self.box.process.kill) if plan == RANDOM else None
        if timer:
            timer.start()
        self.plan = plan
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

    def kill_child(self, plan: str) -> None:
        """SIGKILL one child at a random instant of its life, and the core a moment later."""
        assert self.box.process is not None
        PAUSE.wait(self.luck.uniform(0.2, 2.5))
        end = monotonic() + 15
        while monotonic() < end and self.box.process.poll() is None:
            pids = [pid for module, pid in self.box.children() if module == CHILDREN[plan]]
            if pids:
                PAUSE.wait(self.luck.uniform(0, 0.1))
                with suppress(ProcessLookupError):
                    os.kill(self.luck.choice(pids), signal.SIGKILL)
                break
            PAUSE.wait(0.01)
        PAUSE.wait(self.luck.uniform(0.5, 3.0))
        with suppress(ProcessLookupError):
            self.box.process.send_signal(signal.SIGKILL)

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
        self.resolve_moves()
        self.end_old_exams()
        exam = self.box.open_exam(self.luck.choice(["Ґалаґан", "О’Коннор", "Коваль^Олена", "Щербак"]))
        recorded = plan_of_clip(self.plan, self.luck) and self.start_clip()
        for _ in range(PICTURES):
            self.capture(exam["patient"]["patient_id"])
        if recorded:
            self.stop_clip()
        if self.plan in MOVE or (self.plan == RANDOM and self.luck.random() < 0.5):
            exam = self.move(exam)
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

    def move(self, exam: Json) -> Json:
        """Move the open exam to another patient; an answer that is lost is looked for in the next life."""
        entries = self.box.get("/worklist")["entries"]
        other = next(e for e in entries if not e["blocked"] and e["patient"] != exam["patient"])
        self.oracle.asked_to_move.add(exam["exam_id"])
        body = {"key": other["key"], "digest": other["digest"], "reason": "the wrong row"}
        new = self.box.post(f"/exams/{exam['exam_id']}/reidentify", body)
        self.oracle.moved_to(exam["exam_id"], new)
        return new

    def resolve_moves(self) -> None:
        """Find out which moves happened whose answer was lost: the old exam is discarded, or as it was."""
        for exam in self.box.get("/exams"):
            if exam["moved_from"] in self.oracle.asked_to_move:
                old = self.box.get(f"/exams/{exam['moved_from']}")
                assert old["state"] == "discarded", "both exams are there"
                self.oracle.moved_to(exam["moved_from"], self.box.get(f"/exams/{exam['exam_id']}"))
        self.oracle.asked_to_move.clear()

    def start_clip(self) -> bool:
        self._press += 1
        try:
            clip = self.box.post("/sources/us1/clip/start", {"trigger_id": f"clip-{self._press}"})
        except NotRunning:
            raise
        except AgentError:
            self.oracle.refused += 1
            return False
        self.oracle.clips[clip["frame_id"]] = 0
        return True

    def stop_clip(self) -> None:
        try:
            frame = self.box.post("/sources/us1/clip/stop")
        except NotRunning:
            raise
        except AgentError:
            self.oracle.refused += 1
            return
        self.oracle.clips[frame["frame_id"]] = frame["frames"]

    def end_old_exams(self) -> None:
        for exam in self.box.get("/exams"):
            if exam["state"] == "open":
                self.box.post(f"/exams/{exam['exam_id']}/finish")

    def settle(self) -> None:
        """A last, undisturbed life: everything acknowledged must arrive."""
        self.box.start()
        self.resolve_moves()
        self.end_old_exams()
        def done() -> bool:
            return self.box.get("/status")["unsent"] == 0 and not any(
                e["state"] == "finishing" or (e["state"] == "released" and e["captured"] > e["sent"] + e["held"])
                for e in self.box.get("/exams")
            )

        wait_for("the queue is empty", done, 120)
        PAUSE.wait(0.3)
        self.unbelievable = self.oracle.believe(self.box.get("/queue"), self.sandbox)
        self.unbelievable += self.oracle.account_clips(self.box.data / "agent.sqlite3")
        self.box.stop()


def plan_of_clip(plan: str, luck: random.Random) -> bool:
    """Return whether a life records a clip: always where it is to die in one, else now and then."""
    return plan in (*CLIP, "move:clip-linked") or (plan in (RANDOM, *CHILDREN) and luck.random() < 0.5)


def main(kills: int, seed: int) -> int:
    """Run, print the histogram and the account; return 0 when nothing was lost, doubled or changed."""
    with tempfile.TemporaryDirectory(prefix="kill-test-") as folder, sandbox_in(Path(folder) / "sandbox") as sandbox:
        cruelty = Cruelty(sandbox, Path(folder) / "box", seed)
        cruelty.run(kills)
        cruelty.settle()
        wrong = cruelty.oracle.account(sandbox) + cruelty.unbelievable
        for step in dict.fromkeys(PLAN):
            print(f"{cruelty.deaths[step]:5d}  {step}")
        for step, count in cruelty.deaths.items():
            if step.startswith("missed"):
                print(f"{count:5d}  {step}")
        inside = sum(cruelty.deaths[step] for step in INSIDE)
        print(f"{kills} kills (seed {seed}), {inside} inside a capture, a transfer, a commitment or a move")
        print(f"{cruelty.oracle.moved} exams moved; {len(cruelty.oracle.forbidden)} old UIDs must never be seen")
        print(f"{len(cruelty.oracle.clips)} clips begun, {sum(map(bool, cruelty.oracle.clips.values()))} ended")
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
