"""Who is let in without asking again: login sessions, enrolled screens, programs; each by the SHA-256 of its token."""

from __future__ import annotations

from dataclasses import dataclass

from agent.actor import Role
from agent.errors import NotFound
from agent.lifecycle import AccessState, SessionState
from agent.store.accounts import use_code
from agent.store.database import Connection, Database, Row
from agent.store.transition import Stamp, move, note

_SESSION = """SELECT session.*, account.name, account.role, account.state AS account_state
    FROM session JOIN account USING (account_id) """


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """One login of one person; times are Unix seconds."""

    session_id: str
    account_id: str
    name: str
    role: Role
    account_active: bool
    screen_id: str
    """The enrolled screen that it is on; empty: another browser."""
    state: SessionState
    language: str
    began: float
    began_at: str
    seen: float
    """Last act of the person; in the database it may be some seconds old."""
    password_at: float
    """When the password was last given; zero: never in this session (PIN or badge)."""
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScreen:
    """One enrolled screen."""

    screen_id: str
    name: str
    source: str
    language: str
    pixels_per_mm: float
    state: AccessState
    enrolled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """What lets one program in."""

    token_id: str
    name: str
    role: Role
    state: AccessState
    created_at: str
    expires: float


def _session(row: Row) -> StoredSession:
    return StoredSession(
        session_id=row["session_id"],
        account_id=row["account_id"],
        name=row["name"],
        role=Role(row["role"]),
        account_active=row["account_state"] == "active",
        screen_id=row["screen_id"],
        state=SessionState(row["state"]),
        language=row["language"],
        began=row["began"],
        began_at=row["began_at"],
        seen=row["seen"],
        password_at=row["password_at"],
        address=row["address"],
    )


def _screen(row: Row) -> StoredScreen:
    return StoredScreen(
        screen_id=row["screen_id"],
        name=row["name"],
        source=row["source"],
        language=row["language"],
        pixels_per_mm=row["pixels_per_mm"],
        state=AccessState(row["state"]),
        enrolled_at=row["enrolled_at"],
    )


def _token(row: Row) -> StoredToken:
    return StoredToken(
        token_id=row["token_id"],
        name=row["name"],
        role=Role(row["role"]),
        state=AccessState(row["state"]),
        created_at=row["created_at"],
        expires=row["expires"],
    )


class Sessions:
    """Every statement about the tables session, screen and api_token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- sessions -------------------------------------------------------------------------------------------

    def begin(
        self, session_id: str, token_sha256: str, account_id: str, stamp: Stamp, *,
        screen_id: str, password: bool, address: str, replaces: str = "",
    ) -> None:  # fmt: skip
        """Begin a session; `replaces` is the one that ends with it. Durable on return."""

        def work(connection: Connection) -> None:
            if replaces:
                _end(connection, replaces, "log out", stamp)
            language = connection.execute("SELECT language FROM account WHERE account_id = ?", (account_id,))
            connection.execute(
                "INSERT INTO session (session_id, token_sha256, account_id, screen_id, state, language, began,"
                " began_at, seen, password_at, address) VALUES (?, ?, ?, ?, 'active', ?, ?, ?, ?, ?, ?)",
                (
                    session_id, token_sha256, account_id, screen_id, language.fetchone()[0], stamp.unix, stamp.at,
                    stamp.unix, stamp.unix if password else 0.0, address,
                ),
            )  # fmt: skip
            code = "password" if password else "pin or badge"
            note(connection, "session", session_id, "begin", "", SessionState.ACTIVE, stamp, code=code)

        self._database.write(work)

    def renew(self, session_id: str, token_sha256: str, stamp: Stamp, *, password: bool) -> None:
        """Give a session that a person came back to its new token: unlocked, or the password was given again.

        Durable on return; the old token opens nothing from then on. Raises `WrongState` for one that has ended.
        """

        def work(connection: Connection) -> None:
            row = connection.execute("SELECT state FROM session WHERE session_id = ?", (session_id,)).fetchone()
            if row is None:
                raise NotFound("There is no such session.")
            code = "password" if password else "pin or badge"
            if row["state"] == SessionState.ACTIVE:
                note(connection, "session", session_id, "unlock", row["state"], row["state"], stamp, code=code)
            else:
                move(connection, "session", session_id, "unlock", stamp, code=code)
            connection.execute(
                "UPDATE session SET token_sha256 = ?, seen = ?, password_at = CASE WHEN ? THEN ? ELSE password_at END"
                " WHERE session_id = ?", (token_sha256, stamp.unix, password, stamp.unix, session_id),
            )  # fmt: skip

        self._database.write(work)

    def by_token(self, token_sha256: str) -> StoredSession | None:
        """Return the session of a token that has not ended."""
        found = self._sessions("WHERE token_sha256 = ? AND session.state <> 'ended'", (token_sha256,))
        return found[0] if found else None

    def get(self, session_id: str) -> StoredSession:
        """Return one session; raises `NotFound`."""
        found = self._sessions("WHERE session_id = ?", (session_id,))
        if not found:
            raise NotFound("There is no such session.")
        return found[0]

    def alive(self) -> list[StoredSession]:
        """Return every session that has not ended, oldest first."""
        return self._sessions("WHERE session.state <> 'ended' ORDER BY began", ())

    def _sessions(self, tail: str, values: tuple[object, ...]) -> list[StoredSession]:
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(_SESSION + tail, values)]

    def end(self, session_id: str, event: str, stamp: Stamp) -> None:
        """`lock`, `log out`, `expire` or `revoke` a session; nothing happens to one that is so already. Durable."""
        self._database.write(lambda c: _end(c, session_id, event, stamp))

    def seen(self, times: dict[str, float]) -> None:
        """Keep when each session was last used by its person (Unix seconds)."""
        rows = [(at, session_id) for session_id, at in times.items()]
        self._database.write(lambda c: c.executemany("UPDATE session SET seen = ? WHERE session_id = ?", rows))

    def forget(self, ended_before: float) -> int:
        """Remove ended sessions that began before `ended_before` (Unix seconds) and return how many."""
        query = "DELETE FROM session WHERE state = 'ended' AND began < ?"
        return self._database.write(lambda c: c.execute(query, (ended_before,)).rowcount)

    def set_language(self, table: str, key: str, language: str) -> None:
        """Keep the language that was chosen on a `session` or `screen`."""
        column = {"session": "session_id", "screen": "screen_id"}[table]
        self._database.write(
            lambda c: c.execute(f"UPDATE {table} SET language = ? WHERE {column} = ?", (language, key))
        )

    # --- screens --------------------------------------------------------------------------------------------

    def enrol(self, screen: StoredScreen, token_sha256: str, stamp: Stamp, *, code_sha256: str = "") -> None:
        """Enrol a screen; with `code_sha256` the open code for a screen is used up in the same transaction. Durable.

        Raises `WrongCode`.
        """

        def work(connection: Connection) -> None:
            if code_sha256:
                use_code(connection, "screen", code_sha256, stamp)
            connection.execute(
                "INSERT INTO screen (screen_id, name, source, language, pixels_per_mm, token_sha256, state,"
                " enrolled_at) VALUES (?, ?, ?, ?, ?, ?, 'valid', ?)",
                (
                    screen.screen_id, screen.name, screen.source, screen.language, screen.pixels_per_mm, token_sha256,
                    stamp.at,
                ),
            )  # fmt: skip
            note(connection, "screen", screen.screen_id, "enrol", "", AccessState.VALID, stamp)

        self._database.write(work)

    def screen_by_token(self, token_sha256: str) -> StoredScreen | None:
        """Return the valid screen of a token."""
        found = self._screens("WHERE token_sha256 = ? AND state = 'valid'", (token_sha256,))
        return found[0] if found else None

    def screens(self) -> list[StoredScreen]:
        """Return every screen that is enrolled, by name."""
        return self._screens("WHERE state = 'valid' ORDER BY name", ())

    def _screens(self, tail: str, values: tuple[object, ...]) -> list[StoredScreen]:
        with self._database.read() as connection:
            return [_screen(row) for row in connection.execute(f"SELECT * FROM screen {tail}", values)]

    def change_screen(self, screen_id: str, name: str, source: str, language: str, pixels_per_mm: float) -> None:
        """Change what is known of a screen; durable on return. Raises `NotFound`."""

        def work(connection: Connection) -> None:
            done = connection.execute(
                "UPDATE screen SET name = ?, source = ?, language = ?, pixels_per_mm = ?"
                " WHERE screen_id = ? AND state = 'valid'", (name, source, language, pixels_per_mm, screen_id),
            )  # fmt: skip
            if not done.rowcount:
                raise NotFound("There is no such screen.")

        self._database.write(work)

    def revoke_screen(self, screen_id: str, stamp: Stamp) -> None:
        """Take a screen back; every session on it ends in the same transaction. Durable. Raises `WrongState`."""

        def work(connection: Connection) -> None:
            move(connection, "screen", screen_id, "revoke", stamp)
            query = "SELECT session_id FROM session WHERE screen_id = ? AND state <> 'ended'"
            for row in connection.execute(query, (screen_id,)).fetchall():
                move(connection, "session", row["session_id"], "revoke", stamp)

        self._database.write(work)

    # --- programs -------------------------------------------------------------------------------------------

    def create_token(self, token: StoredToken, token_sha256: str, stamp: Stamp) -> None:
        """Let a program in; durable on return."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO api_token (token_id, name, role, token_sha256, state, created_at, expires)"
                " VALUES (?, ?, ?, ?, 'valid', ?, ?)",
                (token.token_id, token.name, token.role.value, token_sha256, stamp.at, token.expires),
            )
            note(connection, "api_token", token.token_id, "create", "", AccessState.VALID, stamp, code=token.role)

        self._database.write(work)

    def token(self, token_sha256: str) -> StoredToken | None:
        """Return the valid program token with this hash, whatever its time."""
        found = self._tokens("WHERE token_sha256 = ? AND state = 'valid'", (token_sha256,))
        return found[0] if found else None

    def tokens(self) -> list[StoredToken]:
        """Return every token that was not revoked, by name."""
        return self._tokens("WHERE state = 'valid' ORDER BY name", ())

    def _tokens(self, tail: str, values: tuple[object, ...]) -> list[StoredToken]:
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(f"SELECT * FROM api_token {tail}", values)]

    def revoke_token(self, token_id: str, stamp: Stamp) -> None:
        """Shut a program out; durable on return. Raises `NotFound`, `WrongState`."""
        self._database.write(lambda c: move(c, "api_token", token_id, "revoke", stamp))


def _end(connection: Connection, session_id: str, event: str, stamp: Stamp) -> None:
    row = connection.execute("SELECT state FROM session WHERE session_id = ?", (session_id,)).fetchone()
    over = {"lock": (SessionState.LOCKED, SessionState.ENDED)}.get(event, (SessionState.ENDED,))
    if row is not None and row["state"] not in over:
        move(connection, "session", session_id, event, stamp)
