"""The pages, rendered on the server (technician.md B3): a table of rows by noun, and one way to answer them all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from agent import errors
from agent.actor import NOBODY, Act, Actor
from agent.error import from_wire
from agent.errors import AgentError, LoginAgain, NotLoggedIn, StorageError
from agent.service import Service
from agent.web.api import Identify, on_no_route, status_of
from agent.web.pages import admin, confirm, correct, finish, live, queue, review, tray, worklist
from agent.web.pages.page import File, Page, Shown, Visit, fields
from agent.web.pages.render import Renderer
from agent.web.permit import permit
from agent.web.route import ActRoute

PAGES: tuple[Page, ...] = (
    *worklist.PAGES,
    *confirm.PAGES,
    *live.PAGES,
    *finish.PAGES,
    *review.PAGES,
    *correct.PAGES,
    *queue.PAGES,
    *tray.PAGES,
    *admin.PAGES,
)
"""Order counts: the first row whose path fits answers."""
LONGEST_KEY = 128
"""Characters of the key of a form; a longer one is none of ours, and cut short it could be that of another form."""


def routes(service: Service, identify: Identify, renderer: Renderer) -> list[BaseRoute]:
    """Return the routes of the pages, to be mounted at `/`."""
    return [_route(service, identify, renderer, page) for page in PAGES]


def _route(service: Service, identify: Identify, renderer: Renderer, page: Page) -> ActRoute:
    async def endpoint(request: Request) -> Response:
        raw = await request.body() if page.method != "GET" else b""
        return await run_in_threadpool(_answer, service, identify, renderer, page, request, raw)

    return ActRoute(page.path, endpoint, act=page.act, methods=[page.method])


def _answer(
    service: Service, identify: Identify, renderer: Renderer, page: Page, request: Request, raw: bytes
) -> Response:
    visit = Visit(service=service, actor=NOBODY, here=request.url.path)
    try:
        visit = renderer.spoken(replace(visit, actor=identify(request)))
        permit(service, visit.actor, page.act)
        visit = _visit(request, raw, visit, page.longest)
        answer = page.does(visit) if page.method == "GET" else _acted(page, visit)
    except (NotLoggedIn, LoginAgain) as e:
        return _come_in(renderer, visit, e, page)
    except AgentError as e:
        return HTMLResponse(renderer.html(_standing(page, visit), _refused(page, visit, e)), status_of(e))
    if isinstance(answer, str):
        return RedirectResponse(answer, 303)
    if isinstance(answer, File):
        named = {"Content-Disposition": f'attachment; filename="{answer.name}"'}
        return Response(answer.content, media_type=answer.media, headers=named)
    return HTMLResponse(renderer.html(visit, answer), answer.status)


def _come_in(renderer: Renderer, visit: Visit, error: AgentError, page: Page) -> Response:
    """Send whoever wants to see something to where one logs in, and tell whoever wanted to do something."""
    if page.method != "GET":
        return HTMLResponse(renderer.html(visit, _refused(page, visit, error)), status_of(error))
    door = "/unlock" if visit.actor.screen and isinstance(error, NotLoggedIn) else "/login"
    return RedirectResponse(f"{door}?next={quote(visit.here)}", 303)


def _row_of(back: Callable[[Visit], Shown] | None) -> Page | None:
    """Return the row that shows a page: what it takes to see it, and its address, stand there."""
    return next((row for row in PAGES if row.method == "GET" and row.does is back), None)


def lost(service: Service, identify: Identify, renderer: Renderer) -> Callable[[Request, Exception], Any]:
    """Return what answers where no route does (404, 405): JSON below `/api`, a page with a way back elsewhere."""

    def html(request: Request, error: HTTPException) -> Response:
        told = errors.NotFound("There is no such page.") if error.status_code == 404 else errors.BadRequest()
        visit = Visit(service=service, actor=_known(identify, request), here=request.url.path)
        shown = Shown(template="error.html", values={"error": told})
        return HTMLResponse(renderer.html(visit, shown), error.status_code, error.headers)

    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException) or request.url.path.startswith(("/api/", "/static/")):
            return await on_no_route(request, error)
        return await run_in_threadpool(html, request, error)

    return answer


def _known(identify: Identify, request: Request) -> Actor:
    try:
        return identify(request)
    except AgentError:
        return NOBODY


def _visit(request: Request, raw: bytes, visit: Visit, longest: int) -> Visit:
    form, lists = fields(raw, longest)
    query = {name: value[:200] for name, value in request.query_params.items()}
    return replace(visit, path=dict(request.path_params), query=query, form=form, lists=lists)


def _acted(page: Page, visit: Visit) -> str:
    """Act once for each form that was drawn: the same form again goes where the first one went, or is refused again."""
    name = "idempotency"
    key = visit.form.get(name, "")
    if len(key) > LONGEST_KEY:
        raise errors.BadRequest(f"Not understood: {name}.")
    asker = f"{visit.actor.role} {visit.actor.name} {visit.here}"
    told = visit.service.repeats.once(f"page {asker} {key}" if key else "", lambda: _told(page, visit))
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


def _standing(page: Page, visit: Visit) -> Visit:
    """Return the visit with the address of the page that tells why an act was refused: it can be asked for again."""
    shows = _row_of(page.back)
    with suppress(KeyError):
        return replace(visit, here=shows.path.format(**visit.path)) if shows else visit
    return visit


def _refused(page: Page, visit: Visit, error: AgentError) -> Shown:
    """Return the page that tells why, on top of what is true now where the page can show that."""
    let_in = visit.may(page.act) and not isinstance(error, (NotLoggedIn, LoginAgain))
    shows = _row_of(page.back)
    if page.back is not None and let_in and visit.may(shows.act if shows else Act.SEE_PATIENTS):
        with suppress(AgentError):
            truth = page.back(visit)
            return replace(truth, values={**truth.values, "error": error})
    return Shown(template="error.html", values={"error": error})
