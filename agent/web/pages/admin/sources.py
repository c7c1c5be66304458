"""Sources with their signal and, for whoever may see it, their picture; pedals and readers, tried without effect."""

from __future__ import annotations

from agent.actor import Act
from agent.errors import NotFound
from agent.web.pages.page import Page, Shown, Visit, get, post, show

TEST_S = 20.0


def _sources(visit: Visit) -> Shown:
    return show(
        "admin_sources.html",
        sources=visit.service.box.sources(),
        inputs=visit.service.administration.tests.inputs(),
    )


def _source(visit: Visit) -> Shown:
    found = next((s for s in visit.service.box.sources() if s.name == visit.path["name"]), None)
    if found is None:
        raise NotFound
    return show("admin_source.html", one=found)


def _restart(visit: Visit) -> str:
    visit.service.administration.tests.restart_source(visit.path["name"])
    return f"/admin/sources/{visit.path['name']}"


def _test(visit: Visit) -> str:
    visit.service.administration.tests.test_input(visit.path["name"], TEST_S)
    return f"/admin/inputs/{visit.path['name']}"


def _input(visit: Visit) -> Shown:
    inputs = visit.service.administration.tests.inputs()
    found = next((view for view in inputs if view.name == visit.path["name"]), None)
    if found is None:
        raise NotFound
    return show("admin_input.html", one=found, whole_s=TEST_S)


PAGES: tuple[Page, ...] = (
    get("/admin/sources", Act.TEST, _sources),
    get("/admin/sources/{name}", Act.TEST, _source),
    post("/admin/sources/{name}/restart", Act.TEST, _restart, _source),
    get("/admin/inputs/{name}", Act.TEST, _input),
    post("/admin/inputs/{name}/test", Act.TEST, _test, _sources),
)
