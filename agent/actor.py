"""Who asks, and who may do what: one table, looked at once per request before the service is called.

A `screen` is an enrolled tablet on which nobody is logged in: it shows the open exam and can always begin an
emergency exam (ruling 17). `box` is the unix socket, which only the box's own user may open, and the box's pedals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.errors import LoginAgain, NotLoggedIn, NotPermitted


class Role(StrEnum):
    """What somebody may do, from least to most; the order means nothing, the table below does."""

    NOBODY = "nobody"
    """Not logged in, and not an enrolled screen."""
    SCREEN = "screen"
    """An enrolled screen on which nobody is logged in, or which is locked."""
    TECHNICIAN = "technician"
    """Chooses patients, captures, reviews, finishes."""
    ADMINISTRATOR = "administrator"
    """Everything of a technician, and configuration, users, certificates, what was held or sent."""
    SERVICE = "service"
    """Tests and repairs the box; never sees a patient."""
    BOX = "box"
    """The private unix socket: command line, tests, the box itself."""


class Act(StrEnum):
    """One thing that may be allowed or not; every route names the act that it is."""

    LOG_IN = "log in"
    ENROL = "enrol"
    SEE_BOX = "see the state of the box"
    """Sources, destinations, counts; nothing of a patient."""
    SEE_OPEN_EXAM = "see the open exam"
    SEE_PATIENTS = "see patients"
    """Worklist, exams, queue, tray."""
    START_EXAM = "start an exam"
    START_EMERGENCY = "start an emergency exam"
    CAPTURE = "capture"
    """Into the exam that is open already."""
    FINISH_EXAM = "finish an exam"
    REVIEW = "review"
    """Delete, restore, mark, describe, reorder before release; the tray."""
    CORRECT = "correct an identity"
    """Re-identify, release or discard what is held, ask for removal, append."""
    RUN_QUEUE = "try again"
    CHANGE_QUEUE = "change the queue"
    """Hold, discard, redirect."""
    TEST = "test connections and devices"
    CONFIGURE = "configure"
    MANAGE_USERS = "manage users"
    SEE_AUDIT = "see the audit"
    SUPPORT = "take logs and the support bundle"
    SET_CLOCK = "confirm the clock"
    INJECT = "inject faults"
    MAKE_ENROLMENT_CODE = "make an enrolment code"
    """For the first administrator, or when no password is known any more: only at the box itself."""


_ANYBODY = frozenset(Role)
_SCREENS = frozenset(Role) - {Role.NOBODY}
_CLINICAL = frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR, Role.BOX})
_ADMIN = frozenset({Role.ADMINISTRATOR, Role.BOX})
_TECHNICAL = _ADMIN | {Role.SERVICE}

PERMISSIONS: Mapping[Act, frozenset[Role]] = {
    Act.LOG_IN: _ANYBODY,
    Act.ENROL: _ANYBODY,
    Act.SEE_BOX: _SCREENS,
    Act.SEE_OPEN_EXAM: _CLINICAL | {Role.SCREEN},
    Act.SEE_PATIENTS: _CLINICAL,
    Act.START_EXAM: _CLINICAL,
    Act.START_EMERGENCY: _CLINICAL | {Role.SCREEN},
    Act.CAPTURE: _CLINICAL | {Role.SCREEN},
    Act.FINISH_EXAM: _CLINICAL | {Role.SCREEN},
    Act.REVIEW: _CLINICAL,
    Act.CORRECT: _CLINICAL,
    Act.RUN_QUEUE: _CLINICAL | {Role.SERVICE},
    Act.CHANGE_QUEUE: _ADMIN,
    Act.TEST: _TECHNICAL,
    Act.CONFIGURE: _ADMIN,
    Act.MANAGE_USERS: _ADMIN,
    Act.SEE_AUDIT: _ADMIN,
    Act.SUPPORT: _TECHNICAL,
    Act.SET_CLOCK: _ADMIN,
    Act.INJECT: frozenset({Role.BOX}),
    Act.MAKE_ENROLMENT_CODE: frozenset({Role.BOX}),
}
FULL_LOGIN = frozenset(
    {Act.CHANGE_QUEUE, Act.CONFIGURE, Act.MANAGE_USERS, Act.SEE_AUDIT, Act.SUPPORT, Act.SET_CLOCK}
)
"""Acts of administration: a PIN or a badge is not enough, and a password counts for some minutes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks: `name` goes into the history and the audit, `role` decides."""

    name: str
    role: Role
    session: str = ""
    """Identifier of the login session; empty: none."""
    screen: str = ""
    """Identifier of the enrolled screen; empty: none."""
    fresh: bool = False
    """True: the password was given a few minutes ago, or cannot be asked for (the box itself, a program)."""
    source: str = ""
    """The source that the screen is bound to; empty: none."""
    language: str = ""
    """Chosen on this session or screen; empty: the box's own."""
    pixels_per_mm: float = 0.0
    """Measured on the screen; zero: unknown."""
    locked: str = ""
    """Name of the person for whom this screen is locked; empty: nobody."""
    address: str = ""
    """Network address of the asker, for the audit; empty: the box itself."""


BOX = Actor(name="box", role=Role.BOX, fresh=True)
NOBODY = Actor(name="nobody", role=Role.NOBODY)


def may(actor: Actor, act: Act) -> bool:
    """Return whether `actor` may do `act`."""
    return actor.role in PERMISSIONS[act]


def assert_may(actor: Actor, act: Act) -> None:
    """Raise unless `actor` may do `act`: `NotLoggedIn` where a login could help, `LoginAgain` where only a fresh
    password does, else `NotPermitted`."""
    if not may(actor, act):
        raise NotLoggedIn if actor.role in (Role.NOBODY, Role.SCREEN) else NotPermitted
    if act in FULL_LOGIN and not actor.fresh:
        raise LoginAgain
