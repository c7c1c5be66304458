"""What helps whoever helps: the newest lines of the log, and everything in one file without a patient."""

from __future__ import annotations

from agent.actor import Act
from agent.web.pages.page import File, Page, Shown, Visit, get, show


def _logs(visit: Visit) -> Shown:
    return show("admin_logs.html", log=visit.service.administration.support.logs())


def _bundle(visit: Visit) -> File:
    status = visit.service.box.status()
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in status.box)[:40]
    name = f"support-{plain}-{status.now[:10]}.zip"
    return File(name=name, media="application/zip", content=visit.service.administration.support.bundle())


PAGES: tuple[Page, ...] = (
    get("/admin/logs", Act.SUPPORT, _logs),
    get("/admin/logs/bundle", Act.SUPPORT, _bundle),
)
