"""Enrolled screens: which there are, what each shows, a code for a new one, and taking one back."""

from __future__ import annotations

from agent.accounts_view import ScreenView
from agent.actor import Act
from agent.errors import BadRequest, NotFound
from agent.service import NewScreen
from agent.web.pages.admin.shelf import SHELF
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import words


def _screens(visit: Visit) -> Shown:
    return show("admin_screens.html", screens=visit.service.accounts.screens())


def _make_code(visit: Visit) -> str:
    return f"/admin/screens/code/{SHELF.put(visit, visit.service.accounts.make_screen_code(visit.actor))}"


def _code(visit: Visit) -> Shown:
    return show("admin_code.html", code=SHELF.take(visit, visit.path["number"]))


def _found(visit: Visit) -> ScreenView:
    found = next((s for s in visit.service.accounts.screens() if s.screen_id == visit.path["screen_id"]), None)
    if found is None:
        raise NotFound
    return found


def _screen(visit: Visit) -> Shown:
    return show("admin_screen.html", one=_found(visit), sources=[s.name for s in visit.service.box.sources()])


def _change(visit: Visit) -> str:
    told = visit.form
    screen = NewScreen(
        name=told.get("name", "").strip(),
        source=told.get("source", ""),
        language=told.get("language", ""),
        pixels_per_mm=_scale(told.get("pixels_per_mm", "")),
    )
    visit.service.accounts.change_screen(_found(visit).screen_id, screen)
    return "/admin/screens"


def _scale(text: str) -> float:
    """Return what was typed, with a point or a comma; empty: not measured."""
    try:
        return float(text.strip().replace(",", ".") or 0)
    except ValueError:
        raise BadRequest("The scale of a screen is not a number.") from None


def _ask_revoke(visit: Visit) -> Shown:
    screen, said = _found(visit), words(visit.language)
    return show(
        "ask.html",
        question=said._("Take the screen %(name)s back?") % {"name": screen.name},
        more=said._("Whoever is logged in on it is logged out. It has to be enrolled again."),
        action=f"/admin/screens/{screen.screen_id}/revoke",
        verb=said._("Take back"),
        symbol="cross",
        back=f"/admin/screens/{screen.screen_id}",
        reasons=(),
        picture="",
    )


def _revoke(visit: Visit) -> str:
    visit.service.accounts.revoke_screen(visit.path["screen_id"], visit.actor)
    return "/admin/screens"


PAGES: tuple[Page, ...] = (
    get("/admin/screens", Act.MANAGE_USERS, _screens),
    post("/admin/screens/code", Act.MANAGE_USERS, _make_code, _screens),
    get("/admin/screens/code/{number}", Act.MANAGE_USERS, _code),
    get("/admin/screens/{screen_id}", Act.MANAGE_USERS, _screen),
    post("/admin/screens/{screen_id}", Act.MANAGE_USERS, _change, _screen),
    get("/admin/screens/{screen_id}/revoke", Act.MANAGE_USERS, _ask_revoke),
    post("/admin/screens/{screen_id}/revoke", Act.MANAGE_USERS, _revoke, _screens),
)
