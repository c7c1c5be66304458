"""The pages, rendered on the server: worklist, confirm, live and capture, finish, queue (technician.md B3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.actor import NOBODY, Act, Actor, assert_may
from agent.errors import AgentError, NotLoggedIn
from agent.service import Service
from agent.web.account_pages import Form, form_of, seen_by
from agent.web.api import Identify, status_of
from agent.web.permit import permit
from agent.web.words import words

_TEMPLATES = FileSystemLoader(Path(__file__).parent / "templates")
_EVENTS = {"finish": Act.FINISH_EXAM, "undo": Act.FINISH_EXAM, "resume": Act.CAPTURE}
"""Acts on an exam; every other one corrects an identity."""


@cache
def environment(language: str) -> Environment:
    """Return the templates in one language."""
    return words(language).into(Environment(loader=_TEMPLATES, autoescape=True, undefined=StrictUndefined))


def render(service: Service, template: str, actor: Actor, **values: Any) -> str:
    """Return one page as `actor` may see it."""
    seen = seen_by(service, actor)
    return environment(seen["status"].language).get_template(template).render(**{"exam": None, **seen, **values})


class Pages:
    """All pages over one service; state lives on the server only."""

    def __init__(self, service: Service, identify: Identify) -> None:
        self._service, self._identify = service, identify

    def routes(self) -> list[BaseRoute]:
        return [
            self._page("/", Act.SEE_PATIENTS, lambda _r, a: self._worklist(a)),
            self._page("/confirm/{key}", Act.SEE_PATIENTS, self._confirm),
            self._page("/exam/{exam_id}", Act.SEE_OPEN_EXAM, self._exam),
            self._page("/queue", Act.SEE_PATIENTS, self._queue),
            self._act("/refresh", Act.SEE_PATIENTS, lambda _r, _f, _a: (self._service.patients.refresh(), "/")[1]),
            self._act("/start/{key}", Act.START_EXAM, self._start),
            self._act("/emergency", Act.START_EMERGENCY, self._emergency),
            self._act("/exam/{exam_id}/capture", Act.CAPTURE, self._capture),
            self._act("/exam/{exam_id}/{event}", None, self._event),
        ]

    def _page(self, path: str, act: Act, make: Callable[[Request, Actor], str]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, request, act, lambda a: HTMLResponse(make(request, a)))

        return Route(path, endpoint, methods=["GET"])

    def _act(self, path: str, act: Act | None, does: Callable[[Request, Form, Actor], str]) -> Route:
        async def endpoint(request: Request) -> Response:
            form = form_of(await request.body())
            asked = act or _EVENTS.get(request.path_params["event"], Act.CORRECT)
            return await run_in_threadpool(
                self._answer, request, asked, lambda a: RedirectResponse(does(request, form, a), 303)
            )

        return Route(path, endpoint, methods=["POST"])

    def _answer(self, request: Request, act: Act, make: Callable[[Actor], Response]) -> Response:
        actor = NOBODY
        try:
            actor = self._identify(request)
            permit(self._service, actor, act)
            return make(actor)
        except NotLoggedIn as e:
            if request.method != "GET":
                return HTMLResponse(render(self._service, "error.html", actor, error=e), status_of(e))
            return RedirectResponse(f"{'/unlock' if actor.screen else '/login'}?next={quote(request.url.path)}", 303)
        except AgentError as e:
            return HTMLResponse(render(self._service, "error.html", actor, error=e), status_of(e))

    def _render(self, template: str, actor: Actor, **values: Any) -> str:
        return render(self._service, template, actor, **values)

    def _queue(self, _request: Request, actor: Actor) -> str:
        return self._render("queue.html", actor, jobs=self._service.queue.jobs())

    def _worklist(self, actor: Actor) -> str:
        return self._render("worklist.html", actor, worklist=self._service.patients.worklist())

    def _confirm(self, request: Request, actor: Actor) -> str:
        source = request.query_params.get("source") or actor.source or self._service.box.sources()[0].name
        chosen = self._service.patients.confirm(source, request.path_params["key"], actor)
        return self._render("confirm.html", actor, entry=chosen.entry, modes=chosen.modes)

    def _exam(self, request: Request, actor: Actor) -> str:
        exam = self._service.exams.get(request.path_params["exam_id"])
        if exam.state not in ("open", "finishing"):
            assert_may(actor, Act.SEE_PATIENTS)
        return self._render("exam.html", actor, exam=exam, trigger_id=self._service.captures.new_press())

    def _start(self, request: Request, form: Form, actor: Actor) -> str:
        source = form.get("source") or actor.source or self._service.box.sources()[0].name
        key = request.path_params["key"]
        exam = self._service.exams.start(source, key, form.get("digest", "-"), form.get("typed", ""), actor)
        return f"/exam/{exam.exam_id}"

    def _emergency(self, _request: Request, form: Form, actor: Actor) -> str:
        source = form.get("source") or actor.source or self._service.box.sources()[0].name
        return f"/exam/{self._service.exams.start_emergency(source, actor).exam_id}"

    def _capture(self, request: Request, form: Form, actor: Actor) -> str:
        exam_id = request.path_params["exam_id"]
        source = self._service.exams.get(exam_id).source
        self._service.captures.still(source, form.get("trigger_id", ""), None, exam_id, actor=actor)
        return f"/exam/{exam_id}"

    def _event(self, request: Request, form: Form, actor: Actor) -> str:
        exam_id = request.path_params["exam_id"]
        self._service.exams.apply(exam_id, request.path_params["event"], actor, form.get("reason", ""))
        return f"/exam/{exam_id}"


def routes(service: Service, identify: Identify) -> list[BaseRoute]:
    """Return the routes of the pages, to be mounted at `/`."""
    return Pages(service, identify).routes()
