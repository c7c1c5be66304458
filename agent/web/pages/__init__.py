"""The pages, rendered on the server (technician.md B3): a table of rows by noun, and one way to answer them all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.actor import assert_may
from agent.error import from_wire
from agent.errors import AgentError, NotPermitted, StorageError
from agent.service import Service
from agent.web.api import Identify, status_of
from agent.web.pages import confirm, correct, finish, live, queue, review, screen, tray, worklist
from agent.web.pages.page import Page, Shown, Visit, fields
from agent.web.pages.render import Renderer

PAGES: tuple[Page, ...] = (
    *worklist.PAGES,
    *confirm.PAGES,
    *live.PAGES,
    *finish.PAGES,
    *review.PAGES,
    *correct.PAGES,
    *queue.PAGES,
    *tray.PAGES,
    *screen.PAGES,
)
"""Order counts: the first row whose path fits answers."""


def routes(service: Service, identify: Identify, renderer: Renderer | None = None) -> list[BaseRoute]:
    """Return the routes of the pages, to be mounted at `/`."""
    shared = renderer or Renderer()
    return [_route(service, identify, shared, page) for page in PAGES]


def _route(service: Service, identify: Identify, renderer: Renderer, page: Page) -> Route:
    async def endpoint(request: Request) -> Response:
        raw = await request.body() if page.method != "GET" else b""
        return await run_in_threadpool(_answer, service, identify, renderer, page, request, raw)

    return Route(page.path, endpoint, methods=[page.method])


def _answer(
    service: Service, identify: Identify, renderer: Renderer, page: Page, request: Request, raw: bytes
) -> Response:
    visit = Visit(service=service, actor=identify(request), here=request.url.path)
    visit = replace(visit, language=renderer.language(visit))
    try:
        assert_may(visit.actor, page.act)
        visit = _visit(request, raw, visit)
        answer = page.does(visit) if page.method == "GET" else _acted(page, visit)
    except AgentError as e:
        return HTMLResponse(renderer.html(visit, _refused(page, visit, e)), status_of(e))
    if isinstance(answer, str):
        renderer.after(visit)
        return RedirectResponse(answer, 303)
    return HTMLResponse(renderer.html(visit, answer), answer.status)


def _visit(request: Request, raw: bytes, visit: Visit) -> Visit:
    form, lists = fields(raw)
    query = {name: value[:200] for name, value in request.query_params.items()}
    return replace(visit, path=dict(request.path_params), query=query, form=form, lists=lists)


def _acted(page: Page, visit: Visit) -> str:
    """Act once for each form that was drawn: the same form again goes where the first one went, or is refused again."""
    key = visit.form.get("idempotency", "")[:128]
    told = visit.service.repeats.once(f"page-{key}" if key else "", lambda: _told(page, visit))
    if "refused" in told:
        raise from_wire(told["refused"])
    return str(told["to"])


def _told(page: Page, visit: Visit) -> dict[str, Any]:
    try:
        return {"to": page.does(visit)}
    except StorageError:
        raise  # nothing can be remembered either
    except AgentError as e:
        return {"refused": e.to_wire()}


def _refused(page: Page, visit: Visit, error: AgentError) -> Shown:
    """Return the page that tells why, on top of what is true now where the page can show that."""
    if page.back is not None and not isinstance(error, NotPermitted):
        with suppress(AgentError):
            truth = page.back(visit)
            return replace(truth, values={**truth.values, "error": error})
    return Shown(template="error.html", values={"error": error})
