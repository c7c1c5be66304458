"""Programs of the hospital that drive the box over its interface, each with a token that is shown once."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import BadRequest
from agent.web.pages.admin.people import ROLES
from agent.web.pages.admin.shelf import SHELF
from agent.web.pages.page import Page, Shown, Visit, get, post, show

_MOST_DAYS = 3650


def _programs(visit: Visit) -> Shown:
    form = {name: visit.form.get(name, "") for name in ("name", "role", "days")}
    return show("admin_programs.html", tokens=visit.service.accounts.tokens(), form=form, roles=ROLES)


def _create(visit: Visit) -> str:
    days = visit.form.get("days", "").strip()
    if not (days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= _MOST_DAYS):
        raise BadRequest("A program is let in for 1 to 3650 days.")
    name, role = visit.form.get("name", "").strip(), visit.form.get("role", "")
    made = visit.service.accounts.create_token(name, role, int(days), visit.actor)
    return f"/admin/programs/token/{SHELF.put(visit, made)}"


def _token(visit: Visit) -> Shown:
    return show("admin_token.html", made=SHELF.take(visit, visit.path["number"]))


def _revoke(visit: Visit) -> str:
    visit.service.accounts.revoke_token(visit.path["token_id"], visit.actor)
    return "/admin/programs"


PAGES: tuple[Page, ...] = (
    get("/admin/programs", Act.MANAGE_USERS, _programs),
    post("/admin/programs", Act.MANAGE_USERS, _create, _programs),
    get("/admin/programs/token/{number}", Act.MANAGE_USERS, _token),
    post("/admin/programs/{token_id}/revoke", Act.MANAGE_USERS, _revoke, _programs),
)
