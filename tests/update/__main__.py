"""`make update-test`: updates of the product image under QEMU, while objects wait for an archive that is down.

The loader's logic alone first, with small systems; then the whole one: refused (an exam is open, another's signature,
an older version), cut while the slot is written and while the new system is on trial, good, broken. The archive comes
back at the end, and every picture that was acknowledged has to be there, once. A cut is SIGKILL of QEMU: it takes the
guest's memory away, not what the disk was told. The last line says what was shown and how long each part took.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from tests.appliance.guest import Guest, fat_stick
from tests.appliance.image import image, manifest, missing
from tests.appliance.site import SIMULATOR, enrolment, site_in
from tests.appliance.story import SOURCE, STICK_READ, Story, slowly
from tests.system.world import PAUSE
from tests.update.bundles import Bundles, disk_of, make, offered
from tests.update.tiny import loader

AGENT = "/opt/modality-agent/bin/modality-agent"
PICTURES = 3
WITHIN_S, BROKEN_WITHIN_S = 900, 120
_TRIAL_S = 1800
_WRITING = """for p in /proc/[0-9]*; do
  tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^/usr/bin/rauc install' && exit 0
done; exit 1"""


class Updates:
    """The box, the bundles, and what the test knows of its pictures."""

    def __init__(self, story: Story, made: Bundles, cuts: int) -> None:
        self.story, self.made, self.cuts = story, made, cuts
        self.guest = story.guest
        self.taken: set[str] = set()
        self.chance = random.Random(6)
        self.write_s = 0.0

    # --- the box ------------------------------------------------------------------------------------------------

    def start(self) -> str:
        """Switch on after a cut; return which system runs."""
        self.guest.boot(900)
        return self.came_up()

    def came_up(self) -> str:
        self.guest.sh("mkdir -p /run/bundles && mount -t vfat -o ro /dev/disk/by-id/virtio-bundles /run/bundles")
        return self.guest.sh("cat /run/modality-agent-image/booted").strip()

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.guest.sh(f"{AGENT} update status --json")))

    def alarms(self) -> list[str]:
        """Return what the running service says about updates."""
        told = slowly("the service answers", lambda: self.story.get("/status"), 900)
        return [alarm["words"] for alarm in told["alarms"] if alarm["code"] == "U-02"]

    def queue_holds(self) -> None:
        """Every picture still waits; nothing is lost, nothing is sent."""
        unsent = slowly("the service answers", lambda: self.story.get("/status"), 900)["unsent"]
        assert unsent == len(self.taken), f"{unsent} of {len(self.taken)} wait"
        assert self.story.sandbox.received() == []

    def update(self, name: str, *words: str, limit_s: float = 1500) -> str:
        """Offer a bundle; return what was said. Fails where it was refused."""
        return self.guest.sh(f"{AGENT} update install /run/bundles/{name}.raucb {' '.join(words)} 2>&1", limit_s)

    def refused(self, name: str) -> str:
        told = self.guest.ask(400, sh=f"{AGENT} update install /run/bundles/{name}.raucb 2>&1", limit=390)
        assert told["rc"] == 1, told
        assert self.status()["situation"] == "settled"
        return str(told["out"]).strip()

    def restarts(self) -> str:
        """The box starts anew by itself; return which system runs then."""
        self.guest.open_door(_TRIAL_S)
        return self.came_up()


def _start(u: Updates) -> str:
    story = u.story
    seconds = story.guest.boot(900)
    u.came_up()
    stick = fat_stick(story.folder, "enrol.img", {"modality-agent-enrol.toml": _enrolment(story)})
    story.guest.plug_stick(stick, "enrol")
    slowly("the box is enrolled", lambda: story.guest.ask(sh="test -e /etc/modality-agent/config.toml")["rc"] == 0)
    slowly("the stick is let go", lambda: story.guest.ask(sh=STICK_READ)["rc"] == 0)
    story.guest.unplug_stick("enrol")
    slowly("the clock is trusted", lambda: story.get("/status")["clock_trust"] == "synchronised", 900)
    story.source_where("the source is ready", state="ready")
    assert u.status()["version"] == u.made.installed
    return f"{seconds:.0f} s to the first start; system a, {u.made.installed}"


def _enrolment(story: Story) -> bytes:
    return enrolment(story.sandbox, source=SIMULATOR, pedal=False, reader=False)


def _refused(u: Updates) -> str:
    """The archive is down; pictures are taken; while the exam is open nothing is installed."""
    story = u.story
    story.sandbox.faults(refuse=story.sandbox.description["pacs"]["called_ae_title"])
    story.open_exam()
    said = [u.refused("good")]
    assert "exam is open" in said[0], said
    for number in range(PICTURES):
        frame = story.post(f"/sources/{SOURCE}/capture", {"trigger_id": f"picture {number}"})
        u.taken.add(frame["sop_instance_uid"])
    story.post(f"/exams/{story.exam['exam_id']}/finish")
    slowly("the objects are built and wait", lambda: story.get("/status")["unsent"] == PICTURES)
    for name, word in (("forged", "refused"), ("older", "older")):
        said.append(u.refused(name))
        assert word in said[-1], said
    u.queue_holds()
    return " · ".join(said)


def _cut_while_writing(u: Updates) -> str:
    """The power goes while the slot is written; the box runs the old system, says so, and keeps the queue."""
    seen = []
    for number in range(u.cuts):
        u.guest.spawn(f"{AGENT} update install /run/bundles/good.raucb --again --no-restart")
        slowly("the slot is being written", lambda: u.guest.ask(sh=_WRITING)["rc"] == 0, 900)
        PAUSE.wait(u.chance.uniform(0.0, 10.0 + 10.0 * number))
        u.guest.cut()
        booted = u.start()
        now = u.status()
        if booted == "b":  # written whole before the cut: then this start is the trial, and one more cut ends it
            u.guest.cut()
            booted, now = u.start(), u.status()
        assert booted == "a", now
        assert now["situation"] in ("interrupted", "fallen back"), now
        assert u.alarms() == [now["words"]]
        assert u.made.good in now["words"]
        u.queue_holds()
        seen.append(now["situation"])
    return f"{len(seen)} cuts: {', '.join(seen)}; “{now['words']}”"


def _cut_on_trial(u: Updates) -> str:
    """The power goes after the installation, and again while the new system is on trial: the old one runs."""
    u.update("good", "--again", "--no-restart")
    assert u.status()["situation"] == "installed"
    u.guest.cut()
    assert u.start() == "b"
    assert u.status()["situation"] == "on trial"
    u.guest.cut()
    assert u.start() == "a"
    now = u.status()
    assert now["situation"] == "fallen back", now
    assert u.alarms() == [now["words"]]
    u.queue_holds()
    assert "was tried" in u.guest.ask(200, sh=f"{AGENT} update /run/bundles/good.raucb 2>&1", limit=190)["out"]
    return f"“{now['words']}”; not tried again without being told to"


def _good(u: Updates) -> str:
    """Installed, tried, proved: it runs from then on, after one more cut as well."""
    begun = monotonic()
    u.update("good", "--again", f"--within {WITHIN_S}")
    u.write_s = monotonic() - begun
    assert u.restarts() == "b"
    slowly("the new system proves itself", lambda: u.status()["situation"] == "settled", _TRIAL_S)
    proved = monotonic() - begun
    u.guest.cut()
    assert u.start() == "b"
    now = u.status()
    assert (now["situation"], now["version"], now["proven"]) == ("settled", u.made.good, "b"), now
    assert u.alarms() == []
    u.queue_holds()
    return f"installed in {u.write_s:.0f} s, proven after {proved:.0f} s, and after a cut still {now['version']}"


def _broken(u: Updates) -> str:
    """The new system's service never gets ready: the box comes back to the one before, by itself."""
    u.update("broken", f"--within {BROKEN_WITHIN_S}")
    assert u.restarts() == "a"
    begun = monotonic()
    assert u.restarts() == "b"
    now = u.status()
    assert (now["situation"], now["version"]) == ("fallen back", u.made.good), now
    assert u.alarms() == [now["words"]]
    u.queue_holds()
    return f"back {monotonic() - begun:.0f} s after it began its trial: “{now['words']}”"


def _delivered(u: Updates) -> str:
    """The archive is there again: every acknowledged picture arrives, once."""
    u.story.sandbox.faults()
    slowly("everything is sent", lambda: u.story.get("/status")["unsent"] == 0, 1200)
    arrived = [one.sop_instance_uid for one in u.story.sandbox.received()]
    assert sorted(arrived) == sorted(u.taken), (arrived, u.taken)
    return f"{len(arrived)} of {len(u.taken)} pictures at the PACS, each once"


def parts(only: str) -> list[tuple[str, Callable[[Updates], str]]]:
    """Return what is shown with the whole system, in order; `only`: names of those besides the needed ones."""
    every = [
        ("started", _start), ("refused", _refused), ("cut while writing", _cut_while_writing),
        ("cut on trial", _cut_on_trial), ("good", _good), ("broken", _broken), ("delivered", _delivered),
    ]  # fmt: skip
    needed = ("started", "refused", "delivered")
    wanted = only.split(",") if only else [name for name, _ in every]
    return [(name, act) for name, act in every if name in needed or name in wanted]


def _names(only: str) -> tuple[str, ...]:
    """Return the bundles that are needed for the parts."""
    acts = {name for name, _ in parts(only)}
    return ("forged", "older", "good", *(("broken",) if "broken" in acts else ()))


def whole(folder: Path, made: Bundles, disk: Path, cuts: int, only: str) -> list[tuple[str, float]]:
    """Show updates of the whole system; return how long each part took."""
    with site_in(folder / "site") as sandbox:
        more = ("-drive", f"file={disk_of(made, folder, _names(only))},if=none,id=d2,format=raw,readonly=on",
                "-device", "virtio-blk-pci,drive=d2,serial=bundles")  # fmt: skip
        guest = Guest(folder, disk, more=more, started=sandbox.time_server.anew)
        story = Story(folder, guest, sandbox)
        updates = Updates(story, made, cuts)
        try:
            for name, act in parts(only):
                story.part(name, lambda _story, act=act: act(updates))  # type: ignore[misc]
        except BaseException:
            print(guest.log_tail(), flush=True)
            with suppress(Exception):
                print(guest.ask(sh="journalctl -b --no-pager | tail -80; cat /run/test-spawned.log")["out"], flush=True)
            raise
        finally:
            guest.stop()
    return story.parts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=10, help="while the loader's words are written")
    parser.add_argument("--slot-cuts", type=int, default=3, help="while a whole system is written")
    parser.add_argument("--only", default="", help="`loader`, or names of parts of the whole system")
    parser.add_argument("--folder", default=None, help="where the disks of the test are put")
    a = parser.parse_args()
    why = missing()
    if why:
        print(f"update test: not possible here, {why}")
        return 2
    built = image()
    made = offered(built)
    print(f"image {manifest(built)['version']}", flush=True)
    took: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="update-", dir=a.folder) as name:
        if a.only in ("", "loader"):
            begun = monotonic()
            told = loader(Path(name), built, made.root, a.cuts)
            took.append(("loader", monotonic() - begun))
            print(f"[{took[-1][1]:6.1f} s] loader: {told}", flush=True)
        if a.only != "loader":
            begun = monotonic()
            make(made, built, _names(a.only))
            print(f"[{monotonic() - begun:6.1f} s] bundles made or found", flush=True)
            took += whole(Path(name), made, built / "disk.img", a.slot_cuts, a.only)
    print(f"shown in {sum(s for _, s in took):.0f} s: {', '.join(f'{what} {s:.0f} s' for what, s in took)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
