"""A whole box under QEMU: its disk, its console, its monitor, and the door that the test came in by.

The image is not touched: what a test needs inside comes on a second disk, started through a system credential, as
the firmware of a real board would pass one (SMBIOS type 11). Software emulation: every time out here is generous.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from agent.error import from_wire
from tests.appliance.tpm import Tpm
from tests.peers.process import free_port
from tests.system.world import PAUSE

Json = dict[str, Any]
PARTS = Path(__file__).parent / "parts"
OVMF = Path("/usr/share/OVMF")
UNIT = """[Unit]
Description=The test's own door
DefaultDependencies=no
After=sysinit.target
[Service]
ExecStartPre=/bin/mkdir -p /run/test
ExecStartPre=-/bin/mount -t squashfs -o ro /dev/disk/by-id/virtio-testparts /run/test
ExecStart=/usr/bin/python3 /run/test/door.py
Restart=always
RestartSec=1
"""
WANTS = "[Unit]\nWants=test-door.service\n"
ASK_S = 900.0
KEY_S = 0.4
LIFE_S = 7200
PAGE = 443
"""The port of the page, as a browser asks for it without being told."""
ICOUNT = "shift=1,sleep=on"
"""The box's clock counts its instructions, two nanoseconds each, and runs no faster than ours while it idles: it has a
processor of 500 million instructions a second however busy this machine is, and no time limit inside depends on that.
"""


def credentials() -> dict[str, str]:
    """Return the system credentials that bring the door in: name → value in base64."""
    told = {"systemd.extra-unit.test-door.service": UNIT, "systemd.unit-dropin.multi-user.target": WANTS}
    return {name: base64.b64encode(text.encode()).decode() for name, text in told.items()}


def parts_disk(folder: Path) -> Path:
    """Return a disk image with the test's own parts."""
    out = folder / "parts.squashfs"
    out.unlink(missing_ok=True)
    subprocess.run(["mksquashfs", str(PARTS), str(out), "-quiet", "-no-progress", "-all-root"], check=True)
    return out


def fat_stick(folder: Path, name: str, files: dict[str, bytes | Path], size_mb: int = 64) -> Path:
    """Return the image of a USB stick with `files`."""
    out = folder / name
    with out.open("wb") as file:
        os.truncate(file.fileno(), size_mb << 20)
    subprocess.run(["mkfs.vfat", "-F", "32", "-n", "STICK", str(out)], check=True, stdout=subprocess.DEVNULL)
    put_files(out, 0, files)
    return out


def from_stick(stick: Path, name: str) -> bytes:
    """Return a file of a stick as the box left it; fails where there is none."""
    line = ["mtype", "-i", str(stick), f"::{name}"]
    env = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    return subprocess.run(line, check=True, capture_output=True, env=env).stdout


def put_files(image: Path, offset: int, files: dict[str, bytes | Path]) -> None:
    """Copy files into the FAT file system at `offset` of an image."""
    for name, content in files.items():
        source = content if isinstance(content, Path) else image.with_name("put.tmp")
        if isinstance(content, bytes):
            source.write_bytes(content)
        subprocess.run(
            ["mcopy", "-o", "-i", f"{image}@@{offset}", str(source), f"::{name}"],
            check=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"},
        )  # fmt: skip


class Line:
    """A channel of JSON lines over a unix socket: QEMU's monitor or the door."""

    def __init__(self, path: Path, limit_s: float = 30.0) -> None:
        end = monotonic() + limit_s
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                assert monotonic() < end, f"{path.name} does not open"
                PAUSE.wait(0.05)
        self._rest = b""

    def read(self, limit_s: float) -> Json:
        end = monotonic() + limit_s
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.01, end - monotonic()))
            part = self._socket.recv(65536)
            if not part:
                raise ConnectionError("the guest is gone")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line))

    def write(self, value: Json) -> None:
        self._socket.sendall(json.dumps(value).encode() + b"\n")

    def close(self) -> None:
        self._socket.close()


class Guest:
    """One box under QEMU. `boot` may be called again after `cut` or `stop`: the disk stays."""

    def __init__(
        self, folder: Path, disk: Path, *, memory_mb: int = 1024, kernel: tuple[Path, Path, str] | None = None,
        size_gb: int = 4, more: Sequence[str] = (), tpm: Tpm | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._more, self._tpm, self._started = tuple(more), tpm, started
        self.folder, self._memory, self._kernel = folder, memory_mb, kernel
        self.disk = folder / "disk.qcow2"
        self._base(disk, size_gb)
        self._parts = parts_disk(folder)
        self.page_port = free_port()
        self.console = folder / "console.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.monitor: Line | None = None
        self._door: Line | None = None
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def _base(self, disk: Path, size_gb: int) -> None:
        if not self.disk.exists():
            line = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk.absolute()), "-F", "raw", str(self.disk)]
            subprocess.run([*line, f"{size_gb}G"], check=True)

    def machine(self) -> list[str]:
        """Return the program that is the machine and what it is made of; the door's unit comes by its firmware."""
        smbios: list[str] = []
        for name, value in credentials().items():
            smbios += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={value}"]
        return ["qemu-system-x86_64", "-machine", "q35,i8042=off", "-cpu", "max", *smbios]

    def starter(self) -> list[str]:
        """Return what starts the machine: its firmware, or a kernel that is given to it."""
        if self._kernel is not None:
            vmlinuz, initrd, words = self._kernel
            return ["-kernel", str(vmlinuz), "-initrd", str(initrd), "-append", words]
        return [
            "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,file={self._variables()}",
        ]  # fmt: skip

    def arguments(self) -> list[str]:
        f = self.folder
        return [
            *self.machine(), "-nodefaults", "-display", "none",
            "-accel", "tcg", "-icount", ICOUNT, "-smp", "1", "-m", str(self._memory),
            "-qmp", f"unix:{f}/qmp,server=on,wait=off", "-qmp", f"unix:{f}/events,server=on,wait=off",
            "-serial", f"file:{self.console}",
            "-drive", f"file={self.disk},if=none,id=d0,format=qcow2,cache=writeback,discard=unmap",
            "-device", "virtio-blk-pci,drive=d0,bootindex=1",
            "-drive", f"file={self._parts},if=none,id=d1,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=d1,serial=testparts",
            "-device", "virtio-serial", "-chardev", f"socket,path={f}/door,server=on,wait=off,id=door",
            "-device", "virtserialport,chardev=door,name=door", "-device", "virtio-rng-pci",
            "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.page_port}-:{PAGE}",
            "-device", "virtio-net-pci,netdev=n0,id=nic0",
            "-device", "qemu-xhci,id=usb", "-device", "i6300esb", "-action", "watchdog=reset", *self.starter(),
            *(self._tpm.arguments() if self._tpm is not None else ()),
        ]  # fmt: skip

    def _variables(self) -> Path:
        own = self.folder / "vars.fd"
        if not own.exists():
            own.write_bytes((OVMF / "OVMF_VARS_4M.fd").read_bytes())
        return own

    def boot(self, limit_s: float = 900.0) -> float:
        """Switch on; return the seconds until the test's door is open."""
        begun = monotonic()
        self._let_go()
        for name in ("qmp", "events", "door"):
            (self.folder / name).unlink(missing_ok=True)
        if self._tpm is not None:
            self._tpm.start()
        with (self.folder / "qemu.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["timeout", "-k", "5", str(LIFE_S), *self.arguments(), *self._more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.monitor = Line(self.folder / "qmp")
        self.monitor.read(10)
        self.qmp("qmp_capabilities")
        self._started()
        threading.Thread(target=self._watch, args=(Line(self.folder / "events"),), daemon=True).start()
        self.open_door(limit_s)
        return monotonic() - begun

    def _let_go(self) -> None:
        """Wait until a QEMU that was killed has let go of the disk: its last writes may take a while."""
        end = monotonic() + ASK_S
        while subprocess.run(["qemu-img", "info", str(self.disk)], capture_output=True, check=False).returncode:
            assert monotonic() < end, "the disk is not let go"
            PAUSE.wait(0.5)

    def _watch(self, events: Line) -> None:
        """Tell of every start that the box makes by itself, until QEMU ends."""
        events.write({"execute": "qmp_capabilities"})
        with suppress(OSError):
            while True:
                if events.read(LIFE_S).get("event") == "RESET":
                    self._started()

    def open_door(self, limit_s: float) -> None:
        """Wait until the door of the system that starts is open; lines of an earlier system are thrown away."""
        end = monotonic() + limit_s
        if self._door is None:
            self._door = Line(self.folder / "door")
        while True:
            assert self.process is not None
            assert self.process.poll() is None, f"QEMU ended: {self.log_tail()}"
            assert monotonic() < end, f"the box did not come up in {limit_s:.0f} s: {self.log_tail()}"
            with suppress(TimeoutError):
                if self._door.read(min(10.0, max(0.1, end - monotonic()))).get("hello"):
                    return

    def log_tail(self) -> str:
        return self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""

    # --- the door -----------------------------------------------------------------------------------------------

    def ask(self, limit_s: float = ASK_S, **asked: Any) -> Json:
        """Ask the door and return its answer; raises `ConnectionError` or `TimeoutError` when the box is gone."""
        assert self._door is not None
        with self._lock:
            number = next(self._ids)
            self._door.write({"id": number, **asked})
            while True:
                answer = self._door.read(limit_s)
                if answer.get("id") == number:
                    return answer

    def sh(self, script: str, limit_s: float = ASK_S) -> str:
        """Run a script as root inside; return what it said. Fails when its status is not 0."""
        told = self.ask(max(limit_s, ASK_S) + 10, sh=script, limit=limit_s)
        assert told["rc"] == 0, f"{script}: {told}"
        return str(told["out"])

    def spawn(self, script: str) -> None:
        """Start a script inside and let it run."""
        self.ask(spawn=script)

    def get(self, path: str) -> Any:
        return self._http("GET", path, None)

    def post(self, path: str, body: Json | None = None) -> Any:
        return self._http("POST", path, body or {})

    def _http(self, method: str, path: str, body: Json | None) -> Any:
        told = self.ask(http=[method, path, body])
        if told["status"] == 200:
            return told["value"]
        if told["status"] == 0:
            raise ServiceSilent(told["value"])
        raise from_wire(told["value"] if isinstance(told["value"], dict) else {})

    def boottime_ms(self) -> int:
        return int(self.ask(time=True)["boottime_ns"]) // 1_000_000

    # --- the monitor --------------------------------------------------------------------------------------------

    def qmp(self, command: str, **arguments: Any) -> Any:
        assert self.monitor is not None
        body: Json = {"execute": command}
        if arguments:
            body["arguments"] = arguments
        self.monitor.write(body)
        while True:
            told = self.monitor.read(30)
            if "return" in told:
                return told["return"]
            assert "error" not in told, told

    def plug_stick(self, image: Path, name: str) -> None:
        """Plug a USB stick in; it is a device of its own each time."""
        drive = f"{name}-{next(self._ids)}"
        file = {"driver": "file", "filename": str(image)}
        self.qmp("blockdev-add", **{"driver": "raw", "file": file, "node-name": drive})
        self.qmp("device_add", driver="usb-storage", id=f"usb-{name}", drive=drive, bus="usb.0", removable=True)

    def unplug_stick(self, name: str) -> None:
        self.qmp("device_del", id=f"usb-{name}")

    def keys(self, codes: Sequence[str]) -> None:
        """Type on the box's only keyboard, as a barcode reader does."""
        for code in codes:
            held = ["shift"] if code.isupper() else []
            for down, names in ((True, [*held, code.lower()]), (False, [code.lower(), *held])):
                for name in names:
                    key = {"type": "qcode", "data": name}
                    self.qmp("input-send-event", events=[{"type": "key", "data": {"down": down, "key": key}}])
                PAUSE.wait(KEY_S)  # the emulated keyboard forgets what a slow box does not take in time

    # --- the end ------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Take the power away, at once, whoever is speaking with the box."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def cut(self) -> None:
        """Take the power away and wait until QEMU is gone."""
        self.kill()
        assert self.process is not None
        self.process.wait(20)
        self.forget()

    def forget(self) -> None:
        """Let go of the channels of a QEMU that is gone."""
        for line in (self.monitor, self._door):
            if line is not None:
                line.close()
        self.monitor = self._door = None

    def stop(self) -> None:
        """End QEMU, however the box is."""
        if self.process is not None and self.process.poll() is None:
            self.cut()


class ServiceSilent(ConnectionError):
    """The box runs and its service does not answer."""
