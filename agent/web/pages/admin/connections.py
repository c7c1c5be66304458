"""Whether the other sides answer: each connection phase by phase, the worklist in numbers, a picture of nobody."""

from __future__ import annotations

from dataclasses import dataclass

from agent.actor import Act
from agent.admin_view import ConnectionView, QueryView
from agent.service.trials import Tried
from agent.view import DestinationView
from agent.web.pages.page import Page, Shown, Visit, get, post, show


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One connection: what is believed of it, and what its last test found."""

    name: str
    belief: DestinationView | None
    last: Tried[ConnectionView] | None
    query: Tried[QueryView] | None
    asks: bool
    """A test query can be made there."""


def _rows(visit: Visit) -> tuple[Row, ...]:
    tests, told = visit.service.administration.tests, {d.name: d for d in visit.service.box.destinations()}
    return tuple(
        Row(
            name=name,
            belief=told.get(name),
            last=tests.tried(name),
            query=tests.queried() if name == "worklist" else None,
            asks=name == "worklist",
        )
        for name in tests.names()
    )


def _connections(visit: Visit) -> Shown:
    tests = visit.service.administration.tests
    sources = [s.name for s in visit.service.box.sources() if s.delivers == "frames"]
    return show("admin_connections.html", rows=_rows(visit), trials=tests.trial_destinations(), sources=sources)


def _test(visit: Visit) -> str:
    name = visit.path["name"]
    visit.service.administration.tests.connection(name)
    return f"/admin/connections#{name}"


def _test_all(visit: Visit) -> str:
    for name in visit.service.administration.tests.names():
        visit.service.administration.tests.connection(name)
    return "/admin/connections"


def _query(visit: Visit) -> str:
    visit.service.administration.tests.query()
    return "/admin/connections#worklist"


def _begin_trial(visit: Visit) -> str:
    begun = visit.service.administration.tests.begin_trial(visit.form.get("source", ""), visit.actor)
    return f"/admin/test-pictures/{begun.exam_id}"


def _trial(visit: Visit) -> Shown:
    trial = visit.service.administration.tests.trial(visit.path["exam_id"])
    return show("admin_trial.html", trial=trial)


PAGES: tuple[Page, ...] = (
    get("/admin/connections", Act.TEST, _connections),
    post("/admin/connections/test", Act.TEST, _test_all, _connections),
    post("/admin/connections/{name}/test", Act.TEST, _test, _connections),
    post("/admin/worklist/test", Act.TEST, _query, _connections),
    post("/admin/test-pictures", Act.TEST, _begin_trial, _connections),
    get("/admin/test-pictures/{exam_id}", Act.TEST, _trial),
)
