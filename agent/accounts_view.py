"""What people and programs get to see of accounts and of the audit trail: flat, frozen, JSON-ready, never a secret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MeView:
    """Who asks, as the box sees it."""

    name: str
    role: str
    screen: str
    """Name of the enrolled screen; empty: it is none."""
    source: str
    """The source that the screen is bound to."""
    language: str
    pixels_per_mm: float
    locked: str
    """The person for whom the screen is locked; empty: nobody."""
    fresh: bool
    """Whether administration goes on without the password."""
    enrolled: bool
    """False: the box has no administrator yet and waits for its enrolment code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """One person."""

    user_id: str
    name: str
    role: str
    state: str
    language: str
    has_pin: bool
    has_badge: bool
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """One login that has not ended."""

    session_id: str
    name: str
    role: str
    screen: str
    address: str
    state: str
    began_at: str
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenView:
    """One enrolled screen."""

    screen_id: str
    name: str
    source: str
    language: str
    pixels_per_mm: float
    enrolled_at: str
    person: str
    """Who is logged in on it now; empty: nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """One program that may drive the box."""

    token_id: str
    name: str
    role: str
    created_at: str
    expires_at: str
    token: str = ""
    """Told once, in the answer that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeView:
    """A new enrolment code; told once."""

    code: str
    purpose: str
    expires_at: str
    page: str
    fingerprint: str
    """SHA-256 of the page's certificate, to be compared in the browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRowView:
    """One row of the audit trail."""

    number: int
    at: str
    event: str
    """Meaning of the event's code, as `User Authentication`."""
    type: str
    action: str
    result: str
    who: str
    told: dict[str, str]
    """Everything else that the row says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyView:
    """What a look through the whole chain found."""

    ok: bool
    rows: int
    first: int
    last: int
    sha256: str
    """Hash of the last row: write it down elsewhere, and it can be verified against later."""
    broken_at: int
    """The first row that is not as it was written; zero: none."""
    why: str
    delivered: int
    """The repository has every row up to this one."""
