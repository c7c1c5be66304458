"""Operations on accounts: who am I, in and out, enrolment, people, sessions, screens, programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from agent.accounts.credentials import Issued
from agent.accounts_view import CodeView, MeView, ScreenView, SessionView, TokenView, UserView
from agent.actor import Act
from agent.service import NewScreen, Service
from agent.web.operation import Answered, Call, Nothing, Operation, body_type

Name = Annotated[str, Field(max_length=200)]
Secret = Annotated[str, Field(max_length=256)]
Language = Literal["", "uk", "en"]
PersonsRole = Literal["technician", "administrator", "service"]


@body_type
class LogIn:
    """A name and its password."""

    name: Name
    password: Secret


@body_type
class Unlock:
    """A PIN (with a name where the screen is not locked for somebody) or a badge, at an enrolled screen."""

    pin: Secret = ""
    badge: Secret = ""
    name: Name = ""


@body_type
class Enrol:
    """The box's enrolment code, and the first administrator."""

    code: Name
    name: Name
    password: Secret


@body_type
class Screen:
    """What is to be known of a screen."""

    name: Name
    source: Name = ""
    """The source that it shows; empty: it may choose."""
    language: Language = ""
    pixels_per_mm: float = 0.0


@body_type
class EnrolScreen:
    """What is to be known of the screen that asks, and a code unless an administrator is logged in on it."""

    name: Name
    code: Name = ""
    source: Name = ""
    language: Language = ""
    pixels_per_mm: float = 0.0


@body_type
class ChosenLanguage:
    """The language of this session or screen."""

    language: Literal["uk", "en"]


@body_type
class NewUser:
    """A new account."""

    name: Name
    role: PersonsRole
    password: Secret
    language: Language = ""


@body_type
class NewRole:
    """What somebody may do from now on."""

    role: PersonsRole


@body_type
class NewSecret:
    """A password, PIN or badge; empty takes a PIN or badge away."""

    secret: Secret


@body_type
class OwnSecret:
    """A new secret of one's own, and one's password."""

    password: Secret
    secret: Secret


@body_type
class NewToken:
    """A program that may drive the box."""

    name: Name
    role: PersonsRole
    days: Annotated[int, Field(ge=1, le=3650)] = 365


def _me(service: Service, call: Call, issued: Issued) -> Answered:
    """Return who the asker is from now on, with the cookies that make it so."""
    after = call.credentials
    session = after.session if issued.session is None else issued.session
    screen = after.screen if issued.screen is None else issued.screen
    actor = service.accounts.who(type(after)(session=session, screen=screen, address=after.address))
    return Answered(value=service.accounts.me(actor), issued=issued)


def _log_in(service: Service, call: Call) -> Answered:
    return _me(service, call, service.accounts.log_in(call.body.name, call.body.password, call.credentials))


def _unlock(service: Service, call: Call) -> Answered:
    b: Unlock = call.body
    return _me(service, call, service.accounts.unlock(call.credentials, pin=b.pin, badge=b.badge, name=b.name))


def _enrol(service: Service, call: Call) -> Answered:
    b: Enrol = call.body
    return _me(service, call, service.accounts.enrol(b.code, b.name, b.password, call.credentials))


def _screen(body: Screen | EnrolScreen) -> NewScreen:
    return NewScreen(
        name=body.name, source=body.source, language=body.language, pixels_per_mm=body.pixels_per_mm
    )


def _enrol_screen(service: Service, call: Call) -> Answered:
    issued = service.accounts.enrol_screen(_screen(call.body), call.actor, call.credentials, call.body.code)
    return _me(service, call, issued)


def _set_language(service: Service, call: Call) -> dict[str, Any]:
    service.accounts.set_language(call.actor, call.body.language)
    return {}


def _set_secret(kind: str) -> Callable[[Service, Call], Any]:
    return lambda s, c: s.accounts.set_secret(c.path["user_id"], kind, c.body.secret, c.actor)


def _change_own(kind: str) -> Callable[[Service, Call], Any]:
    return lambda s, c: s.accounts.change_own(kind, c.body.password, c.body.secret, c.actor)


def _apply(event: str) -> Callable[[Service, Call], Any]:
    return lambda s, c: s.accounts.apply(c.path["user_id"], event, c.actor)


def _revoke(what: str) -> Callable[[Service, Call], Any]:
    def revoke(service: Service, call: Call) -> dict[str, Any]:
        getattr(service.accounts, f"revoke_{what}")(call.path[f"{what}_id"], call.actor)
        return {}

    return revoke


def _anybody(path: str, body: type[Any], does: Callable[[Service, Call], Any]) -> Operation:
    return Operation(method="POST", path=path, act=Act.LOG_IN, answer=MeView, body=body, does=does, secret=True)


def _manage(path: str, answer: Any, does: Callable[[Service, Call], Any], body: type[Any] | None = None) -> Operation:
    """Return one operation of an administrator: a GET without a body, else a POST."""
    if body is None:
        return Operation(method="GET", path=path, act=Act.MANAGE_USERS, answer=answer, does=does)
    return Operation(
        method="POST", path=path, act=Act.MANAGE_USERS, answer=answer, body=body, does=does,
        secret=answer in (CodeView, TokenView),
    )  # fmt: skip


_SECRETS = ("password", "pin", "badge")

OPERATIONS = (
    Operation(
        method="GET", path="/me", act=Act.LOG_IN, answer=MeView, does=lambda s, c: s.accounts.me(c.actor)
    ),
    _anybody("/me/login", LogIn, _log_in),
    _anybody("/me/unlock", Unlock, _unlock),
    _anybody("/me/lock", Nothing, lambda s, c: _me(s, c, s.accounts.lock(c.credentials))),
    _anybody("/me/logout", Nothing, lambda s, c: _me(s, c, s.accounts.log_out(c.credentials))),
    _anybody("/enrol", Enrol, _enrol),
    _anybody("/enrol/screen", EnrolScreen, _enrol_screen),
    Operation(
        method="POST", path="/me/language", act=Act.LOG_IN, answer=Nothing, body=ChosenLanguage, does=_set_language
    ),
    *(
        Operation(
            method="POST", path=f"/me/{kind}", act=Act.LOG_IN, answer=UserView, body=OwnSecret, secret=True,
            does=_change_own(kind),
        )
        for kind in _SECRETS
    ),
    Operation(
        method="POST",
        path="/enrolment-code",
        act=Act.MAKE_ENROLMENT_CODE,
        answer=CodeView,
        secret=True,
        does=lambda s, c: s.accounts.make_enrolment_code(c.actor),
    ),
    _manage("/users", tuple[UserView, ...], lambda s, _c: s.accounts.users()),
    _manage(
        "/users",
        UserView,
        lambda s, c: s.accounts.create_user(c.body.name, c.body.role, c.body.password, c.actor, c.body.language),
        NewUser,
    ),
    _manage(
        "/users/{user_id}/role", UserView, lambda s, c: s.accounts.set_role(c.path["user_id"], c.body.role, c.actor),
        NewRole,
    ),
    *(_manage(f"/users/{{user_id}}/{kind}", UserView, _set_secret(kind), NewSecret) for kind in _SECRETS),
    *(
        _manage(f"/users/{{user_id}}/{event}", UserView, _apply(event), Nothing)
        for event in ("disable", "enable", "remove")
    ),
    _manage("/sessions", tuple[SessionView, ...], lambda s, _c: s.accounts.sessions()),
    _manage("/sessions/{session_id}/revoke", Nothing, _revoke("session"), Nothing),
    _manage("/screens", tuple[ScreenView, ...], lambda s, _c: s.accounts.screens()),
    _manage("/screens/code", CodeView, lambda s, c: s.accounts.make_screen_code(c.actor), Nothing),
    _manage(
        "/screens/{screen_id}", ScreenView,
        lambda s, c: s.accounts.change_screen(c.path["screen_id"], _screen(c.body)), Screen,
    ),
    _manage("/screens/{screen_id}/revoke", Nothing, _revoke("screen"), Nothing),
    _manage("/tokens", tuple[TokenView, ...], lambda s, _c: s.accounts.tokens()),
    _manage(
        "/tokens", TokenView, lambda s, c: s.accounts.create_token(c.body.name, c.body.role, c.body.days, c.actor),
        NewToken,
    ),
    _manage("/tokens/{token_id}/revoke", Nothing, _revoke("token"), Nothing),
)
