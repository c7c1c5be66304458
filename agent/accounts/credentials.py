"""What a request brings to prove who asks, and what an answer gives back to be kept by the asker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Tokens as they came, unproven; empty: none."""

    session: str = ""
    screen: str = ""
    bearer: str | None = None
    """Of a program; None: it did not try to be one. Whoever does is nothing else."""
    address: str = ""
    person: bool = True
    """A person did this; False: the page asked by itself, which keeps no session awake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """New tokens to be kept; None: as it was, empty: forget it."""

    session: str | None = None
    screen: str | None = None
