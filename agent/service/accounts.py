"""Accounts as a person or a program meets them: who am I, in and out, and what an administrator sees and changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from agent.accounts.access import ADMINISTRATOR, SCREEN, Access
from agent.accounts.credentials import Credentials, Issued
from agent.accounts.keeping import Keeping
from agent.accounts.logins import Logins
from agent.accounts.people import LANGUAGES, People
from agent.accounts.secrets import digest, fold_code
from agent.accounts_view import CodeView, MeView, ScreenView, SessionView, TokenView, UserView
from agent.actor import Actor, Role
from agent.errors import BadRequest, NotLoggedIn, WrongCode
from agent.lifecycle import AccessState
from agent.store import Store, StoredAccount, StoredScreen, StoredSession, StoredToken


@dataclass(frozen=True, slots=True, kw_only=True)
class NewScreen:
    """What is said of a screen when it is enrolled or changed."""

    name: str
    source: str = ""
    language: str = ""
    pixels_per_mm: float = 0.0


class Accounts:
    """Answers about who may use the box; `page` tells its address and the fingerprint of its certificate."""

    def __init__(self, store: Store, logins: Logins, people: People, access: Access, keeping: Keeping) -> None:
        self._store, self._logins, self._people = store, logins, people
        self._access, self._keeping = access, keeping
        self.page = ""
        self.fingerprint = ""

    # --- who asks -------------------------------------------------------------------------------------------

    def who(self, credentials: Credentials) -> Actor:
        """Return who asks; reads only, asked once per request. Raises `NotLoggedIn` for a bad program's token."""
        return self._logins.who(credentials)

    def me(self, actor: Actor) -> MeView:
        """Return who asks, for the asker."""
        screens = {s.screen_id: s.name for s in self._store.sessions.screens()} if actor.screen else {}
        return MeView(
            name=actor.name,
            role=actor.role.value,
            screen=screens.get(actor.screen, ""),
            source=actor.source,
            language=actor.language,
            pixels_per_mm=actor.pixels_per_mm,
            locked=actor.locked,
            fresh=actor.fresh,
            enrolled=self.enrolled(),
        )

    def enrolled(self) -> bool:
        """Return whether the box has an administrator."""
        return self._store.accounts.has_administrator()

    # --- in and out -----------------------------------------------------------------------------------------

    def log_in(self, name: str, password: str, credentials: Credentials) -> Issued:
        """Let a person in by name and password; durable on return. Raises `WrongLogin`, `TooManyTries`, `LoginBusy`."""
        return self._logins.log_in(name, password, credentials)

    def unlock(self, credentials: Credentials, *, pin: str = "", badge: str = "", name: str = "") -> Issued:
        """Let a person in at an enrolled screen by PIN or badge; durable on return.

        Raises `ScreenNotEnrolled`, `WrongLogin`, `TooManyTries`, `LoginBusy`.
        """
        if bool(pin) == bool(badge):
            raise BadRequest("A PIN or a badge.")
        return self._logins.unlock(credentials, pin=pin, badge=badge, name=name)

    def lock(self, credentials: Credentials) -> Issued:
        """Lock the screen: the open exam stays in view; durable on return."""
        return self._logins.lock(credentials)

    def log_out(self, credentials: Credentials) -> Issued:
        """End the session; durable on return."""
        return self._logins.log_out(credentials)

    def set_language(self, actor: Actor, language: str) -> None:
        """Keep the language chosen on this session (and for its person) or screen; for anybody else it is nothing."""
        if language not in LANGUAGES - {""}:
            raise BadRequest("The languages are uk and en.")
        if actor.session and actor.role is not Role.SCREEN:
            self._store.sessions.set_language("session", actor.session, language)
            self._store.accounts.set_language(self._store.sessions.get(actor.session).account_id, language)
        elif actor.screen:
            self._store.sessions.set_language("screen", actor.screen, language)

    # --- enrolment ------------------------------------------------------------------------------------------

    def make_enrolment_code(self, actor: Actor) -> CodeView:
        """Return a new code for an administrator; every older one is worth nothing. Durable on return."""
        view = self._code(ADMINISTRATOR, actor)
        self._keeping.forget_file()
        return view

    def make_screen_code(self, actor: Actor) -> CodeView:
        """Return a new code with which one screen enrols itself; durable on return."""
        return self._code(SCREEN, actor)

    def _code(self, purpose: str, actor: Actor) -> CodeView:
        code, expires = self._access.make_code(purpose, actor.name)
        return CodeView(
            code=code,
            purpose=purpose,
            expires_at=expires.isoformat(timespec="seconds"),
            page=self.page,
            fingerprint=self.fingerprint,
        )

    def enrol(self, code: str, name: str, password: str, credentials: Credentials) -> Issued:
        """Make an administrator with the box's enrolment code and log that person in; the code is used up. Durable.

        Raises `WrongCode`, `WeakSecret`, `NameTaken`, `TooManyTries`.
        """
        self._logins.attempt_at(credentials, "code")
        sha256 = digest(fold_code(code))
        if not self._store.accounts.open_code(ADMINISTRATOR, self._keeping.now().unix, sha256):
            raise WrongCode  # before the password is hashed; it is looked at again when it is used up
        self._people.create(name, Role.ADMINISTRATOR, password, name, code_sha256=sha256)
        self._keeping.forget_file()
        return self._logins.log_in(name, password, credentials)

    def enrol_screen(self, screen: NewScreen, actor: Actor, credentials: Credentials, code: str = "") -> Issued:
        """Enrol the screen that asks, by an administrator at it or by a code; durable on return.

        Raises `WrongCode`, `TooManyTries`, `NotLoggedIn`, `BadRequest`.
        """
        if code:
            self._logins.attempt_at(credentials, "code")
        elif actor.role is not Role.ADMINISTRATOR or not actor.fresh:
            raise NotLoggedIn
        _, token = self._access.enrol_screen(_stored("", screen), actor.name, code=code)
        return Issued(screen=token)

    # --- people ---------------------------------------------------------------------------------------------

    def users(self) -> tuple[UserView, ...]:
        """Return everybody who has an account."""
        return tuple(_user(account) for account in self._store.accounts.all())

    def create_user(self, name: str, role: str, password: str, actor: Actor, language: str = "") -> UserView:
        """Make an account; durable on return. Raises `WeakSecret`, `NameTaken`, `BadRequest`."""
        return _user(self._people.create(name, _role(role), password, actor.name, language=language))

    def set_secret(self, user_id: str, kind: str, secret: str, actor: Actor) -> UserView:
        """Give somebody a new `password`, `pin` or `badge` (empty: none); durable on return. Raises `WeakSecret`."""
        self._people.set_secret(user_id, kind, secret, actor.name)
        return _user(self._store.accounts.get(user_id))

    def change_own(self, kind: str, password: str, secret: str, actor: Actor) -> UserView:
        """Let whoever is logged in change an own secret; takes the password. Durable. Raises `WrongLogin`."""
        if not actor.session or actor.role is Role.SCREEN:
            raise NotLoggedIn
        account = self._store.accounts.get(self._store.sessions.get(actor.session).account_id)
        self._people.change_own(account, kind, password, secret)
        return _user(self._store.accounts.get(account.account_id))

    def set_role(self, user_id: str, role: str, actor: Actor) -> UserView:
        """Change what somebody may do, and end the person's sessions; durable. Raises `LastAdministrator`."""
        self._people.set_role(user_id, _role(role), actor.name)
        return _user(self._store.accounts.get(user_id))

    def apply(self, user_id: str, event: str, actor: Actor) -> UserView:
        """`disable`, `enable` or `remove` somebody; durable on return. Raises `LastAdministrator`, `WrongState`."""
        self._people.apply(user_id, event, actor.name)
        return _user(self._store.accounts.get(user_id))

    # --- sessions, screens, programs --------------------------------------------------------------------------

    def sessions(self) -> tuple[SessionView, ...]:
        """Return every login that has not ended."""
        names = {s.screen_id: s.name for s in self._store.sessions.screens()}
        return tuple(self._session(s, names.get(s.screen_id, "")) for s in self._store.sessions.alive())

    def _session(self, session: StoredSession, screen: str) -> SessionView:
        idle = self._logins.activity.idle_s(session)
        return SessionView(
            session_id=session.session_id,
            name=session.name,
            role=session.role.value,
            screen=screen,
            address=session.address,
            state=session.state.value,
            began_at=session.began_at,
            idle_s=round(min(idle, 1e9), 1),
        )

    def revoke_session(self, session_id: str, actor: Actor) -> None:
        """End somebody's session; durable on return: its next request finds nobody. Raises `NotFound`."""
        self._store.sessions.get(session_id)
        self._store.sessions.end(session_id, "revoke", self._keeping.now(actor.name))

    def screens(self) -> tuple[ScreenView, ...]:
        """Return every enrolled screen."""
        on = {s.screen_id: s.name for s in self._store.sessions.alive() if s.screen_id and s.state == "active"}
        return tuple(_screen(s, on.get(s.screen_id, "")) for s in self._store.sessions.screens())

    def change_screen(self, screen_id: str, screen: NewScreen) -> ScreenView:
        """Change name, source, language or scale of a screen; durable on return. Raises `NotFound`, `BadRequest`."""
        self._access.change_screen(_stored(screen_id, screen))
        return next(view for view in self.screens() if view.screen_id == screen_id)

    def revoke_screen(self, screen_id: str, actor: Actor) -> None:
        """Take a screen back, with every session on it; durable on return. Raises `NotFound`, `WrongState`."""
        self._store.sessions.revoke_screen(screen_id, self._keeping.now(actor.name))

    def tokens(self) -> tuple[TokenView, ...]:
        """Return every program that is let in."""
        return tuple(_token(token) for token in self._store.sessions.tokens())

    def create_token(self, name: str, role: str, days: int, actor: Actor) -> TokenView:
        """Let a program in; its token is in this answer and nowhere else. Durable on return."""
        token, secret = self._access.create_token(name, _role(role), days, actor.name)
        return _token(token, secret)

    def revoke_token(self, token_id: str, actor: Actor) -> None:
        """Shut a program out; durable on return. Raises `NotFound`, `WrongState`."""
        self._store.sessions.revoke_token(token_id, self._keeping.now(actor.name))


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise BadRequest("The roles are technician, administrator and service.") from None


def _stored(screen_id: str, screen: NewScreen) -> StoredScreen:
    return StoredScreen(
        screen_id=screen_id,
        name=screen.name,
        source=screen.source,
        language=screen.language,
        pixels_per_mm=float(screen.pixels_per_mm),
        state=AccessState.VALID,
        enrolled_at="",
    )


def _user(account: StoredAccount) -> UserView:
    return UserView(
        user_id=account.account_id,
        name=account.name,
        role=account.role.value,
        state=account.state.value,
        language=account.language,
        has_pin=bool(account.pin_hash),
        has_badge=bool(account.badge_hash),
        created_at=account.created_at,
    )


def _screen(screen: StoredScreen, person: str) -> ScreenView:
    return ScreenView(
        screen_id=screen.screen_id,
        name=screen.name,
        source=screen.source,
        language=screen.language,
        pixels_per_mm=screen.pixels_per_mm,
        enrolled_at=screen.enrolled_at,
        person=person,
    )


def _token(token: StoredToken, secret: str = "") -> TokenView:
    return TokenView(
        token_id=token.token_id,
        name=token.name,
        role=token.role.value,
        created_at=token.created_at,
        expires_at=datetime.fromtimestamp(token.expires, UTC).isoformat(timespec="seconds"),
        token=secret,
    )
