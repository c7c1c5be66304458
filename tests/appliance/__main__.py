"""`make appliance-test`: the product image, unmodified, from the first start to the object in the PACS, under QEMU.

A hospital around it (RIS, PACS, time server on this machine), a legacy device on its grabber (the kernel's vivid), a
stick with the enrolment file. The press comes over the control socket. The last line says what was shown and how long
each part took.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from pydicom import dcmread

from agent.errors import AgentError
from drivers.simulator.counter import read_counter
from tests.appliance.guest import Guest, ServiceSilent, fat_stick
from tests.appliance.image import image, manifest, missing
from tests.appliance.site import enrolment, site_in
from tests.system.world import Json, Sandbox, wait_for

SOURCE = "us1"
PATIENT, NAME = "UA-00013", "Коваль^Олена^Іванівна"
QUEUE_MS = 200
"""How long a picture may wait in vivid's own output before it is on the cable: two pictures, and emulation is slow."""
SLOW_S = 300
DEVICE = "python3 /run/test/legacy_device.py"
PORTS = {"127.0.0.1:8443"}
"""What listens for TCP in a box without a commitment listener; docs/appliance.md has the same list."""


class Story:
    """One box and what happens to it, told part by part."""

    def __init__(self, folder: Path, guest: Guest, sandbox: Sandbox) -> None:
        self.folder, self.guest, self.sandbox = folder, guest, sandbox
        self.parts: list[tuple[str, float]] = []
        self.exam: Json = {}

    def part(self, name: str, act: Callable[[], Any]) -> None:
        begun = monotonic()
        told = act()
        self.parts.append((name, monotonic() - begun))
        print(f"[{self.parts[-1][1]:6.1f} s] {name}{f': {told}' if told else ''}", flush=True)

    # --- the parts ----------------------------------------------------------------------------------------------

    def first_start(self) -> str:
        seconds = self.guest.boot()
        assert self.guest.sh("cat /run/modality-agent-image/booted").strip() == "a"
        assert "inactive" in self.guest.ask(sh="systemctl is-active modality-agent")["out"]
        return f"the box runs, not enrolled, {seconds:.0f} s after power"

    def legacy_device(self) -> str:
        words = "n_devs=1 node_types=0x101 num_inputs=2 input_types=0xe num_outputs=1 output_types=0x0"
        self.guest.sh(f"modprobe vivid {words} ccs_cap_mode=0 ccs_out_mode=0 && udevadm settle")
        self.guest.spawn(f"exec {DEVICE} feed")
        return "PAL on the grabber's S-Video input"

    def enrol(self) -> str:
        told = enrolment(self.sandbox, pedal=False, reader=False)
        stick = fat_stick(self.folder, "enrol.img", {"modality-agent-enrol.toml": told})
        assert b"PRIVATE KEY" in stick.read_bytes()
        self.guest.plug_stick(stick, "enrol")
        enrolled = "test -e /etc/modality-agent/config.toml"
        wait_for("the box is enrolled", lambda: self.guest.ask(sh=enrolled)["rc"] == 0, SLOW_S)
        quiet = "! systemctl is-active -q 'modality-agent-media@*'"
        wait_for("the stick is let go", lambda: self.guest.ask(sh=quiet)["rc"] == 0, SLOW_S)
        self.guest.unplug_stick("enrol")
        left = stick.read_bytes()
        assert b"PRIVATE KEY" not in left, "the key is still on the stick"
        assert b"ae_title" not in left, "the enrolment file is still on the stick"
        return "from a stick, which holds nothing of it any more"

    def ready(self) -> str:
        wait_for("the source shows a picture", lambda: self.source()["signal"] == "present", SLOW_S)
        clock = wait_for("the clock is trusted", lambda: self.get("/status")["clock_trust"] == "synchronised", SLOW_S)
        assert clock
        return f"signal {self.source()['geometry']}, clock synchronised"

    def choose(self) -> str:
        entries = wait_for("the worklist", lambda: self.post("/worklist/refresh")["entries"], SLOW_S)
        (entry,) = [e for e in entries if e["patient"]["patient_id"] == PATIENT]
        chosen = {"key": entry["key"], "digest": entry["digest"], "mode": "reenter", "typed": PATIENT}
        self.exam = self.post("/exams", {"source": SOURCE, **chosen})
        return "from the RIS over mutual TLS, the number typed again"

    def press(self) -> str:
        before = self.guest.boottime_ms()
        frame = self.post(f"/sources/{SOURCE}/capture", {"trigger_id": "press-1"})
        arrived = self.finish_and_receive(frame["sop_instance_uid"])
        assert (str(arrived.PatientName), str(arrived.PatientID)) == (NAME, PATIENT)
        age = read_counter(arrived.pixel_array) - before
        assert age > -QUEUE_MS, f"the picture is {-age} ms older than the press"
        return f"{arrived.Rows}×{arrived.Columns}, made {age} ms after the test was about to press"

    def closed(self) -> str:
        """The box is closed: ports, accounts, consoles, writes, core dumps, names in logs."""
        sh = self.guest.sh
        listens = {line.split()[3] for line in sh("ss -Hltn").splitlines()}
        assert listens == PORTS, f"listening: {sorted(listens)}"
        rules = sh("nft list ruleset")
        assert "policy drop" in rules
        assert "tcp dport @doors accept" in rules
        passwords = {row.split(":")[1] for row in sh("cat /etc/shadow").splitlines()}
        assert passwords == {"!*"}, "an account has a password"
        assert not sh("ps -eo comm 2>/dev/null | grep -c getty || true").strip().strip("0"), "a getty runs"
        assert self.guest.ask(sh="touch /usr/x /etc/x")["rc"] != 0, "the system can be written to"
        assert sh("cat /proc/sys/kernel/core_pattern").strip() == "|/bin/false"
        assert not sh("cat /proc/swaps").splitlines()[1:], "there is swap"
        for word in ("Коваль", "Олена", PATIENT):
            assert not sh(f"journalctl -o export --no-pager | grep -c -a -- '{word}' || true").strip().strip("0"), word
        watched = sh("systemctl show -p RuntimeWatchdogUSec --value").strip()
        assert watched not in ("", "0"), "no hardware watchdog"
        ports = ", ".join(sorted(listens))
        return f"ports {ports}; no account, console, core dump, swap or name in a log; watchdog {watched}"

    def figures(self) -> str:
        memory = self.guest.sh(_MEMORY)
        print(memory, flush=True)
        print(self.guest.sh("systemd-analyze time 2>/dev/null || true").strip(), flush=True)
        mine = "grep -E 'modality-agent|resolved|timesync'"
        units = f"systemd-analyze security --no-pager 2>/dev/null | {mine} || true"
        print(self.guest.sh(units, 300), flush=True)
        return ""

    # --- small things -------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        return self.guest.get(path)

    def post(self, path: str, body: Json | None = None) -> Any:
        return self.guest.post(path, body)

    def source(self) -> Json:
        with suppress(ServiceSilent, AgentError):
            return dict(self.get("/sources")[0])
        return {"signal": "", "geometry": "", "state": "", "advice": "", "reason": ""}

    def finish_and_receive(self, uid: str) -> Any:
        self.post(f"/exams/{self.exam['exam_id']}/finish")
        one = wait_for(
            "the object at the PACS",
            lambda: [r for r in self.sandbox.received() if r.sop_instance_uid == uid],
            SLOW_S,
        )[0]
        return dcmread(one.path)


_WHY = """journalctl -b --no-pager -t kernel --grep 'modality|oom|Killed' | tail -20
journalctl -b --no-pager -t systemd -t modality-agent | tail -60
journalctl -b --no-pager -o json -p warning -t modality-agent | grep -o 'AGENT_[A-Z]*":[^,]*' | tail -20
systemctl --failed --no-pager"""
_MEMORY = """for p in /proc/[0-9]*; do
  rss=$(awk '/^VmRSS/{print $2}' $p/status 2>/dev/null); [ -n "$rss" ] || continue
  echo "$((rss/1024)) MiB $(tr '\\0' ' ' < $p/cmdline | cut -c1-70)"
done | sort -rn | head -14"""


def tell(story: Story) -> None:
    """Everything that happens, in order."""
    for name, act in (
        ("first start", story.first_start),
        ("legacy device plugged in", story.legacy_device),
        ("enrolled", story.enrol),
        ("ready", story.ready),
        ("patient chosen", story.choose),
        ("capture → PACS", story.press),
        ("closed", story.closed),
        ("figures", story.figures),
    ):
        story.part(name, act)


def main() -> int:
    why = missing()
    if why:
        print(f"appliance test: not possible here, {why}")
        return 2
    begun = monotonic()
    folder = image()
    size = (folder / "disk.img.zst").stat().st_size >> 20
    print(f"image {manifest(folder)['version']}: {size} MiB compressed", flush=True)
    with tempfile.TemporaryDirectory(prefix="appliance-") as name, site_in(Path(name) / "site") as sandbox:
        guest = Guest(Path(name), folder / "disk.img")
        story = Story(Path(name), guest, sandbox)
        try:
            guest_arguments = ("-device", "usb-kbd,bus=usb.0")
            guest.boot = _with(guest.boot, guest_arguments)  # type: ignore[method-assign]
            tell(story)
        except BaseException:
            print(guest.log_tail(), flush=True)
            with suppress(Exception):
                print(guest.ask(sh=_WHY)["out"], flush=True)
            raise
        finally:
            guest.stop()
    told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in story.parts)
    print(f"shown in {monotonic() - begun:.0f} s: {told}")
    return 0


def _with(boot: Callable[..., float], more: tuple[str, ...]) -> Callable[..., float]:
    return lambda *a, **k: boot(*(a or (more,)), **k)


if __name__ == "__main__":
    sys.exit(main())
