"""How long people stay logged in and how their secrets are kept (security.md H3, H4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.section import Complaint, Section
from agent.config.values import setting


class AccountPolicy(Section):
    """How people log in."""

    idle_lock_min: int = setting(
        15, "After so long without an act the screen locks; an open exam stays in view.", unit="min", ge=1, le=60
    )
    session_hours: int = setting(12, "After so long everybody logs in anew.", unit="h", ge=1, le=24)
    password_again_min: int = setting(
        10, "For so long after the password was given administration does not ask again.", unit="min", ge=1, le=60
    )
    password_length: int = setting(10, "The shortest password.", unit="characters", ge=8, le=64)
    pin_length: int = setting(4, "The shortest PIN, for unlocking enrolled screens.", unit="digits", ge=4, le=12)
    hash_memory_mb: int = setting(
        19, "Memory that checking one password takes (argon2id); checked anew at the next login.", unit="MB", ge=8,
        le=256,
    )  # fmt: skip
    hash_passes: int = setting(2, "Passes of argon2id over that memory.", unit="passes", ge=1, le=10)
    hashes_at_once: int = setting(1, "So many passwords are checked at the same time.", unit="passwords", ge=1, le=8)

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield parameters below what OWASP asks of argon2id."""
        memory, passes = raw.get("hash_memory_mb", 19), raw.get("hash_passes", 2)
        if isinstance(memory, int) and isinstance(passes, int) and memory * passes < 36:
            yield ("hash_passes",), "memory times passes is at least 36 (OWASP: 19 MB and 2 passes, 9 MB and 4)"
