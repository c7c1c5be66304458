"""Logging in, locking, unlocking, and who it is that asks (security.md H3, H4; ruling 17).

An idle lock never hides an open exam: the screen falls back to the role SCREEN, which sees the open exam, captures into
it, finishes it and may begin an emergency exam; PIN or badge bring the person back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NoReturn

from agent.accounts import tries
from agent.accounts.activity import Activity
from agent.accounts.credentials import Credentials, Issued
from agent.accounts.passwords import Passwords
from agent.accounts.rules import AccountRules
from agent.accounts.secrets import Random, digest, fold_name, keyed, new_token
from agent.actor import NOBODY, Actor, Role
from agent.audit_event import LOGIN, Result
from agent.clock import Clock
from agent.errors import NotLoggedIn, ScreenNotEnrolled, TooManyTries, WrongLogin
from agent.lifecycle import AccountState, SessionState
from agent.store import Stamp, Store, StoredAccount, StoredScreen, StoredSession


class Logins:
    """Tells who asks and lets people in and out."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: AccountRules,
        passwords: Passwords,
        *,
        key: bytes,
        random: Random,
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._store, self._clock, self._rules, self._passwords = store, clock, rules, passwords
        self._key, self._random, self._stamp = key, random, stamp
        self.activity = Activity(clock)

    # --- who asks -------------------------------------------------------------------------------------------

    def who(self, c: Credentials) -> Actor:
        """Return who asks; reads only. Raises `NotLoggedIn` for a program whose token is not valid (any more)."""
        if c.bearer is not None:
            return self._program(c.bearer, c.address)
        screen = self._store.sessions.screen_by_token(digest(c.screen)) if c.screen else None
        session = self._session(c, screen)
        if session is None:
            return _as_screen(screen, c.address)
        if self._locked(session):
            return _as_screen(screen, c.address, session)
        if c.person:
            self.activity.touch(session)
        since = self._clock.now().timestamp() - session.password_at
        return Actor(
            name=session.name,
            role=session.role,
            session=session.session_id,
            screen=screen.screen_id if screen else "",
            fresh=0 <= since < self._rules.password_again_s,
            source=screen.source if screen else "",
            language=session.language or (screen.language if screen else ""),
            pixels_per_mm=screen.pixels_per_mm if screen else 0.0,
            address=c.address,
        )

    def _program(self, bearer: str, address: str) -> Actor:
        token = self._store.sessions.token(digest(bearer))
        if token is None or token.expires <= self._clock.now().timestamp():
            raise NotLoggedIn("This token is not valid.")
        return Actor(name=token.name, role=token.role, fresh=True, address=address)

    def _session(self, c: Credentials, screen: StoredScreen | None) -> StoredSession | None:
        """Return the session that this browser may use: alive, not too old, and on the screen where it began."""
        found = self._store.sessions.by_token(digest(c.session)) if c.session else None
        if found is None or not found.account_active or self.activity.age_s(found) >= self._rules.session_s:
            return None
        if found.screen_id and (screen is None or screen.screen_id != found.screen_id):
            return None
        return found

    def _locked(self, session: StoredSession) -> bool:
        return session.state is SessionState.LOCKED or self.activity.idle_s(session) >= self._rules.idle_lock_s

    # --- in and out -----------------------------------------------------------------------------------------

    def log_in(self, name: str, password: str, c: Credentials) -> Issued:
        """Let a person in by name and password; on return the session is durable, its token in the answer.

        Raises `WrongLogin`, `TooManyTries`, `LoginBusy`.
        """
        folded = fold_name(name[:200])
        screen = self._store.sessions.screen_by_token(digest(c.screen)) if c.screen else None
        place = ("screen", screen.screen_id) if screen else self._address(c, "address")
        who = ("password", keyed(self._key, "name", folded))
        self._attempt([who, place])
        account = self._store.accounts.by_name(folded)
        kept = account.password_hash if account and account.state is AccountState.ACTIVE else ""
        if not self._passwords.fits(kept, password) or account is None:
            self._refused(account, c, screen, "password")
        self._store.accounts.forgive([who, *([place] if screen else [])], [] if screen else [place])
        self._keep_up_to_date(account, "password", kept, password)
        return self._let_in(account, c, screen, password=True)

    def unlock(self, c: Credentials, *, pin: str = "", badge: str = "", name: str = "") -> Issued:
        """Let a person in at an enrolled screen by PIN (with a name, where the screen is not locked for somebody) or
        by a badge; on return the session is durable. Never enough for administration.

        Raises `ScreenNotEnrolled`, `WrongLogin`, `TooManyTries`, `LoginBusy`.
        """
        screen = self._store.sessions.screen_by_token(digest(c.screen)) if c.screen else None
        if screen is None:
            raise ScreenNotEnrolled
        account = self._by_badge(badge, c, screen) if badge else self._by_pin(pin, name, c, screen)
        return self._let_in(account, c, screen, password=False)

    def _by_badge(self, badge: str, c: Credentials, screen: StoredScreen) -> StoredAccount:
        place = ("screen", screen.screen_id)
        self._attempt([place])
        account = self._store.accounts.by_badge(self.badge_hash(badge))
        if account is None:
            self._refused(None, c, screen, "badge")
        self._store.accounts.forgive([place], [])
        return account

    def _by_pin(self, pin: str, name: str, c: Credentials, screen: StoredScreen) -> StoredAccount:
        session = self._session(c, screen)
        folded = fold_name(name[:200]) if name or session is None else fold_name(session.name)
        who, place = ("pin", keyed(self._key, "name", folded)), ("screen", screen.screen_id)
        self._attempt([who, place])
        account = self._store.accounts.by_name(folded)
        kept = account.pin_hash if account and account.state is AccountState.ACTIVE else ""
        if not self._passwords.fits(kept, self.peppered(pin)) or account is None:
            self._refused(account, c, screen, "pin")
        self._store.accounts.forgive([who, place], [])
        self._keep_up_to_date(account, "pin", kept, self.peppered(pin))
        return account

    def lock(self, c: Credentials) -> Issued:
        """Lock the session: the screen falls back to what needs nobody; durable on return."""
        session = self._session(c, self._screen(c))
        if session is not None:
            self._store.sessions.end(session.session_id, "lock", self._stamp(session.name))
        return Issued()

    def log_out(self, c: Credentials) -> Issued:
        """End the session; durable on return, the token opens nothing from then on."""
        session = self._store.sessions.by_token(digest(c.session)) if c.session else None
        if session is not None:
            self._store.sessions.end(session.session_id, "log out", self._stamp(session.name))
            self.activity.forget(session.session_id)
        return Issued(session="")

    def right_password(self, account: StoredAccount, password: str) -> bool:
        """Return whether `password` is the person's own, counted as a try; raises `TooManyTries`, `LoginBusy`."""
        who = ("password", keyed(self._key, "name", account.folded))
        self._attempt([who])
        fits = self._passwords.fits(account.password_hash, password)
        if fits:
            self._store.accounts.forgive([who], [])
        return fits

    # --- the parts ------------------------------------------------------------------------------------------

    def peppered(self, pin: str) -> str:
        """Return a PIN as it is hashed: useless without the key that is not in the database."""
        return keyed(self._key, "pin", pin)

    def badge_hash(self, badge: str) -> str:
        """Return what is kept of a badge."""
        return keyed(self._key, "badge", badge.strip())

    def attempt_at(self, c: Credentials, kind: str) -> None:
        """Count a try of `kind` (an enrolment code) from this address; raises `TooManyTries`."""
        self._attempt([self._address(c, kind)])

    def _address(self, c: Credentials, kind: str) -> tuple[str, str]:
        return "address", keyed(self._key, kind, tries.network(c.address))

    def _screen(self, c: Credentials) -> StoredScreen | None:
        return self._store.sessions.screen_by_token(digest(c.screen)) if c.screen else None

    def _attempt(self, keys: list[tuple[str, str]]) -> None:
        stamp = self._stamp("")
        left = self._store.accounts.attempt(
            keys,
            lambda failures, last: tries.wait_s(failures, last, stamp.unix),
            stamp,
            forget_before=stamp.unix - tries.FORGET_S,
        )
        if left > 0:
            raise TooManyTries(f"Too many wrong tries: wait {int(left) + 1} seconds.", wait_s=int(left) + 1)

    def _refused(self, account: StoredAccount | None, c: Credentials, screen: StoredScreen | None, by: str) -> NoReturn:
        who = account.name if account else ""
        told = {"user": who, "address": c.address, "screen": screen.name if screen else "", "reason": f"wrong {by}"}
        self._store.audit.record(LOGIN, self._stamp(who), Result.SERIOUS_FAILURE, **told)
        raise WrongLogin

    def _keep_up_to_date(self, account: StoredAccount, kind: str, kept: str, secret: str) -> None:
        if self._passwords.outdated(kept):
            self._store.accounts.rehash(account.account_id, kind, kept, self._passwords.hashed(secret))

    def _let_in(
        self, account: StoredAccount, c: Credentials, screen: StoredScreen | None, *, password: bool
    ) -> Issued:
        token, stamp = new_token(self._random), self._stamp(account.name)
        before = self._session(c, screen)
        if before is not None and before.account_id == account.account_id:
            self._store.sessions.renew(before.session_id, digest(token), stamp, password=password)
            self.activity.touch(before)
            return Issued(session=token)
        self._store.sessions.begin(
            str(uuid.UUID(bytes=self._random(16), version=4)),
            digest(token),
            account.account_id,
            stamp,
            screen_id=screen.screen_id if screen else "",
            password=password,
            address=c.address,
            replaces=before.session_id if before else "",
        )
        return Issued(session=token)

    def end_overdue(self) -> None:
        """Write down what time did: sessions that are locked by now, or too old (never asked for by a page)."""
        for session in self._store.sessions.alive():
            if self.activity.age_s(session) >= self._rules.session_s:
                self._store.sessions.end(session.session_id, "expire", self._stamp(session.name))
                self.activity.forget(session.session_id)
            elif session.state is SessionState.ACTIVE and self._locked(session):
                self._store.sessions.end(session.session_id, "lock", self._stamp(session.name))


def _as_screen(screen: StoredScreen | None, address: str, session: StoredSession | None = None) -> Actor:
    """Return the enrolled screen as the one who asks, or nobody."""
    locked = session.name if session else ""
    if screen is None:
        return Actor(name=NOBODY.name, role=NOBODY.role, locked=locked, address=address)
    return Actor(
        name=screen.name,
        role=Role.SCREEN,
        session=session.session_id if session else "",
        screen=screen.screen_id,
        source=screen.source,
        language=(session.language if session else "") or screen.language,
        pixels_per_mm=screen.pixels_per_mm,
        locked=locked,
        address=address,
    )
