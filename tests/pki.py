"""Certificates for tests: one good set, and one certificate for each way to be wrong.

`trustme` cannot be used here: its certificates are valid from the year 2000, and so cannot show what a box
without a clock sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent import pki

LOCAL = pki.Names(common_name="localhost", dns=("localhost",), ip=("127.0.0.1",))


@dataclass(frozen=True, kw_only=True)
class Pki:
    ca: Path
    pacs_cert: Path
    pacs_key: Path
    agent_cert: Path
    agent_key: Path
    rogue_ca: Path
    rogue_cert: Path
    rogue_key: Path
    expired_cert: Path
    expired_key: Path
    future_cert: Path
    future_key: Path
    wrong_name_cert: Path
    wrong_name_key: Path


def make(folder: Path) -> Pki:
    """Make every certificate of the tests below `folder`; all P-256, SAN localhost and 127.0.0.1."""
    now, day = datetime.now(UTC), timedelta(days=1)
    good = pki.Validity(not_before=now - day, not_after=now + 30 * day)
    past = pki.Validity(not_before=now - 30 * day, not_after=now - day)
    future = pki.Validity(not_before=now + day, not_after=now + 30 * day)
    elsewhere = pki.Names(common_name="elsewhere", dns=("elsewhere.invalid",), ip=("192.0.2.1",))
    folder.mkdir(parents=True, exist_ok=True)
    ca = pki.make_authority(folder, "ca", "Test CA", good)
    rogue_ca = pki.make_authority(folder, "rogue-ca", "Rogue CA", good)
    made = {
        "pacs": pki.issue(folder, "pacs", LOCAL, good, ca),
        "agent": pki.issue(folder, "agent", LOCAL, good, ca),
        "rogue": pki.issue(folder, "rogue", LOCAL, good, rogue_ca),
        "expired": pki.issue(folder, "expired", LOCAL, past, ca),
        "future": pki.issue(folder, "future", LOCAL, future, ca),
        "wrong_name": pki.issue(folder, "wrong-name", elsewhere, good, ca),
    }
    paths = {f"{n}_cert": i.certificate for n, i in made.items()} | {
        f"{n}_key": i.key for n, i in made.items()
    }
    return Pki(ca=ca.certificate, rogue_ca=rogue_ca.certificate, **paths)
