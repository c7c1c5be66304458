"""The pages, rendered on the server: worklist, confirm, live and capture, finish, queue (technician.md B3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from agent.actor import Act, assert_may
from agent.errors import AgentError, NotFound
from agent.service import Service
from agent.web.api import Identify, status_of
from agent.web.route import ActRoute
from agent.web.text import Words, day, minute, words

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)
_TEMPLATES.filters.update(day=day, minute=minute)
_WHO = "page"
Form = dict[str, str]


class Pages:
    """All pages over one service; state lives on the server only."""

    def __init__(self, service: Service, identify: Identify) -> None:
        self._service, self._identify = service, identify

    def routes(self) -> list[BaseRoute]:
        see, events = Act.SEE_PATIENTS, {"finish": Act.FINISH_EXAM, "undo": Act.FINISH_EXAM, "resume": Act.CAPTURE}
        return [
            self._page("/", see, lambda _r: self._worklist()),
            self._page("/confirm/{key}", see, self._confirm),
            self._page("/exam/{exam_id}", Act.SEE_OPEN_EXAM, self._exam),
            self._page("/queue", see, lambda _r: self._render("queue.html", jobs=self._service.queue.jobs())),
            self._act("/refresh", see, lambda _r, _f: (self._service.patients.refresh(), "/")[1]),
            self._act("/start/{key}", Act.START_EXAM, self._start),
            self._act("/emergency", Act.START_EMERGENCY, self._emergency),
            self._act("/exam/{exam_id}/capture", Act.CAPTURE, self._capture),
            *(self._event(event, act) for event, act in events.items()),
            *(self._event(event, Act.CORRECT) for event in ("hold", "release", "discard")),
        ]

    def _page(self, path: str, act: Act, make: Callable[[Request], str]) -> ActRoute:
        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, request, act, lambda: HTMLResponse(make(request)))

        return ActRoute(path, endpoint, act=act, methods=["GET"])

    def _act(self, path: str, act: Act, do: Callable[[Request, Form], str]) -> ActRoute:
        async def endpoint(request: Request) -> Response:
            form = {k: v[0] for k, v in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
            return await run_in_threadpool(self._answer, request, act, lambda: RedirectResponse(do(request, form), 303))

        return ActRoute(path, endpoint, act=act, methods=["POST"])

    def _answer(self, request: Request, act: Act, make: Callable[[], Response]) -> Response:
        try:
            assert_may(self._identify(request), act)
        except AgentError as e:  # nobody is named to who may not even ask
            return PlainTextResponse(f"{e.message} {e.hint} ({e.code})", status_of(e))
        try:
            return make()
        except AgentError as e:
            return HTMLResponse(self._render("error.html", error=e), status_of(e))

    def _render(self, template: str, **values: Any) -> str:
        status = self._service.box.status()
        said: Words = words(status.language)
        return _TEMPLATES.get_template(template).render(
            status=status, t=said, current=self._current(), **{"exam": None, **values}
        )

    def _current(self) -> Any:
        for source in self._service.box.sources():
            if source.exam_id:
                return self._service.exams.get(source.exam_id)
        return None

    def _worklist(self) -> str:
        return self._render("worklist.html", worklist=self._service.patients.worklist())

    def _confirm(self, request: Request) -> str:
        key = request.path_params["key"]
        for entry in self._service.patients.worklist().entries:
            if entry.key == key:
                return self._render("confirm.html", entry=entry)
        raise NotFound("This order was cancelled or changed.")

    def _exam(self, request: Request) -> str:
        exam = self._service.exams.get(request.path_params["exam_id"])
        return self._render("exam.html", exam=exam, trigger_id=self._service.captures.new_press())

    def _start(self, request: Request, form: Form) -> str:
        source = form.get("source") or self._service.box.sources()[0].name
        key = request.path_params["key"]
        exam = self._service.exams.start(source, key, form.get("digest", "-"), form.get("typed", ""), _WHO)
        return f"/exam/{exam.exam_id}"

    def _emergency(self, _request: Request, form: Form) -> str:
        source = form.get("source") or self._service.box.sources()[0].name
        return f"/exam/{self._service.exams.start_emergency(source, _WHO).exam_id}"

    def _capture(self, request: Request, form: Form) -> str:
        exam_id = request.path_params["exam_id"]
        source = self._service.exams.get(exam_id).source
        self._service.captures.still(source, form.get("trigger_id", ""), None, exam_id)
        return f"/exam/{exam_id}"

    def _event(self, event: str, act: Act) -> ActRoute:
        def do(request: Request, form: Form) -> str:
            exam_id = request.path_params["exam_id"]
            self._service.exams.apply(exam_id, event, _WHO, form.get("reason", ""))
            return f"/exam/{exam_id}"

        return self._act(f"/exam/{{exam_id}}/{event}", act, do)


def routes(service: Service, identify: Identify) -> list[BaseRoute]:
    """Return the routes of the pages, to be mounted at `/`."""
    return Pages(service, identify).routes()
