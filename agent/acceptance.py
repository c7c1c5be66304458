"""The acceptance report of a box: the self-test with who the box is, kept on it, for a person to sign.

The picture is nobody's (`ZZTEST^NOT A PATIENT`, `agent.identity.test`), of the box's own source, and goes the whole
real path to the destinations with `test = true`; the kind of its exam decides that, not this test. A clock that nobody
vouches for is a failed check: the picture is kept and nothing dated leaves. A report names no patient and is never
changed once it is kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import selftest
from agent.accounts.keeping import private_folder, write_private
from agent.plain import from_plain, to_plain
from agent.selftest import FAILED, PASSED, Asked, Line

FOLDER = "acceptance"
"""Below the data folder."""
MOST_KEPT = 20
"""The oldest but the first are let go of beyond that: the first is the one that was signed."""
UNTRUSTED = "untrusted"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate that the box used or trusted."""

    name: str
    sha256: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What was shown, by which box, when, and how far its clock could be believed."""

    box: str
    ae_title: str
    device_uid: str
    version: str
    clock_trust: str
    began_at: str
    ended_at: str
    checks: tuple[Line, ...]
    certificates: tuple[Certificate, ...]
    software: tuple[tuple[str, str], ...]
    LATER: ClassVar[frozenset[str]] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(check.result != FAILED for check in self.checks)

    @property
    def objects(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the objects of nobody."""
        return tuple(uid for check in self.checks for uid in check.objects)


def run(
    service: Asked,
    *,
    ae_title: str,
    device_uid: str,
    pause: Callable[[float], object],
    monotonic: Callable[[], float],
    limit_s: float,
) -> Acceptance:
    """Test the box behind `service`; each picture has `limit_s` seconds. Raises `NotRunning`."""
    clock = _clock(service.get("/status"))
    made = selftest.run(service, pause=pause, monotonic=monotonic, limit_s=limit_s)
    certificates = [Certificate(name=c["name"], sha256=c["sha256"], not_after=c["not_after"])
                    for c in service.get("/certificates")]  # fmt: skip
    return Acceptance(
        box=made.box,
        ae_title=ae_title,
        device_uid=device_uid,
        version=made.version,
        clock_trust=clock.name,
        began_at=made.began_at,
        ended_at=made.ended_at,
        checks=(clock, *made.lines),
        certificates=tuple(certificates),
        software=tuple((v["name"], v["version"]) for v in service.get("/versions")),
    )


def _clock(status: Mapping[str, Any]) -> Line:
    trust = status["clock_trust"]
    if trust == UNTRUSTED:
        found = "Nobody vouches for the clock: pictures are kept and nothing dated leaves the box until somebody does."
        return Line(what="clock", name=trust, result=FAILED, found=found)
    return Line(what="clock", name=trust, result=PASSED, found=str(status["now"]))


# --- what is kept ---------------------------------------------------------------------------------------------


def keep(folder: Path, made: Acceptance) -> Path:
    """Keep a report below the data folder, whole or not at all (0600); durable on return."""
    private_folder(folder)
    stem = re.sub("[^0-9T]", "", made.began_at[:19])
    number = next(n for n in range(100) if not (folder / f"{stem}-{n:02}.json").exists())
    path = folder / f"{stem}-{number:02}.json"
    write_private(path, json.dumps(as_value(made), ensure_ascii=False, indent=1).encode() + b"\n")
    for old in names(folder)[1:-MOST_KEPT]:
        (folder / f"{old}.json").unlink(missing_ok=True)
    return path


def names(folder: Path) -> list[str]:
    """Return the names of the kept reports, oldest first."""
    try:
        found = [entry.removesuffix(".json") for entry in os.listdir(folder) if entry.endswith(".json")]  # noqa: PTH208
    except OSError:
        return []
    return sorted(name for name in found if _NAME.fullmatch(name))


def read(folder: Path, name: str) -> Acceptance | None:
    """Return a kept report; None: there is none of that name that can be read."""
    if name not in names(folder):
        return None
    try:
        told = json.loads((folder / f"{name}.json").read_bytes())
        told.pop("passed", None)
        return from_plain(Acceptance, told)
    except (OSError, ValueError):
        return None


def as_value(made: Acceptance) -> dict[str, Any]:
    """Return the report as JSON values, with its verdict."""
    return {**to_plain(made), "passed": made.passed}


def as_text(made: Acceptance) -> str:
    """Return the report for a terminal and for a signature, as Markdown."""
    report = selftest.Report(
        box=made.box, version=made.version, began_at=made.began_at, ended_at=made.ended_at, lines=made.checks
    )
    identity = [
        f"- AE title: {made.ae_title}",
        f"- Device UID: {made.device_uid}",
        f"- Clock: {made.clock_trust}",
        *(f"- Certificate {c.name}: {c.sha256} until {c.not_after}" for c in made.certificates),
        *(f"- Test object: {uid}" for uid in made.objects),
    ]
    return selftest.as_markdown(report, identity)
