"""Sources with their signal and, for whoever may see it, their picture; pedals and readers, tried without effect."""

from __future__ import annotations

import re

from agent.actor import Act
from agent.errors import NotFound
from agent.web.pages.page import Page, Shown, Visit, get, post, show
from agent.web.words import Words, words

TEST_S = 20.0
_SCAN = re.compile(r"scan: (?P<length>[0-9]+) characters, (?P<kind>.+)")


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
    seen = [_said(words(visit.language), what) for what in found.seen]
    return show("admin_input.html", one=found, seen=seen, whole_s=TEST_S)


def _said(said: Words, what: str) -> str:
    """Return what came in as a person reads it; of a code its length alone (`agent.input_test`)."""
    scan = _SCAN.fullmatch(what)
    if scan is None:
        return {"capture": said._("Pedal: take a picture"), "clip": said._("Pedal: clip")}.get(what, what)
    number = int(scan["length"])
    told = said.ngettext("Code of %(num)s character", "Code of %(num)s characters", number) % {"num": number}
    kinds = {
        "digits": said._("digits"),
        "letters and digits": said._("letters and digits"),
        "GS1": said._("GS1, as on wristbands"),
    }
    return ", ".join(part for part in (told, kinds.get(scan["kind"], "")) if part)


PAGES: tuple[Page, ...] = (
    get("/admin/sources", Act.TEST, _sources),
    get("/admin/sources/{name}", Act.TEST, _source),
    post("/admin/sources/{name}/restart", Act.TEST, _restart, _source),
    get("/admin/inputs/{name}", Act.TEST, _input),
    post("/admin/inputs/{name}/test", Act.TEST, _test, _sources),
)
