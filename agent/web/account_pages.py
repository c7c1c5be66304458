"""The pages with which somebody comes in: `/login`, `/unlock`, `/enrol`, and the forms `/lock`, `/logout`, `/language`.

Whoever is nobody here sees no patient and no state of the box on them; a locked screen keeps its open exam in view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from agent.accounts.credentials import Issued
from agent.actor import NOBODY, Act, Actor, may
from agent.errors import AgentError, BadRequest
from agent.service import NewScreen, Service
from agent.web.api import Identify, status_of, waiting
from agent.web.route import ActRoute
from agent.web.session import credentials, keep
from agent.web.words import LANGUAGES

Form = dict[str, str]
Render = Callable[..., str]


def next_page(wanted: str) -> str:
    """Return a path of the box's own pages, never another site's; anything else is the first page."""
    parts = urlsplit(wanted)
    own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not (parts.scheme or parts.netloc)
    return wanted[:512] if own and wanted.isprintable() and "\\" not in wanted else "/"


def scale(typed: str) -> float:
    """Return the pixels per millimetre that somebody typed, with a point or a comma; nothing typed: zero, unknown.

    Raises `BadRequest`.
    """
    number = typed.strip().replace(",", ".")
    if number and not (number.isascii() and number.replace(".", "", 1).isdigit() and len(number) <= 8):
        raise BadRequest("Pixels per millimetre are a number, as 4.63.")
    return float(number or 0)


def form_of(raw: bytes) -> Form:
    """Return the first value of every field of a posted form."""
    return {key: values[0] for key, values in parse_qs(raw.decode("utf-8", "replace")).items()}


class AccountPages:
    """These pages over one service; `render` is the templates'."""

    def __init__(self, service: Service, identify: Identify, render: Render) -> None:
        self._service, self._identify, self._render = service, identify, render

    def routes(self) -> list[BaseRoute]:
        """Return the routes; every form answers with a redirection (POST, redirect, GET)."""
        return [
            *(ActRoute(path, self._show(name), act=None, methods=["GET"]) for path, name in _PAGES.items()),
            *(ActRoute(path, self._do(path, act), act=None, methods=["POST"]) for path, act in self._acts().items()),
        ]

    def _acts(self) -> dict[str, Callable[[Request, Form], Issued]]:
        a = self._service.accounts
        return {
            "/login": lambda r, f: a.log_in(f.get("name", ""), f.get("password", ""), credentials(r)),
            "/unlock": self._unlock,
            "/enrol": lambda r, f: a.enrol(
                f.get("code", ""), f.get("name", ""), f.get("password", ""), credentials(r)
            ),
            "/enrol/screen": self._enrol_screen,
            "/lock": lambda r, _f: a.lock(credentials(r)),
            "/logout": lambda r, _f: a.log_out(credentials(r)),
            "/language": self._language,
        }

    def _unlock(self, request: Request, form: Form) -> Issued:
        return self._service.accounts.unlock(
            credentials(request), pin=form.get("pin", ""), badge=form.get("badge", ""), name=form.get("name", "")
        )

    def _enrol_screen(self, request: Request, form: Form) -> Issued:
        screen = NewScreen(
            name=form.get("name", ""),
            source=form.get("source", ""),
            language=form.get("language", ""),
            pixels_per_mm=scale(form.get("pixels_per_mm", "")),
        )
        actor = self._identify(request)
        return self._service.accounts.enrol_screen(screen, actor, credentials(request), form.get("code", ""))

    def _language(self, request: Request, form: Form) -> Issued:
        self._service.accounts.set_language(self._identify(request), form.get("language", ""))
        return Issued()

    # --- answering ------------------------------------------------------------------------------------------

    def _show(self, name: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._page, request, name, None)

        return endpoint

    def _do(self, path: str, act: Callable[[Request, Form], Issued]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            form = form_of(await request.body())
            return await run_in_threadpool(self._answer, request, path, act, form)

        return endpoint

    def _answer(
        self, request: Request, path: str, act: Callable[[Request, Form], Issued], form: Form
    ) -> Response:
        try:
            issued = act(request, form)
        except AgentError as e:
            return self._page(request, _PAGES.get(path, "login.html"), e, form)
        response = RedirectResponse(next_page(form.get("next", "/")), 303)
        keep(response, issued)
        return response

    def _page(self, request: Request, name: str, error: AgentError | None, form: Form | None = None) -> Response:
        actor = self._asker(request)
        wanted = (form or {}).get("next") or request.query_params.get("next", "/")
        values = {
            "error": error,
            "form": {k: (form or {}).get(k, "") for k in ("name", "source", "language")},
            "next": next_page(wanted),
            "languages": LANGUAGES,
            "enrolled": self._service.accounts.enrolled(),
            "sources": [s.name for s in self._service.box.sources()] if may(actor, Act.CONFIGURE) else [],
        }
        status = status_of(error) if error else 200
        return HTMLResponse(
            self._render(name, actor, **values), status, headers=waiting(error) if error else None
        )

    def _asker(self, request: Request) -> Actor:
        try:
            return self._identify(request)
        except AgentError:
            return NOBODY


_PAGES = {
    "/login": "login.html",
    "/unlock": "unlock.html",
    "/enrol": "enrol.html",
    "/enrol/screen": "enrol_screen.html",
}


def routes(service: Service, identify: Identify, render: Render) -> list[BaseRoute]:
    """Return the routes of these pages."""
    return AccountPages(service, identify, render).routes()
