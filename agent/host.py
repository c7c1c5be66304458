"""What only the host can tell: its clocks, its randomness, its boot, its own identity files.

Used by the composition root alone; everybody else is handed values.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.errors import StorageError
from agent.model import ClockTrust
from agent.ops.clock_sync import kernel_says_synchronised
from agent.spool import Steps

_PR_SET_DUMPABLE = 4
KILL_AT = "MODALITY_AGENT_KILL_AT"


class SystemClock:
    """The real clock, in the box's zone; `trusted` says how far to believe it."""

    def __init__(self, zone: str, *, host_is_trusted: bool) -> None:
        self._zone = ZoneInfo(zone)
        self._host = host_is_trusted
        self._vouched = False

    def vouch(self) -> None:
        """A named person said that the wall clock is right; holds until the next boot."""
        self._vouched = True

    def now(self) -> datetime:
        return datetime.now(UTC).astimezone(self._zone)

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def trust(self) -> ClockTrust:
        if self._host:
            return ClockTrust.HOST
        if kernel_says_synchronised():
            return ClockTrust.SYNCHRONISED
        return ClockTrust.CONFIRMED if self._vouched else ClockTrust.UNTRUSTED


def utc_now() -> str:
    """Return this instant, ISO 8601 in UTC, for what is written without a configuration."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def no_core_dumps() -> None:
    """Let no crash of this process, or of one that it starts, leave its memory in a file or with a crash reporter.

    A core would hold patients. The limit alone does not keep the kernel from piping a dump to a program.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0)


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


OWN_KEY = "box.key"
_KEY_BYTES = 32


def own_key(root: Path) -> bytes:
    """Return the key with which PINs, badges and the audit's anchor are sealed; made at the first start (0600).

    Where the service manager hands one over as a credential of that name (LoadCredentialEncrypted=), that one counts.
    """
    handed = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / OWN_KEY
    if os.environ.get("CREDENTIALS_DIRECTORY") and handed.is_file():
        return handed.read_bytes()
    path = root / OWN_KEY
    if not path.exists():
        part = root / f".{OWN_KEY}.part"
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise StorageError("The box's own key is damaged: PINs and badges open nothing until it is back.")
    return key


def fingerprint(certificate_file: str) -> str:
    """Return the SHA-256 of the first certificate of a PEM file, in pairs of digits as browsers show it."""
    pem = Path(certificate_file).read_text(encoding="ascii", errors="replace")
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN") : pem.index(end) + len(end)])
    digits = hashlib.sha256(der).hexdigest()
    return ":".join(digits[n : n + 2] for n in range(0, len(digits), 2)).upper()


def page_certificate(root: Path, names: Sequence[str] = ()) -> tuple[str, str]:
    """Return certificate and key of the page, made in another process at the first start, for `names` as well."""
    certificate, key = root / "page.crt", root / "page.key"
    if not (certificate.exists() and key.exists()):
        argv = [sys.executable, "-P", "-m", "agent.ops.page_certificate", str(root), "page", *names]
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
