"""Makes the self-signed certificate of the box's page, once, in a process of its own (cryptography is heavy)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent import pki

_YEARS = 10


def make(folder: Path, name: str, now: datetime) -> None:
    """Make `<name>.crt` and `<name>.key` in `folder`, valid for ten years from yesterday (no clock at first boot)."""
    names = pki.Names(common_name="modality-agent", dns=("localhost",), ip=("127.0.0.1", "::1"))
    validity = pki.Validity(not_before=now - timedelta(days=1), not_after=now + timedelta(days=365 * _YEARS))
    pki.self_signed(folder, name, names, validity)


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2], datetime.now(UTC))
