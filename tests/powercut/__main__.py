"""`make powercut-test`, part (a): exams on a logged disk, then every way in which a power cut may leave that disk.

`python -m tests.powercut --states 1000 --exams 12`. Each state is mounted as the box would (journal replayed), then
the file system, the database, every capture that was told and its hash, and every built object are checked; on some
states the service itself is started and has to deliver what was told. Then the same with the
database's promise taken away (`synchronous=NORMAL`): good when states are found in which told captures are lost.

All of it happens in a mount namespace of its own. Whoever makes a mount namespace elsewhere (a container, a sandboxed
unit) takes a copy of every mount, which keeps a disk mounted after its `umount` here while the next state is written
under it: e2fsck then finds damage that no power cut made.

Where no disk can be had (no loop device, no FUSE: many containers), or with `--files`, the calls that write files are
traced instead, and the folders are made that POSIX lets a power cut leave (tests/powercut/traced.py).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.powercut.disk import file_system_faults, logged_disk, missing, mounted, start_check
from tests.powercut.log import CrashState, Replay
from tests.powercut.traced import Cuts, Trace
from tests.powercut.verdict import Told, verdict
from tests.powercut.work import NORMAL, box_on, work
from tests.system.kill_test import Oracle
from tests.system.world import Box, Sandbox, sandbox_in, wait_for

SIZE_MB = 512
ROOM_MB = 6000
LIFE_S = 120
TRACED_S = 150.0
"""A traced service starts slowly, the more so beside other tests."""
_OWN = "POWERCUT_IN_OWN_NAMESPACE"


@dataclass
class Account:
    """What came of all states."""

    states: int = 0
    bad: dict[int, list[str]] = field(default_factory=dict)
    kept: int = 0
    dropped: int = 0
    torn: int = 0
    lives: int = 0
    words: Counter[str] = field(default_factory=Counter)

    def add(self, state: CrashState, wrong: Sequence[str]) -> None:
        self.states += 1
        self.kept, self.dropped = self.kept + state.kept, self.dropped + state.dropped
        self.torn += state.torn
        if wrong:
            self.bad.setdefault(self.states, []).extend(wrong)
            self.words.update(" ".join(w.split()[:2]) for w in wrong)


def examine(state: CrashState, image: Path, folder: Path, told: Told, at_the_archive: set[str]) -> list[str]:
    """Check and mount a crash state as the appliance does, and return everything that is wrong with it."""
    beyond = start_check(image)
    if beyond:
        return [f"e2fsck cannot mend it: {beyond}"]
    try:
        with mounted(image, folder):
            wrong = list(verdict(folder / "box", told, state.log_end, at_the_archive))
    except subprocess.CalledProcessError as e:
        return [f"cannot be mounted: {(e.stderr or b'')[-200:]!r}"]
    faults = file_system_faults(image)
    return [*wrong, f"e2fsck: {faults}"] if faults else wrong


def live(
    number: int, state: CrashState, there: AbstractContextManager[None], data: Path, told: Told, sandbox: Sandbox
) -> list[str]:
    """Start the service on a crash state; everything told until then has to be at the archive soon, once."""
    with there:
        box = box_on(data.parent.with_name(f"life-{number}"), data, sandbox)
        data.mkdir(exist_ok=True)
        box.start()
        try:
            for exam in box.get("/exams"):
                if exam["state"] == "open":
                    box.post(f"/exams/{exam['exam_id']}/finish")
            wait_for("the queue is empty", lambda: _settled(box), LIFE_S)
            oracle = Oracle()
            lies = oracle.believe(box.get("/queue"), sandbox)
        finally:
            box.stop()
    held = {one.sop_instance_uid: one.pixels_sha256 for one in sandbox.received()}
    due = [(uid, sha) for at, uid, sha in told.captures if at <= state.log_end]
    wrong = [f"P1 not delivered: {uid}" for uid, sha in due if held.get(uid) != sha]
    return wrong + [f"P5 {lie}" for lie in lies] + oracle.account(sandbox)


def _settled(box: Box) -> bool:
    status, exams = box.get("/status"), box.get("/exams")
    return status["unsent"] == 0 and not any(
        e["state"] == "finishing" or (e["state"] == "released" and e["captured"] > e["sent"] + e["held"]) for e in exams
    )


def run(folder: Path, *, states: int, exams: int, lives: int, control: bool, seed: int) -> Account:
    """Log the exams, make the states, examine each; return the account."""
    luck, account, begun = random.Random(seed), Account(), monotonic()
    with sandbox_in(folder / "sandbox") as sandbox:
        with logged_disk(folder, SIZE_MB) as disk:
            data = disk.mounted / "box"
            data.mkdir(mode=0o700)
            box = box_on(folder / "first", data, sandbox)
            box.start(code=NORMAL if control else "")
            told = work(box, disk, exams, luck)
            box.kill()  # the power goes; the log ends with what was in flight
        archive = {one.sop_instance_uid for one in sandbox.received()}
        replay = Replay(disk.log, disk.blank, folder, luck)
        flushes = sum(entry.flags & 1 for entry in replay.entries)
        print(
            f"{len(told.captures)} captures and {len(told.clips) // 2} clips told in {monotonic() - begun:.0f} s; "
            f"{len(replay.entries)} writes and flushes logged, {flushes} flushes, {disk.position() >> 20} MiB",
            flush=True,
        )
        begun = monotonic()
        start = next(i for i, entry in enumerate(replay.entries) if entry.end >= told.captures[0][0]) // 2
        chosen = set(luck.sample(range(states), min(lives, states)))
        for number, state in enumerate(replay.states(replay.points(states, start))):
            wrong = examine(state, replay.state, folder / "state", told, archive)
            if number in chosen and not wrong:
                there = mounted(replay.state, folder / "mounted")
                wrong = live(number, state, there, folder / "mounted/box", told, sandbox)
                account.lives += 1
            account.add(state, wrong)
        replay.close()
    print(f"{account.states} crash states in {monotonic() - begun:.0f} s", flush=True)
    return account


def run_traced(folder: Path, *, states: int, exams: int, lives: int, control: bool, seed: int) -> Account:
    """Trace the exams, make the folders that a power cut can leave, examine each; return the account."""
    luck, account, begun = random.Random(seed), Account(), monotonic()
    with sandbox_in(folder / "sandbox") as sandbox:
        trace = Trace(folder)
        data = trace.mounted / "box"
        data.mkdir(mode=0o700)
        box = box_on(folder / "first", data, sandbox)
        box.start(ready=False, code=trace.code + (NORMAL if control else ""))
        box.wait_ready(TRACED_S)
        told = work(box, trace, exams, luck)
        box.kill()
        archive = {one.sop_instance_uid for one in sandbox.received()}
        trace.read()
        syncs = sum(act.kind.startswith("sync") for act in trace.acts)
        print(
            f"{len(told.captures)} captures and {len(told.clips) // 2} clips told in {monotonic() - begun:.0f} s; "
            f"{len(trace.acts)} changes of files and folders traced, {syncs} fsyncs, {trace.position() >> 20} MiB",
            flush=True,
        )
        begun = monotonic()
        cuts = Cuts(trace, folder, luck)
        chosen = set(luck.sample(range(states), min(lives, states)))
        for number, state in enumerate(cuts.states(cuts.points(states, told.captures[0][0]))):
            wrong = list(verdict(cuts.state / "box", told, state.log_end, archive))
            if number in chosen and not wrong:
                wrong = live(number, state, nullcontext(), cuts.state / "box", told, sandbox)
                account.lives += 1
            account.add(state, wrong)
    print(f"{account.states} crash states in {monotonic() - begun:.0f} s", flush=True)
    return account


def room() -> Path | None:
    """Return a folder in memory where there is room for it: the states are written again and again."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return None
    status = os.statvfs(memory)
    return memory if status.f_bavail * status.f_frsize > ROOM_MB << 20 else None


def judge(account: Account, *, control: bool) -> bool:
    """Print the account and return whether it is as it has to be."""
    print(
        f"{account.kept} writes in flight kept, {account.dropped} dropped, {account.torn} torn; "
        f"the service started on {account.lives} of the states"
    )
    for number, wrong in list(account.bad.items())[:10]:
        print(f"state {number}: {'; '.join(wrong[:3])}")
    good = bool(account.bad) if control else not account.bad
    name = "negative control (synchronous=NORMAL)" if control else "product"
    verdict_ = "as it has to be" if good else "WRONG"
    print(f"{name}: {len(account.bad)} of {account.states} crash states lose or damage what was told: {verdict_}")
    return good


def main(*, states: int, exams: int, lives: int, control_states: int, seed: int, files: bool) -> int:
    """Run the product and the negative control; return 0 when the one loses nothing and the other is found out."""
    why = "asked for" if files else missing()
    if why:
        print(f"files instead of a logged disk: {why}")
    good = True
    for control, number in ((False, states), (True, control_states)):
        if number:
            with tempfile.TemporaryDirectory(prefix="powercut-", dir=room()) as folder:
                asked = {
                    "states": number,
                    "exams": min(4, exams) if control else exams,
                    "lives": 0 if control else lives,
                }
                how = run_traced if why else run
                account = how(Path(folder), control=control, seed=seed, **asked)
                good = judge(account, control=control) and good
    print(f"seed {seed}")
    return int(not good)


def in_own_namespace() -> None:
    """Start this program once more where nobody else can copy its mounts; returns there, or where that cannot be."""
    if missing() or "--files" in sys.argv or os.environ.get(_OWN):
        return
    line = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.powercut", *sys.argv[1:]]
    os.execvpe(line[0], line, {**os.environ, _OWN: "1"})


if __name__ == "__main__":
    in_own_namespace()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=1000)
    parser.add_argument("--exams", type=int, default=12)
    parser.add_argument("--lives", type=int, default=6)
    parser.add_argument("--control-states", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--files", action="store_true", help="trace the writing of files, without a disk of its own")
    sys.exit(main(**vars(parser.parse_args())))
