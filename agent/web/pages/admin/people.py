"""People who may use the box: who they are, what they may do, how they come in, and where they are logged in now."""

from __future__ import annotations

from agent.accounts_view import UserView
from agent.actor import Act
from agent.errors import NotFound
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import words

ROLES = ("technician", "administrator", "service")
EVENTS = ("disable", "enable", "remove")
SECRETS = ("password", "pin", "badge")


def _people(visit: Visit) -> Shown:
    users = [user for user in visit.service.accounts.users() if user.state != "removed"]
    return show("admin_people.html", users=users, sessions=visit.service.accounts.sessions())


def _new(visit: Visit) -> Shown:
    form = {name: visit.form.get(name, "") for name in ("name", "role", "language")}
    return show("admin_person_new.html", form=form, roles=ROLES)


def _create(visit: Visit) -> str:
    told = visit.form
    user = visit.service.accounts.create_user(
        told.get("name", "").strip(),
        told.get("role", ""),
        told.get("password", ""),
        visit.actor,
        told.get("language", ""),
    )
    return f"/admin/people/{user.user_id}"


def _user(visit: Visit) -> UserView:
    found = next((u for u in visit.service.accounts.users() if u.user_id == visit.path["user_id"]), None)
    if found is None:
        raise NotFound
    return found


def _person(visit: Visit) -> Shown:
    user = _user(visit)
    sessions = [session for session in visit.service.accounts.sessions() if session.name == user.name]
    return show("admin_person.html", user=user, sessions=sessions, roles=ROLES)


def _role(visit: Visit) -> str:
    visit.service.accounts.set_role(_user(visit).user_id, visit.form.get("role", ""), visit.actor)
    return f"/admin/people/{visit.path['user_id']}"


def _secret(visit: Visit) -> str:
    """Give a new password, PIN or badge; an empty one takes a PIN or badge away."""
    if visit.path["kind"] not in SECRETS:
        raise NotFound
    visit.service.accounts.set_secret(
        _user(visit).user_id, visit.path["kind"], visit.form.get("secret", ""), visit.actor
    )
    return f"/admin/people/{visit.path['user_id']}"


def _apply(visit: Visit) -> str:
    if visit.path["event"] not in EVENTS:
        raise NotFound
    visit.service.accounts.apply(_user(visit).user_id, visit.path["event"], visit.actor)
    return "/admin/people" if visit.path["event"] == "remove" else f"/admin/people/{visit.path['user_id']}"


def _ask_remove(visit: Visit) -> Shown:
    user, said = _user(visit), words(visit.language)
    here = f"/admin/people/{user.user_id}"
    return show(
        "ask.html",
        question=said._("Remove the account of %(name)s?") % {"name": user.name},
        more=said._("What this person did stays in the history. The name cannot log in any more."),
        action=f"{here}/apply/remove",
        verb=said._("Remove the account"),
        symbol="trash",
        back=here,
        reasons=(),
        picture="",
    )


def _end_session(visit: Visit) -> str:
    visit.service.accounts.revoke_session(visit.path["session_id"], visit.actor)
    return "/admin/people"


PAGES: tuple[Page, ...] = (
    get("/admin/people", Act.MANAGE_USERS, _people),
    get("/admin/people/new", Act.MANAGE_USERS, _new),
    post("/admin/people/new", Act.MANAGE_USERS, _create, _new),
    get("/admin/people/{user_id}", Act.MANAGE_USERS, _person),
    get("/admin/people/{user_id}/remove", Act.MANAGE_USERS, _ask_remove),
    post("/admin/people/{user_id}/role", Act.MANAGE_USERS, _role, _person),
    post("/admin/people/{user_id}/secret/{kind}", Act.MANAGE_USERS, _secret, _person),
    post("/admin/people/{user_id}/apply/{event}", Act.MANAGE_USERS, _apply, _person),
    post("/admin/sessions/{session_id}/end", Act.MANAGE_USERS, _end_session, _people),
)
