"""The audit trail (PS3.15 A.5): read page by page, each reading itself a row of it, and verified as a whole."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import BadRequest
from agent.web.pages.admin.shelf import SHELF
from agent.web.pages.page import Page, Shown, Visit, get, post, show

ROWS = 100
_DIGITS, _HASH = 15, 64


def _audit(_visit: Visit) -> Shown:
    return show("admin_audit.html", rows=None, found=None)


def _read(visit: Visit) -> str:
    """Read the newest rows, or those before a number; a deed, because the trail says who read it."""
    rows = visit.service.audit.read(visit.actor, before=_number(visit.form.get("before", "")), limit=ROWS)
    return f"/admin/audit/rows/{SHELF.put(visit, rows)}"


def _number(text: str) -> int:
    text = text.strip()
    if text and not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise BadRequest("The number of a row is not a number.")
    return int(text or 0)


def _rows(visit: Visit) -> Shown:
    return show("admin_audit.html", rows=SHELF.look(visit, visit.path["number"]), found=None)


def _verify(visit: Visit) -> str:
    sha256 = visit.form.get("sha256", "").strip().lower()[:_HASH]
    found = visit.service.audit.verify(_number(visit.form.get("number", "")), sha256)
    return f"/admin/audit/verified/{SHELF.put(visit, found)}"


def _verified(visit: Visit) -> Shown:
    return show("admin_audit.html", rows=None, found=SHELF.look(visit, visit.path["number"]))


PAGES: tuple[Page, ...] = (
    get("/admin/audit", Act.SEE_AUDIT, _audit),
    post("/admin/audit/read", Act.SEE_AUDIT, _read, _audit),
    get("/admin/audit/rows/{number}", Act.SEE_AUDIT, _rows),
    post("/admin/audit/verify", Act.SEE_AUDIT, _verify, _audit),
    get("/admin/audit/verified/{number}", Act.SEE_AUDIT, _verified),
)
