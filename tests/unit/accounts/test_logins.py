"""How long a login holds, by a clock that the test moves: idle lock, absolute end, restarts, clocks that jump."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.accounts.access import SCREEN, Access
from agent.accounts.credentials import Credentials
from agent.accounts.logins import Logins
from agent.accounts.passwords import Passwords
from agent.accounts.people import People
from agent.actor import Actor, Role
from agent.errors import NotLoggedIn, TooManyTries, WrongCode, WrongLogin
from agent.lifecycle import AccessState
from agent.model import ClockTrust
from agent.store import Stamp, Store, StoredScreen
from agent.store.migrations import migrate
from tests.unit.accounts.test_secrets import RULES

PASSWORD = "кінь №1 … скоба"
"""With signs that Unicode knows in two forms."""
START = datetime(2026, 11, 24, 10, tzinfo=UTC)


@dataclass
class Hand:
    """A clock that is moved by hand."""

    wall: datetime = START
    steady: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def boottime_ns(self) -> int:
        return int(self.steady * 1e9)

    def trust(self) -> ClockTrust:
        return ClockTrust.HOST

    def wait(self, seconds: float) -> None:
        self.wall, self.steady = self.wall + timedelta(seconds=seconds), self.steady + seconds

    def stamp(self, who: str) -> Stamp:
        return Stamp(at=self.wall.isoformat(), unix=self.wall.timestamp(), run_id="run-1", who=who)


class Doors:
    """Everything of accounts over one database; made anew as a restarted box does."""

    def __init__(self, store: Store, clock: Hand) -> None:
        passwords = Passwords(RULES, "dummy")
        self.store, self.clock = store, clock
        self.logins = Logins(store, clock, RULES, passwords, key=b"k" * 32, random=os.urandom, stamp=clock.stamp)
        self.people = People(store, RULES, passwords, self.logins, random=os.urandom, stamp=clock.stamp)
        self.access = Access(store, clock, RULES, sources={"us1"}, random=os.urandom, stamp=clock.stamp)

    def technician(self, name: str = "Олена") -> str:
        """A person who is logged in; returns the session's token."""
        self.people.create(name, Role.TECHNICIAN, PASSWORD, "test")
        return self.log_in(name)

    def log_in(self, name: str = "Олена", password: str = PASSWORD, screen: str = "") -> str:
        return self.logins.log_in(name, password, Credentials(screen=screen, address="192.0.2.7")).session or ""

    def who(self, session: str, *, person: bool = True, screen: str = "") -> Actor:
        return self.logins.who(Credentials(session=session, screen=screen, person=person))

    def screen(self) -> str:
        told = StoredScreen(
            screen_id="", name="Tablet", source="us1", language="uk", pixels_per_mm=4.63, state=AccessState.VALID,
            enrolled_at="",
        )  # fmt: skip
        return self.access.enrol_screen(told, "test")[1]


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def doors(tmp_path: Path, clock: Hand) -> Iterator[Doors]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    yield Doors(store, clock)
    store.close()


def test_a_password_is_the_same_in_every_form_of_its_letters(doors: Doors) -> None:
    doors.technician()
    for typed in (PASSWORD, "кінь No1 ... скоба", "кі\u0301нь №1 … скоба".replace("\u0301", "")):
        assert doors.log_in(password=typed)
    with pytest.raises(WrongLogin):
        doors.log_in(password=PASSWORD.upper())


def test_idle_falls_back_to_the_screen_which_keeps_its_source_and_says_for_whom(doors: Doors, clock: Hand) -> None:
    screen = doors.screen()
    doors.people.create("Олена", Role.TECHNICIAN, PASSWORD, "test")
    session = doors.log_in(screen=screen)
    for _ in range(5):
        clock.wait(RULES.idle_lock_s - 1)
        assert doors.who(session, screen=screen).role is Role.TECHNICIAN
    clock.wait(RULES.idle_lock_s)
    locked = doors.who(session, screen=screen)
    assert (locked.role, locked.locked, locked.source, locked.name) == (Role.SCREEN, "Олена", "us1", "Tablet")
    doors.logins.end_overdue()
    assert doors.who(session, screen=screen).role is Role.SCREEN
    clock.wait(-RULES.idle_lock_s)  # an act cannot undo a lock that was written down
    assert doors.who(session, screen=screen).role is Role.SCREEN


def test_a_page_that_asks_by_itself_keeps_nobody_logged_in(doors: Doors, clock: Hand) -> None:
    session = doors.technician()
    for _ in range(10):
        clock.wait(RULES.idle_lock_s / 10)
        last = doors.who(session, person=False)
    assert (last.role, last.locked) == (Role.NOBODY, "Олена")


def test_after_the_longest_time_everybody_logs_in_anew_however_busy(doors: Doors, clock: Hand) -> None:
    session = doors.technician()
    while clock.wall < START + timedelta(seconds=RULES.session_s - 600):
        clock.wait(600)
        doors.who(session)
    clock.wait(599)
    assert doors.who(session).role is Role.TECHNICIAN
    clock.wait(1)
    assert (doors.who(session).role, doors.who(session).locked) == (Role.NOBODY, "")


def test_a_restart_forgets_neither_age_nor_idleness(doors: Doors, clock: Hand) -> None:
    session = doors.technician()
    doors.store.sessions.seen(doors.logins.activity.unwritten())
    clock.wait(RULES.idle_lock_s - 10)
    again = Doors(doors.store, clock)
    assert again.who(session, person=False).role is Role.TECHNICIAN
    clock.wait(10)
    assert again.who(session, person=False).role is Role.NOBODY


@pytest.mark.parametrize("jump_h", [-24, -1, 24])
def test_a_wall_clock_that_jumps_neither_opens_nor_shuts_a_session_of_this_run(
    doors: Doors, clock: Hand, jump_h: int
) -> None:
    session = doors.technician()
    doors.who(session)
    clock.wall += timedelta(hours=jump_h)
    assert doors.who(session).role is Role.TECHNICIAN
    clock.wait(RULES.idle_lock_s)
    assert doors.who(session).role is Role.NOBODY


def test_a_session_that_began_ahead_of_the_clock_is_not_believed_after_a_restart(doors: Doors, clock: Hand) -> None:
    session = doors.technician()
    clock.wall -= timedelta(hours=1)
    assert Doors(doors.store, clock).who(session).role is Role.NOBODY


def test_the_password_counts_for_administration_for_some_minutes(doors: Doors, clock: Hand) -> None:
    session = doors.technician()
    clock.wait(RULES.password_again_s - 1)
    assert doors.who(session).fresh
    clock.wait(1)
    assert not doors.who(session).fresh


def test_a_code_is_good_once_and_for_a_day(doors: Doors, clock: Hand) -> None:
    told = StoredScreen(screen_id="", name="Tablet", source="", language="", pixels_per_mm=0.0,
                        state=AccessState.VALID, enrolled_at="")  # fmt: skip
    code, expires = doors.access.make_code(SCREEN, "test")
    assert expires == START + timedelta(hours=24)
    doors.access.enrol_screen(told, "test", code=code)
    late, _ = doors.access.make_code(SCREEN, "test")
    for wrong in (code, "ACDE-3479-FGHJ-KLMN"):
        with pytest.raises(WrongCode):
            doors.access.enrol_screen(told, "test", code=wrong)
    clock.wait(86400)
    with pytest.raises(WrongCode):
        doors.access.enrol_screen(told, "test", code=late)


def test_a_program_ends_with_its_time(doors: Doors, clock: Hand) -> None:
    _, secret = doors.access.create_token("HIS", Role.TECHNICIAN, 1, "test")
    assert doors.logins.who(Credentials(bearer=secret)).role is Role.TECHNICIAN
    clock.wait(86400)
    with pytest.raises(NotLoggedIn):
        doors.logins.who(Credentials(bearer=secret))


def test_guessing_costs_the_same_for_names_that_exist_and_names_that_do_not(doors: Doors) -> None:
    doors.technician()
    for number, name in enumerate(("Олена", "Ніхто")):
        told = []
        for _ in range(8):
            try:
                doors.logins.log_in(name, "wrong password", Credentials(address=f"192.0.2.{number}"))
            except (WrongLogin, TooManyTries) as e:
                told.append(type(e).__name__)
        assert told == ["WrongLogin"] * 5 + ["TooManyTries"] * 3


def test_a_guesser_with_many_addresses_of_one_network_is_one_guesser(doors: Doors) -> None:
    told = []
    for number in range(7):
        try:
            doors.logins.log_in(f"N{number}", "wrong password", Credentials(address=f"2001:db8::{number:x}"))
        except (WrongLogin, TooManyTries) as e:
            told.append(type(e).__name__)
    assert told == ["WrongLogin"] * 5 + ["TooManyTries"] * 2
