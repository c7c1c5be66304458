"""Whether the page is served by the core: a lock that the kernel lets go of when the core ends, however it ends.

The core holds it for as long as it answers; the failure page (`agent.failure`) waits for it, without looking twice, and
answers in the meantime. Both know it by the core's runtime folder, which no restart removes; on a laptop there is none.
What the core says last, when it cannot come up, is left in the same folder: a code, no words of a person.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LOCK, LAST, PAGE = "serving", "last.json", "page.pem"
_ENVIRONMENT = "RUNTIME_DIRECTORY"


def folder(environment: Mapping[str, str]) -> Path | None:
    """Return the core's runtime folder as the service manager names it; None: there is none."""
    told = environment.get(_ENVIRONMENT, "").partition(":")[0]
    return Path(told) if told else None


def hold(where: Path | None) -> int | None:
    """Say that the page is served from now on; the descriptor is to be kept. A failure before is forgotten."""
    if where is None:
        return None
    fd = os.open(where / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(fd, fcntl.LOCK_EX)
    (where / LAST).unlink(missing_ok=True)
    return fd


def let_go(fd: int | None) -> None:
    """Say that the page is no longer served."""
    if fd is not None:
        os.close(fd)


def say_last(where: Path | None, code: str) -> None:
    """Leave why the service ended; how often in a row is counted. Raises nothing: the reason itself is on its way."""
    if where is None:
        return
    with suppress(OSError):
        part = where / f".{LAST}.part"
        part.write_text(json.dumps({"code": code, "times": last(where)[1] + 1}), encoding="ascii")
        part.replace(where / LAST)


def last(where: Path) -> tuple[str, int]:
    """Return the code of the last failure and how often in a row there was one; empty and 0: none is known."""
    try:
        told = json.loads((where / LAST).read_bytes())
        return str(told["code"])[:8], int(told["times"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def keep_certificate(root: Path, certificate: str, key: str) -> None:
    """Keep certificate and key of the page where the failure page finds them, also after a new boot (0600)."""
    where = root / "failure"
    where.mkdir(exist_ok=True, mode=0o700)
    content = Path(certificate).read_bytes().rstrip() + b"\n" + Path(key).read_bytes()
    if (where / PAGE).exists() and (where / PAGE).read_bytes() == content:
        return
    part = where / f".{PAGE}.part"
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(where / PAGE)
