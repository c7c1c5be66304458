"""What an administrator does with people's accounts, and people with their own secrets."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from agent.accounts.logins import Logins
from agent.accounts.passwords import Passwords
from agent.accounts.rules import AccountRules, assert_good_password, assert_good_pin, assert_name
from agent.accounts.secrets import Random, fold_name
from agent.actor import Role
from agent.errors import BadRequest, WrongLogin
from agent.lifecycle import AccountState
from agent.store import Stamp, Store, StoredAccount

ROLES = frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR, Role.SERVICE})
LANGUAGES = frozenset({"", "uk", "en"})
_BADGE = range(4, 129)


class People:
    """Accounts of persons; every method that changes something is durable on return."""

    def __init__(
        self,
        store: Store,
        rules: AccountRules,
        passwords: Passwords,
        logins: Logins,
        *,
        random: Random,
        stamp: Callable[[str], Stamp],
    ) -> None:
        self._store, self._rules, self._passwords, self._logins = store, rules, passwords, logins
        self._random, self._stamp = random, stamp

    def create(
        self, name: str, role: Role, password: str, who: str, *, language: str = "", code_sha256: str = ""
    ) -> StoredAccount:
        """Make an account with its first password; raises `WeakSecret`, `NameTaken`, `BadRequest`, `WrongCode`."""
        if role not in ROLES:
            raise BadRequest("A person is a technician, an administrator or a service engineer.")
        name = assert_name(name)
        password = assert_good_password(password, name, self._rules.password_length)
        account = StoredAccount(
            account_id=str(uuid.UUID(bytes=self._random(16), version=4)),
            name=name,
            folded=fold_name(name),
            role=role,
            state=AccountState.ACTIVE,
            language=_language(language),
            password_hash=self._passwords.hashed(password),
            pin_hash="",
            badge_hash="",
            created_at=self._stamp(who).at,
        )
        self._store.accounts.create(account, self._stamp(who), code_sha256=code_sha256)
        return account

    def set_secret(self, account_id: str, kind: str, secret: str, who: str) -> None:
        """Give somebody a new `password`, `pin` or `badge`; empty takes a PIN or badge away.

        A new password ends every session of the person: who knew the old one is out. Raises `WeakSecret`, `NameTaken`.
        """
        account = self._store.accounts.get(account_id)
        self._store.accounts.set_secret(
            account_id, kind, self._hash(account, kind, secret), self._stamp(who), end_sessions_too=kind == "password"
        )

    def _hash(self, account: StoredAccount, kind: str, secret: str) -> str:
        if kind == "password":
            return self._passwords.hashed(assert_good_password(secret, account.name, self._rules.password_length))
        if not secret:
            return ""
        if kind == "pin":
            return self._passwords.hashed(self._logins.peppered(assert_good_pin(secret, self._rules.pin_length)))
        if len(secret.strip()) not in _BADGE:
            raise BadRequest("A badge has 4 to 128 characters.")
        return self._logins.badge_hash(secret)

    def change_own(self, account: StoredAccount, kind: str, password: str, secret: str) -> None:
        """Let a person change an own secret, which takes the password; raises `WrongLogin`, `TooManyTries`."""
        if not self._logins.right_password(account, password):
            raise WrongLogin
        self.set_secret(account.account_id, kind, secret, account.name)

    def set_role(self, account_id: str, role: Role, who: str) -> None:
        """Change what somebody may do; every session of the person ends. Raises `LastAdministrator`."""
        if role not in ROLES:
            raise BadRequest("A person is a technician, an administrator or a service engineer.")
        self._store.accounts.set_role(account_id, role, self._stamp(who))

    def apply(self, account_id: str, event: str, who: str) -> None:
        """`disable`, `enable` or `remove` somebody; raises `LastAdministrator`, `WrongState`."""
        if event not in ("disable", "enable", "remove"):
            raise BadRequest("There is no such act.")
        self._store.accounts.apply(account_id, event, self._stamp(who))


def _language(language: str) -> str:
    if language not in LANGUAGES:
        raise BadRequest("The languages are uk and en.")
    return language
