"""The acceptance reports: the newest with each check in words, and every one as a page to be printed and signed."""

from __future__ import annotations

import json

from agent.acceptance import Acceptance, as_value
from agent.actor import Act
from agent.web.pages.page import File, Page, Shown, Visit, get, show
from agent.web.pages.render import environment


def printable(made: Acceptance, language: str) -> bytes:
    """Return the report as one HTML file that needs nothing else: for a printer, a signature, a folder of the site."""
    return environment(language).get_template("acceptance_report.html").render(report=made).encode()


def _reports(visit: Visit) -> Shown:
    kept = visit.service.administration.acceptance
    asked, views = visit.query.get("report", ""), kept.list()
    name = asked or (views[0].name if views else "")
    return show("admin_acceptance.html", views=views, name=name, report=kept.get(name) if name else None)


def _page(visit: Visit) -> File:
    name = visit.path["name"]
    made = visit.service.administration.acceptance.get(name)
    language = visit.actor.language or visit.service.box.language
    return File(name=f"acceptance-{name}.html", media="text/html; charset=utf-8", content=printable(made, language))


def _value(visit: Visit) -> File:
    name = visit.path["name"]
    value = as_value(visit.service.administration.acceptance.get(name))
    content = json.dumps(value, ensure_ascii=False, indent=1).encode()
    return File(name=f"acceptance-{name}.json", media="application/json", content=content)


PAGES: tuple[Page, ...] = (
    get("/admin/acceptance", Act.TEST, _reports),
    get("/admin/acceptance/{name}/page", Act.TEST, _page),
    get("/admin/acceptance/{name}/value", Act.TEST, _value),
)
