"""The unassigned tray: what arrived without a patient is given to the open exam, or given up with a reason."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import NotFound
from agent.web.pages.page import Page, Shown, Visit, _, get, post, show
from agent.web.words import words

REASONS = (_("sent by mistake"), _("a duplicate"), _("not a picture of a patient"))


def _tray(visit: Visit) -> Shown:
    return show("tray.html", items=visit.service.tray.items())


def _assign(visit: Visit) -> str:
    visit.service.tray.assign(visit.path["item_id"], visit.form.get("source", ""), visit.form.get("exam", "-"))
    return "/tray"


def _ask(visit: Visit) -> Shown:
    said, item_id = words(visit.language), visit.path["item_id"]
    if not any(item.item_id == item_id for item in visit.service.tray.items()):
        raise NotFound
    return show(
        "ask.html",
        question=said._("Discard what arrived here?"),
        more=said._("It goes from this box and cannot be brought back."),
        action=f"/tray/{item_id}/discard",
        verb=said._("Discard"),
        symbol="trash",
        back="/tray",
        reasons=REASONS,
        picture="",
    )


def _discard(visit: Visit) -> str:
    visit.service.tray.discard(visit.path["item_id"], visit.who, visit.form.get("reason", ""))
    return "/tray"


PAGES: tuple[Page, ...] = (
    get("/tray", Act.SEE_PATIENTS, _tray),
    post("/tray/{item_id}/assign", Act.REVIEW, _assign, _tray),
    get("/tray/{item_id}/discard", Act.REVIEW, _ask),
    post("/tray/{item_id}/discard", Act.REVIEW, _discard, _tray),
)
