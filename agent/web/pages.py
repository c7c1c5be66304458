"""The pages, rendered on the server: worklist, confirm, live and capture, finish, queue (technician.md B3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from agent.actor import Actor, Role
from agent.errors import AgentError
from agent.service import Service
from agent.web.api import Identify, status_of
from agent.web.words import words

_TEMPLATES = FileSystemLoader(Path(__file__).parent / "templates")
_PAGE = Actor(name="page", role=Role.TECHNICIAN)
Form = dict[str, str]


@cache
def environment(language: str) -> Environment:
    """Return the templates in one language."""
    return words(language).into(Environment(loader=_TEMPLATES, autoescape=True, undefined=StrictUndefined))


class Pages:
    """All pages over one service; state lives on the server only."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        return [
            self._page("/", lambda _r: self._worklist()),
            self._page("/confirm/{key}", self._confirm),
            self._page("/exam/{exam_id}", self._exam),
            self._page("/queue", lambda _r: self._render("queue.html", jobs=self._service.queue.jobs())),
            self._act("/refresh", lambda _r, _f: (self._service.patients.refresh(), "/")[1]),
            self._act("/start/{key}", self._start),
            self._act("/emergency", self._emergency),
            self._act("/exam/{exam_id}/capture", self._capture),
            self._act("/exam/{exam_id}/{event}", self._event),
        ]

    def _page(self, path: str, make: Callable[[Request], str]) -> Route:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, lambda: HTMLResponse(make(request)))

        return Route(path, endpoint, methods=["GET"])

    def _act(self, path: str, act: Callable[[Request, Form], str]) -> Route:
        async def endpoint(request: Request) -> Response:
            form = {k: v[0] for k, v in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
            return await run_in_threadpool(self._answer, lambda: RedirectResponse(act(request, form), 303))

        return Route(path, endpoint, methods=["POST"])

    def _answer(self, make: Callable[[], Response]) -> Response:
        try:
            return make()
        except AgentError as e:
            return HTMLResponse(self._render("error.html", error=e), status_of(e))

    def _render(self, template: str, **values: Any) -> str:
        status = self._service.box.status()
        template_of = environment(status.language).get_template
        return template_of(template).render(status=status, current=self._current(), **{"exam": None, **values})

    def _current(self) -> Any:
        for source in self._service.box.sources():
            if source.exam_id:
                return self._service.exams.get(source.exam_id)
        return None

    def _worklist(self) -> str:
        return self._render("worklist.html", worklist=self._service.patients.worklist())

    def _confirm(self, request: Request) -> str:
        source = request.query_params.get("source") or self._service.box.sources()[0].name
        chosen = self._service.patients.confirm(source, request.path_params["key"], _PAGE)
        return self._render("confirm.html", entry=chosen.entry, modes=chosen.modes)

    def _exam(self, request: Request) -> str:
        exam = self._service.exams.get(request.path_params["exam_id"])
        return self._render("exam.html", exam=exam, trigger_id=self._service.captures.new_press())

    def _start(self, request: Request, form: Form) -> str:
        source = form.get("source") or self._service.box.sources()[0].name
        key = request.path_params["key"]
        exam = self._service.exams.start(source, key, form.get("digest", "-"), form.get("typed", ""), _PAGE)
        return f"/exam/{exam.exam_id}"

    def _emergency(self, _request: Request, form: Form) -> str:
        source = form.get("source") or self._service.box.sources()[0].name
        return f"/exam/{self._service.exams.start_emergency(source, _PAGE).exam_id}"

    def _capture(self, request: Request, form: Form) -> str:
        exam_id = request.path_params["exam_id"]
        source = self._service.exams.get(exam_id).source
        self._service.captures.still(source, form.get("trigger_id", ""), None, exam_id, actor=_PAGE)
        return f"/exam/{exam_id}"

    def _event(self, request: Request, form: Form) -> str:
        exam_id = request.path_params["exam_id"]
        self._service.exams.apply(exam_id, request.path_params["event"], _PAGE, form.get("reason", ""))
        return f"/exam/{exam_id}"


def routes(service: Service, _identify: Identify) -> list[BaseRoute]:
    """Return the routes of the pages, to be mounted at `/`."""
    return Pages(service).routes()
