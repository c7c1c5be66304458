"""Makes the self-signed certificate of the box's page, once, in a process of its own (cryptography is heavy)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from agent import pki

_YEARS = 10


def make(folder: Path, name: str, now: datetime, more: Sequence[str] = ()) -> None:
    """Make `<name>.crt` and `<name>.key` in `folder`, valid for ten years from yesterday (no clock at first boot)."""
    addresses = [n for n in more if _is_address(n)]
    names = pki.Names(
        common_name="modality-agent",
        dns=("localhost", *(n for n in more if n not in addresses)),
        ip=("127.0.0.1", "::1", *addresses),
    )
    validity = pki.Validity(not_before=now - timedelta(days=1), not_after=now + timedelta(days=365 * _YEARS))
    pki.self_signed(folder, name, names, validity)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2], datetime.now(UTC), sys.argv[3:])
