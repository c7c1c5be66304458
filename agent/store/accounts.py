"""People: their accounts, the enrolment codes that make the first of them, and how often somebody guessed wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.actor import Role
from agent.errors import LastAdministrator, NameTaken, NotFound, WrongCode, WrongState
from agent.lifecycle import AccountState, EnrolmentState
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note

Key = tuple[str, str]
"""What failures are counted for: (kind, subject)."""
_MOST_TRIES = 2000
"""Rows of wrong tries that are kept; older ones go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """One person's account with the hashes of its secrets; empty: that secret opens nothing."""

    account_id: str
    name: str
    folded: str
    """The name as it is compared: small letters, one form of each letter."""
    role: Role
    state: AccountState
    language: str
    password_hash: str
    pin_hash: str
    badge_hash: str
    created_at: str


def account_from_row(row: Row) -> StoredAccount:
    """Return the typed account of one row."""
    values = {key: row[key] for key in row.keys()}  # noqa: SIM118
    return StoredAccount(**{**values, "role": Role(row["role"]), "state": AccountState(row["state"])})


class Accounts:
    """Every statement about the tables account, enrolment and tries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- people ---------------------------------------------------------------------------------------------

    def create(self, account: StoredAccount, stamp: Stamp, *, code_sha256: str = "") -> None:
        """Make an account; with `code_sha256` the open enrolment code of an administrator is used up in the same
        transaction. Durable on return. Raises `NameTaken`, `WrongCode`."""

        def work(connection: Connection) -> None:
            if code_sha256:
                use_code(connection, "administrator", code_sha256, stamp)
            taken = "SELECT 1 FROM account WHERE folded = ? AND state <> 'removed'"
            if connection.execute(taken, (account.folded,)).fetchone():
                raise NameTaken
            connection.execute(
                "INSERT INTO account (account_id, name, folded, role, state, language, password_hash, pin_hash,"
                " badge_hash, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account.account_id,
                    account.name,
                    account.folded,
                    account.role.value,
                    account.state.value,
                    account.language,
                    account.password_hash,
                    account.pin_hash,
                    account.badge_hash,
                    stamp.at,
                ),
            )
            note(connection, "account", account.account_id, "create", "", account.state, stamp, code=account.role)

        self._database.write(work)

    def get(self, account_id: str) -> StoredAccount:
        """Return one account; raises `NotFound`."""
        found = self._list("WHERE account_id = ?", (account_id,))
        if not found:
            raise NotFound("There is no such person.")
        return found[0]

    def by_name(self, folded: str) -> StoredAccount | None:
        """Return the account of a folded name that was not removed, whatever its state."""
        found = self._list("WHERE folded = ? AND state <> 'removed'", (folded,))
        return found[0] if found else None

    def by_badge(self, badge_hash: str) -> StoredAccount | None:
        """Return the active account that a badge belongs to."""
        found = self._list("WHERE badge_hash = ? AND state = 'active'", (badge_hash,)) if badge_hash else []
        return found[0] if found else None

    def all(self) -> list[StoredAccount]:
        """Return everybody who was not removed, by name."""
        return self._list("WHERE state <> 'removed' ORDER BY folded", ())

    def has_administrator(self) -> bool:
        """Return whether somebody could administer the box."""
        return bool(self._list("WHERE role = 'administrator' AND state = 'active' LIMIT 1", ()))

    def _list(self, tail: str, values: tuple[object, ...]) -> list[StoredAccount]:
        with self._database.read() as connection:
            return [account_from_row(row) for row in connection.execute(f"SELECT * FROM account {tail}", values)]

    def set_secret(
        self, account_id: str, kind: str, value: str, stamp: Stamp, *, end_sessions_too: bool = False
    ) -> None:
        """Give a new hash for `password`, `pin` or `badge` (empty: none any more); durable on return.

        Raises `NameTaken` for a badge that somebody has already.
        """
        column = {"password": "password_hash", "pin": "pin_hash", "badge": "badge_hash"}[kind]

        def work(connection: Connection) -> None:
            row = _account(connection, account_id)
            if kind == "badge" and value:
                taken = "SELECT 1 FROM account WHERE badge_hash = ? AND account_id <> ?"
                if connection.execute(taken, (value, account_id)).fetchone():
                    raise NameTaken("This badge belongs to somebody already.")
            connection.execute(f"UPDATE account SET {column} = ? WHERE account_id = ?", (value, account_id))
            code = "" if value else "taken away"
            note(connection, "account", account_id, kind, row["state"], row["state"], stamp, code=code)
            if end_sessions_too:
                end_sessions(connection, account_id, stamp)

        self._database.write(work)

    def rehash(self, account_id: str, kind: str, old: str, new: str) -> None:
        """Exchange a hash for one of the same secret with newer parameters; nothing happens if it changed since."""
        column = {"password": "password_hash", "pin": "pin_hash"}[kind]
        self._database.write(
            lambda c: c.execute(
                f"UPDATE account SET {column} = ? WHERE account_id = ? AND {column} = ?", (new, account_id, old)
            )
        )

    def set_role(self, account_id: str, role: Role, stamp: Stamp) -> None:
        """Change what somebody may do; every session of the person ends in the same transaction (H4)."""

        def work(connection: Connection) -> None:
            row = _account(connection, account_id)
            _assert_not_last(connection, row)
            connection.execute("UPDATE account SET role = ? WHERE account_id = ?", (role.value, account_id))
            note(connection, "account", account_id, "role", row["state"], row["state"], stamp, code=role.value)
            end_sessions(connection, account_id, stamp)

        self._database.write(work)

    def set_language(self, account_id: str, language: str) -> None:
        """Keep which language somebody wants."""
        self._database.write(
            lambda c: c.execute("UPDATE account SET language = ? WHERE account_id = ?", (language, account_id))
        )

    def apply(self, account_id: str, event: str, stamp: Stamp) -> None:
        """`disable`, `enable` or `remove` somebody; all but `enable` end every session of the person. Durable.

        Raises `LastAdministrator`, `WrongState`.
        """

        def work(connection: Connection) -> None:
            row = _account(connection, account_id)
            if event != "enable":
                _assert_not_last(connection, row)
                end_sessions(connection, account_id, stamp)
            move(connection, "account", account_id, event, stamp)
            if event == "remove":
                connection.execute(
                    "UPDATE account SET password_hash = '', pin_hash = '', badge_hash = '' WHERE account_id = ?",
                    (account_id,),
                )

        self._database.write(work)

    # --- enrolment codes ------------------------------------------------------------------------------------

    def make_code(self, enrolment_id: str, purpose: str, code_sha256: str, expires: float, stamp: Stamp) -> None:
        """Make a code for one purpose; an older open one is replaced. Durable on return."""

        def work(connection: Connection) -> None:
            replace_codes(connection, purpose, stamp)
            connection.execute(
                "INSERT INTO enrolment (enrolment_id, purpose, code_sha256, state, made, expires)"
                " VALUES (?, ?, ?, 'open', ?, ?)", (enrolment_id, purpose, code_sha256, stamp.unix, expires),
            )  # fmt: skip
            note(connection, "enrolment", enrolment_id, "make", "", EnrolmentState.OPEN, stamp, code=purpose)

        self._database.write(work)

    def open_code(self, purpose: str, unix: float, code_sha256: str = "") -> bool:
        """Return whether a code for `purpose` (the one with this hash) waits for its use."""
        query = """SELECT 1 FROM enrolment WHERE purpose = ? AND state = 'open' AND made <= ? AND expires > ?
            AND ? IN ('', code_sha256)"""
        with self._database.read() as connection:
            return connection.execute(query, (purpose, unix, unix, code_sha256)).fetchone() is not None

    def had_code(self, code_sha256: str) -> bool:
        """Return whether a code was ever made here, whatever became of it: none is good twice."""
        with self._database.read() as connection:
            found = connection.execute("SELECT 1 FROM enrolment WHERE code_sha256 = ?", (code_sha256,)).fetchone()
        return found is not None

    # --- wrong tries ----------------------------------------------------------------------------------------

    def tries(self, keys: Sequence[Key]) -> list[tuple[int, float]]:
        """Return (failures, Unix seconds of the last) for every key that has any."""
        with self._database.read() as connection:
            return _tries(connection, keys)

    def attempt(
        self, keys: Sequence[Key], wait: Callable[[int, float], float], stamp: Stamp, *, forget_before: float
    ) -> float:
        """Count a try for every key as if it had failed, unless one must wait: return how long (seconds, 0: none).

        Counted before anything is verified, so that neither a crash nor tries at the same moment give free guesses;
        `forgive` takes it back. `wait` tells from failures and the time of the last how long is to be waited.
        """
        longest = max((wait(*found) for found in self.tries(keys)), default=0.0)
        if longest > 0:
            return longest

        def work(connection: Connection) -> float:
            longest = max((wait(*found) for found in _tries(connection, keys)), default=0.0)
            if longest > 0:
                return longest
            connection.execute("DELETE FROM tries WHERE last < ?", (forget_before,))
            for kind, subject in keys:
                connection.execute(
                    "INSERT INTO tries VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE"
                    " SET failures = failures + 1, last = excluded.last", (kind, subject, stamp.unix),
                )  # fmt: skip
            _bound(connection)
            return 0.0

        return self._database.write(work)

    def forgive(self, cleared: Sequence[Key], one_less: Sequence[Key]) -> None:
        """After a success: no failures any more for `cleared`, one less for `one_less`."""

        def work(connection: Connection) -> None:
            connection.executemany("DELETE FROM tries WHERE kind = ? AND subject = ?", cleared)
            connection.executemany("UPDATE tries SET failures = failures - 1 WHERE kind = ? AND subject = ?", one_less)
            connection.execute("DELETE FROM tries WHERE failures <= 0")

        self._database.write(work)


def _tries(connection: Connection, keys: Sequence[Key]) -> list[tuple[int, float]]:
    query = "SELECT failures, last FROM tries WHERE kind = ? AND subject = ?"
    rows = [connection.execute(query, key).fetchone() for key in keys]
    return [(int(row["failures"]), float(row["last"])) for row in rows if row is not None]


def _bound(connection: Connection) -> None:
    """Names are typed by anybody: keep a bounded number of rows, those with the most failures."""
    connection.execute(
        "DELETE FROM tries WHERE (kind, subject) IN (SELECT kind, subject FROM tries ORDER BY failures, last"
        " LIMIT max(0, (SELECT count(*) FROM tries) - ?))", (_MOST_TRIES,),
    )  # fmt: skip


def replace_codes(connection: Connection, purpose: str, stamp: Stamp) -> None:
    """Take back every open code for `purpose`."""
    query = "SELECT enrolment_id FROM enrolment WHERE purpose = ? AND state = 'open'"
    for row in connection.execute(query, (purpose,)).fetchall():
        move(connection, "enrolment", row["enrolment_id"], "replace", stamp)


def use_code(connection: Connection, purpose: str, code_sha256: str, stamp: Stamp) -> None:
    """Use a code up; raises `WrongCode` when it is not the open one or its time is over."""
    row = connection.execute(
        "SELECT enrolment_id FROM enrolment WHERE purpose = ? AND code_sha256 = ? AND state = 'open'"
        " AND made <= ? AND expires > ?", (purpose, code_sha256, stamp.unix, stamp.unix),
    ).fetchone()  # fmt: skip
    if row is None:
        raise WrongCode
    move(connection, "enrolment", row["enrolment_id"], "use", stamp)


def end_sessions(connection: Connection, account_id: str, stamp: Stamp) -> None:
    """End every session of somebody."""
    query = "SELECT session_id FROM session WHERE account_id = ? AND state <> 'ended'"
    for row in connection.execute(query, (account_id,)).fetchall():
        move(connection, "session", row["session_id"], "revoke", stamp)


def _account(connection: Connection, account_id: str) -> Row:
    row = connection.execute("SELECT * FROM account WHERE account_id = ?", (account_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such person.")
    if row["state"] == AccountState.REMOVED:
        raise WrongState("This account was removed.")
    found: Row = row
    return found


def _assert_not_last(connection: Connection, row: Row) -> None:
    others = "SELECT 1 FROM account WHERE role = 'administrator' AND state = 'active' AND account_id <> ?"
    is_one = row["role"] == Role.ADMINISTRATOR and row["state"] == AccountState.ACTIVE
    if is_one and not connection.execute(others, (row["account_id"],)).fetchone():
        raise LastAdministrator
