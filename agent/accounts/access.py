"""Enrolment codes, enrolled screens and programs: what is let in by a token that was given out once (H1)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from agent.accounts.people import LANGUAGES, ROLES
from agent.accounts.rules import AccountRules, assert_name
from agent.accounts.secrets import Random, digest, fold_code, new_code, new_token
from agent.actor import Role
from agent.clock import Clock
from agent.errors import BadRequest, NotFound
from agent.lifecycle import AccessState
from agent.store import Stamp, Store, StoredScreen, StoredToken

ADMINISTRATOR, SCREEN = "administrator", "screen"
"""What an enrolment code is for: the first administrator (or the next, at the box itself), or one screen."""
_LONGEST_DAYS = 3650


class Access:
    """Everything that is let in but people; every method that changes something is durable on return."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rules: AccountRules,
        *,
        sources: Collection[str],
        random: Random,
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._store, self._clock, self._rules, self._sources = store, clock, rules, sources
        self._random, self._stamp = random, stamp

    def _id(self) -> str:
        return str(uuid.UUID(bytes=self._random(16), version=4))

    def make_code(self, purpose: str, who: str, *, told: str = "") -> tuple[str, datetime]:
        """Return a new enrolment code and when it dies; an older one for the same purpose is worth nothing now.

        `told` is a code that a person was shown already, made in the same way; one that this box had before is dead.
        """
        fresh = bool(told) and not self._store.accounts.had_code(digest(fold_code(told)))
        code, stamp = told if fresh else new_code(self._random), self._stamp(who)
        expires = self._clock.now() + timedelta(seconds=self._rules.code_s)
        self._store.accounts.make_code(self._id(), purpose, digest(fold_code(code)), expires.timestamp(), stamp)
        return code, expires

    def enrol_screen(
        self, screen: StoredScreen, who: str, *, code: str = ""
    ) -> tuple[StoredScreen, str]:
        """Enrol a screen and return it with its token; `code` is needed unless an administrator does it.

        Raises `WrongCode`, `BadRequest`.
        """
        token = new_token(self._random)
        made = replace(self._checked(screen), screen_id=self._id(), state=AccessState.VALID)
        sha256 = digest(fold_code(code)) if code else ""
        self._store.sessions.enrol(made, digest(token), self._stamp(who), code_sha256=sha256)
        return made, token

    def change_screen(self, screen: StoredScreen) -> None:
        """Change name, source, language or scale of a screen; raises `NotFound`, `BadRequest`."""
        s = self._checked(screen)
        self._store.sessions.change_screen(s.screen_id, s.name, s.source, s.language, s.pixels_per_mm)

    def _checked(self, screen: StoredScreen) -> StoredScreen:
        if screen.source and screen.source not in self._sources:
            raise NotFound("There is no source of that name.")
        if screen.language not in LANGUAGES:
            raise BadRequest("The languages are uk and en.")
        if screen.pixels_per_mm and not 1.0 <= screen.pixels_per_mm <= 40.0:
            raise BadRequest("A screen has 1 to 40 pixels per millimetre.")
        return replace(screen, name=assert_name(screen.name))

    def create_token(self, name: str, role: Role, days: int, who: str) -> tuple[StoredToken, str]:
        """Let a program in for so many days and return its token, which is told this once only."""
        if role not in ROLES or not 1 <= days <= _LONGEST_DAYS:
            raise BadRequest("A program has the role of a person, for 1 to 3650 days.")
        stamp, secret = self._stamp(who), new_token(self._random)
        token = StoredToken(
            token_id=self._id(),
            name=assert_name(name),
            role=role,
            state=AccessState.VALID,
            created_at=stamp.at,
            expires=stamp.unix + days * 86400.0,
        )
        self._store.sessions.create_token(token, digest(secret), stamp)
        return token, secret
