"""What only the host can tell: its clocks, its randomness, its boot, its own identity files.

Used by the composition root alone; everybody else is handed values.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.errors import StorageError
from agent.model import ClockTrust
from agent.ops.clock_sync import kernel_says_synchronised
from agent.spool import Steps

KILL_AT = "MODALITY_AGENT_KILL_AT"


class SystemClock:
    """The real clock, in the box's zone; `trusted` says how far to believe it."""

    def __init__(self, zone: str, *, host_is_trusted: bool) -> None:
        self._zone = ZoneInfo(zone)
        self._host = host_is_trusted

    def now(self) -> datetime:
        return datetime.now(UTC).astimezone(self._zone)

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def trust(self) -> ClockTrust:
        if self._host:
            return ClockTrust.HOST
        return ClockTrust.SYNCHRONISED if kernel_says_synchronised() else ClockTrust.UNTRUSTED


def new_uid() -> str:
    """Return a new UID from a random UUID (PS3.5 B.2): no clock, no address, no counter."""
    return f"2.25.{uuid.UUID(bytes=os.urandom(16), version=4).int}"


def kill_steps() -> Steps:
    """Return the step hook: nothing, or sudden death at the named step for the n-th time (kill tests only)."""
    wanted, _, count = os.environ.get(KILL_AT, "").partition("#")
    if not wanted:
        return lambda _step: None
    left = [int(count or 1)]

    def step(name: str) -> None:
        if name == wanted:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return step


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def device_uid(root: Path) -> str:
    """Return the box's own UID, made at its first start and kept for ever (dicom.md 9.1)."""
    path = root / "device-uid"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(new_uid(), encoding="ascii")
        fd = os.open(part, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        part.rename(path)
    return path.read_text(encoding="ascii").strip()


def page_certificate(root: Path) -> tuple[str, str]:
    """Return certificate and key of the page, made in another process at the first start."""
    certificate, key = root / "page.crt", root / "page.key"
    if not (certificate.exists() and key.exists()):
        argv = [sys.executable, "-P", "-m", "agent.ops.page_certificate", str(root), "page"]
        done = subprocess.run(argv, check=False, timeout=60, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise StorageError("The certificate of the page could not be made.")
    return str(certificate), str(key)


def chacha_configuration(cpuinfo: Path = Path("/proc/cpuinfo")) -> Path | None:
    """Return an OpenSSL configuration that offers ChaCha20 alone where the processor has no AES instructions.

    None where it has them. AES in software costs such a processor several times as much (performance.md 5).
    """
    words = cpuinfo.read_text(encoding="ascii", errors="replace").split() if cpuinfo.exists() else []
    if "aes" in words and os.environ.get("MODALITY_AGENT_NO_AES") != "1":
        return None
    return Path(__file__).with_name("dimse") / "openssl-chacha20.cnf"
