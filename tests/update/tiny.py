"""The loader's logic alone, fast: GRUB, kernel, initrd and `boot-choice` of the image, and in each slot a system of a
few megabytes that does what is typed on its serial line. Cuts are SIGKILL of QEMU.
"""

from __future__ import annotations

import json
import lzma
import os
import random
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.appliance.guest import OVMF
from tests.system.world import PAUSE

ROOT = Path(__file__).parents[2]
CHOICE = ROOT / "image/files/usr/lib/modality-agent-image/boot-choice"
INIT = """#!/bin/busybox sh
export PATH=/bin
for m in /m/*; do insmod $m; done
mount -o remount,rw / 2>/dev/null
exec < /dev/{line} > /dev/{line} 2>&1
how=$(sed 's/.*modality.start=//; s/ .*//' /proc/cmdline)
echo "HERE $(cat /run/modality-agent-image/booted) $how"
while read line; do eval "$line"; echo "DONE $?"; done
"""
DIES = "#!/bin/busybox sh\nexit 1\n"
FOLDERS = ("bin", "sbin", "proc", "sys", "dev", "run", "etc", "var", "tmp", "m")
_APPLETS = "sh cat sed mount umount dd head tr mkdir printf insmod reboot sync echo sleep"
_NLS = ("nls_ascii", "nls_cp437")


def small_system(folder: Path, root: Path, init: str, name: str) -> Path:
    """Return a squashfs with busybox, `boot-choice` and one script; `root`: where the image's modules are unpacked."""
    tree = folder / name
    shutil.rmtree(tree, ignore_errors=True)
    for one in FOLDERS:
        (tree / one).mkdir(parents=True)
    (tree / "etc/machine-id").write_text("")
    shutil.copy(root / "usr/bin/busybox", tree / "bin/busybox")
    shutil.copy(CHOICE, tree / "bin/boot-choice")
    for applet in _APPLETS.split():
        (tree / "bin" / applet).symlink_to("busybox")
    (tree / "bin/flock").write_text("#!/bin/sh\n")  # busybox has none; there is nobody else to wait for
    (tree / "bin/flock").chmod(0o755)
    (tree / "sbin/init").write_text(init)
    (tree / "sbin/init").chmod(0o755)
    for module in _NLS:
        (packed,) = root.glob(f"usr/lib/modules/*/kernel/fs/nls/{module}.ko.xz")
        (tree / "m" / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    out = folder / f"{name}.squashfs"
    out.unlink(missing_ok=True)
    subprocess.run(["mksquashfs", tree, out, "-quiet", "-no-progress", "-all-root", "-comp", "gzip"], check=True)
    return out


def partitions(disk: Path) -> dict[str, tuple[int, int]]:
    """Return name → (offset, size) in bytes of a disk's partitions."""
    told = subprocess.run(["sfdisk", "-J", disk], check=True, capture_output=True, text=True).stdout
    rows = json.loads(told)["partitiontable"]["partitions"]
    return {row["name"]: (row["start"] * 512, row["size"] * 512) for row in rows}


def put(disk: Path, at: tuple[int, int], content: bytes) -> None:
    """Write over the beginning of a partition."""
    with disk.open("r+b") as file:
        file.seek(at[0])
        file.write(content)


BOOT_S = 1200.0
"""Generous: these machines share their processors with others."""


class Tiny:
    """One small box."""

    def __init__(self, folder: Path, disk: Path) -> None:
        self.folder, self.disk = folder, disk
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._said = b""

    def arguments(self, serial: str) -> list[str]:
        """Return QEMU's command line; `serial`: where its console goes."""
        if not (self.folder / "vars.fd").exists():
            shutil.copy(OVMF / "OVMF_VARS_4M.fd", self.folder / "vars.fd")
        return [
            "timeout", "-k", "5", "3600", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine",
            "q35,i8042=off", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "512", "-serial", serial,
            "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,file={self.folder}/vars.fd",
            "-drive", f"file={self.disk},if=none,id=d0,format=raw,cache=writeback",
            "-device", "virtio-blk-pci,drive=d0,bootindex=1",
        ]  # fmt: skip

    def on(self, limit_s: float = BOOT_S) -> tuple[str, str]:
        """Switch on; return which system runs and how it was chosen."""
        path = self.folder / "serial"
        path.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            self.arguments(f"unix:{path},server=on,wait=off"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = monotonic() + 20
        while not path.exists() and monotonic() < end:
            PAUSE.wait(0.05)
        self._line, self._said = socket.socket(socket.AF_UNIX), b""
        self._line.connect(str(path))
        return self.here(limit_s)

    def here(self, limit_s: float = BOOT_S) -> tuple[str, str]:
        """Wait for a system; return which and how."""
        found = self._until(rb"HERE (\w) (\w+)\s", limit_s)
        return found[1].decode(), found[2].decode()

    def do(self, line: str, limit_s: float = 60.0) -> str:
        """Run a line in the system; return what it said. Fails when its status is not 0."""
        self.type(line)
        found = self._until(rb"(?s)(.*?)DONE (\d+)\s", limit_s)
        assert found[2] == b"0", found[0]
        return found[1].decode(errors="replace")

    def type(self, line: str) -> None:
        assert self._line is not None
        self._line.sendall(line.encode() + b"\n")

    def choose(self, words: str) -> None:
        self.do(f"boot-choice {words}")

    def cut(self) -> None:
        """Take the power away."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        if self._line is not None:
            self._line.close()

    def _until(self, pattern: bytes, limit_s: float) -> re.Match[bytes]:
        assert self._line is not None
        end = monotonic() + limit_s
        while True:
            found = re.search(pattern, self._said)
            if found is not None:
                self._said = self._said[found.end() :]
                return found
            assert monotonic() < end, self._said[-2000:].decode(errors="replace")
            self._line.settimeout(1.0)
            with suppress(TimeoutError):
                part = self._line.recv(65536)
                assert part, "QEMU is gone"
                self._said += part
                with (self.folder / "serial.log").open("ab") as log:
                    log.write(part)


def loader(folder: Path, image: Path, root: Path, cuts: int, seed: int = 6) -> str:
    """Show the logic of a PC's loader; return what was shown."""
    disk = folder / "tiny.img"
    subprocess.run(["cp", "--sparse=always", image / "disk.img", disk], check=True)
    return shown(Tiny(folder, disk), partitions(disk), contents(folder, root, image, "ttyS0"), cuts, seed)


def contents(folder: Path, root: Path, image: Path, line: str) -> dict[str, bytes]:
    """Return what goes into the slots: a small system on the serial line `line`, one that dies, the kernel."""
    return {
        "system": small_system(folder, root, INIT.replace("{line}", line), "tiny").read_bytes(),
        "dies": small_system(folder, root, DIES, "dies").read_bytes(),
        "kernel": (image / "kernel.fat").read_bytes(),
    }


def shown(box: Tiny, at: dict[str, tuple[int, int]], content: dict[str, bytes], cuts: int, seed: int) -> str:
    """Show the logic of a loader; `at`: partition → offset and size. Returns what was shown."""
    disk = box.disk
    for slot in "ab":
        put(disk, at[f"system-{slot}"], content["system"])
    put(disk, at["kernel-b"], content["kernel"])
    told = []
    try:
        begun = monotonic()
        assert box.on() == ("a", "proven")
        print(f"         a small system is up {monotonic() - begun:.0f} s after power", flush=True)
        box.choose("set-primary b")
        box.cut()
        assert box.on() == ("b", "trial"), "what was said to be durable is"
        box.cut()
        assert box.on() == ("a", "proven"), "a trial is started once"
        told.append("a trial is started once")
        chance, tried = random.Random(seed), 0
        box.type("while :; do boot-choice set-primary b; boot-choice set-state b bad; done")
        for _ in range(cuts):
            PAUSE.wait(chance.uniform(0.1, 1.5))
            box.cut()
            now = box.on()
            assert now in (("a", "proven"), ("b", "trial")), now
            if now[0] == "b":
                tried += 1
                box.cut()
                assert box.on() == ("a", "proven")
            box.type("while :; do boot-choice set-primary b; boot-choice set-state b bad; done")
        box.cut()
        told.append(f"{cuts} cuts while the words are written ({tried} of them on the trial's side)")
        told += _broken(box, disk, at, content)
    finally:
        box.cut()
    return "; ".join(told)


def _broken(box: Tiny, disk: Path, at: dict[str, tuple[int, int]], content: dict[str, bytes]) -> list[str]:
    """New systems that cannot come up each lead back by themselves; a good one becomes the one that is started."""
    bad = {
        "no kernel": ("kernel-b", bytes(1 << 20)),
        "no system": ("system-b", bytes(1 << 20)),
        "a system that dies at once": ("system-b", content["dies"]),
    }
    while box.on()[0] != "a":  # the last cut may have left a trial
        box.cut()
    for partition, damage in bad.values():
        box.cut()
        put(disk, at[partition], damage)
        assert box.on() == ("a", "proven")
        box.choose("set-primary b")
        box.type("reboot -f")
        assert box.here() == ("a", "proven"), "the box does not come back by itself"
        put(disk, at["kernel-b"], content["kernel"])
    box.cut()
    put(disk, at["system-b"], content["system"])
    assert box.on() == ("a", "proven")
    box.choose("set-primary b")
    box.cut()
    assert box.on() == ("b", "trial")
    box.choose("set-state b good")
    box.cut()
    assert box.on() == ("b", "proven"), "a proven system is the one that is started"
    return [f"{name} leads back by itself" for name in bad] + ["a proven one stays"]
