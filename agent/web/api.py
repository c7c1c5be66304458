"""The JSON interface: parse, call one service method, render. The only place that turns errors into HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from agent import errors
from agent.errors import AgentError, BadRequest
from agent.model import Patient
from agent.plain import from_plain, to_plain
from agent.service import Service

STATUS: tuple[tuple[type[AgentError], int], ...] = (
    (errors.NotFound, 404),
    (errors.UnknownSource, 404),
    (errors.BadRequest, 422),
    (errors.NotPermitted, 403),
    (errors.OutOfDate, 409),
    (errors.WrongState, 409),
    (errors.IdentityError, 409),
    (errors.DiskFull, 507),
    (errors.ConfigurationError, 422),
    (AgentError, 503),
)
"""The first row whose class fits an error gives its HTTP status."""
MAX_STREAMS, MAX_PREVIEWS = 8, 4
HEARTBEAT_S = 5.0
_PATIENT_KEYS = {"patient_name", "patient_id", "patient_birth_date", "patient_sex"}
Answering = Callable[[Request], Awaitable[Response]]


def status_of(error: AgentError) -> int:
    """Return the HTTP status of an error by `STATUS`."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


async def on_error(_request: Request, error: Exception) -> Response:
    """Render an `AgentError` as JSON with code, message, hint and blame."""
    if not isinstance(error, AgentError):
        raise error
    body = {"code": error.code, "message": error.message, "hint": error.hint, "blame": error.blame.value}
    return JSONResponse(body, status_of(error))


def plain(value: Any) -> Any:
    """Return views, tuples of views or ready values as JSON values."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return to_plain(value) if hasattr(value, "__dataclass_fields__") else value


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request (empty body: empty object); raises `BadRequest`."""
    raw = await request.body()
    try:
        value = json.loads(raw) if raw else {}
    except ValueError as e:
        raise BadRequest from e
    if not isinstance(value, dict):
        raise BadRequest
    return value


def text(body: dict[str, Any], key: str, default: str = "") -> str:
    """Return one text value of a body; raises `BadRequest` on anything else than text."""
    value = body.get(key, default)
    if not isinstance(value, str) or len(value) > 1024:
        raise BadRequest(f"`{key}` must be text.")
    return value


class Interface:
    """All routes of the interface over one service."""

    def __init__(self, service: Service, who: str) -> None:
        self._service, self._who = service, who
        self._streams = asyncio.Semaphore(MAX_STREAMS)
        self._previews = asyncio.Semaphore(MAX_PREVIEWS)

    def routes(self) -> list[BaseRoute]:
        s = self._service
        return [
            self._get("/status", lambda _r: s.status()),
            self._get("/worklist", lambda _r: s.worklist()),
            self._get("/sources", lambda _r: s.sources()),
            self._get("/exams", lambda _r: s.exams()),
            self._get("/exams/{exam_id}", lambda r: s.exam(r.path_params["exam_id"])),
            self._get("/queue", lambda _r: s.queue()),
            self._get("/process", lambda _r: s.process()),
            self._get("/jobs/{job_id:int}/attempts", lambda r: s.attempts(r.path_params["job_id"])),
            Route("/events", self._events),
            Route("/sources/{name}/preview", self._preview),
            self._post("/worklist/refresh", lambda _r, _b: s.refresh_worklist()),
            self._post("/exams", self._start),
            self._post("/exams/{exam_id}/{event}", self._exam_event),
            self._post("/sources/{name}/capture", self._capture),
            self._post("/sources/{name}/clip/start", self._start_clip),
            self._post("/sources/{name}/clip/stop", lambda r, _b: s.stop_clip(r.path_params["name"])),
            self._post("/sources/{name}/cancel", lambda r, _b: s.cancel_scan(r.path_params["name"])),
            self._get("/sources/{name}/scan", lambda r: s.last_scan(r.path_params["name"])),
            self._post("/sources/{name}/scan", lambda r, b: s.scanned(r.path_params["name"], text(b, "text"))),
            self._get("/tray", lambda _r: s.tray()),
            self._post("/tray/{item_id}/assign", self._assign),
            self._post("/tray/{item_id}/discard", self._discard_item),
            self._post("/sources/{name}/fault", self._fault),
            self._post("/frames/{frame_id}/accept", lambda r, _b: s.accept_frame(r.path_params["frame_id"], self._who)),
            self._post("/jobs/{job_id:int}/redirect", self._redirect),
            self._post("/jobs/{job_id:int}/{event}", self._job_event),
            self._post("/destinations/{name}/echo", lambda r, _b: s.echo(r.path_params["name"])),
        ]

    def _get(self, path: str, ask: Callable[[Request], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(plain(await run_in_threadpool(ask, request)))

        return Route(path, endpoint, methods=["GET"])

    def _post(self, path: str, act: Callable[[Request, dict[str, Any]], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await body_of(request)
            key = request.headers.get("idempotency-key", "")[:128]
            return JSONResponse(await run_in_threadpool(self._once, key, act, request, body))

        return Route(path, endpoint, methods=["POST"])

    def _once(self, key: str, act: Callable[[Request, dict[str, Any]], Any], request: Request, body: Any) -> Any:
        if key and (given := self._service.repeated(key)) is not None:
            return given["answer"]
        answer = plain(act(request, body))
        if key:
            self._service.remember(key, {"answer": answer})
        return answer

    def _start(self, _request: Request, body: dict[str, Any]) -> Any:
        source, kind = text(body, "source"), text(body, "kind", "scheduled")
        if kind == "emergency":
            return self._service.start_emergency(source, self._who)
        if kind == "unscheduled":
            return self._service.start_unscheduled(source, _typed_patient(body.get("patient")), self._who)
        if kind != "scheduled":
            raise BadRequest("`kind` is scheduled, unscheduled or emergency.")
        return self._service.start_exam(
            source, text(body, "key"), text(body, "digest"), text(body, "typed"), self._who
        )

    def _exam_event(self, request: Request, body: dict[str, Any]) -> Any:
        event = request.path_params["event"]
        reason, code = text(body, "reason"), text(body, "code")
        return self._service.exam_event(request.path_params["exam_id"], event, self._who, reason, code)

    def _capture(self, request: Request, body: dict[str, Any]) -> Any:
        name = request.path_params["name"]
        return self._service.capture(name, text(body, "trigger_id"), _pressed(body), text(body, "exam_id"))

    def _assign(self, request: Request, body: dict[str, Any]) -> Any:
        return self._service.assign(request.path_params["item_id"], text(body, "source"), text(body, "exam_id"))

    def _discard_item(self, request: Request, body: dict[str, Any]) -> Any:
        self._service.discard_item(request.path_params["item_id"], self._who, text(body, "reason"))
        return {}

    def _start_clip(self, request: Request, body: dict[str, Any]) -> Any:
        name = request.path_params["name"]
        return self._service.start_clip(name, text(body, "trigger_id"), _pressed(body), text(body, "exam_id"))

    def _fault(self, request: Request, body: dict[str, Any]) -> Any:
        self._service.inject(request.path_params["name"], text(body, "fault"))
        return {}

    def _redirect(self, request: Request, body: dict[str, Any]) -> Any:
        target, reason = text(body, "destination"), text(body, "reason")
        return self._service.redirect(request.path_params["job_id"], target, self._who, reason)

    def _job_event(self, request: Request, body: dict[str, Any]) -> Any:
        events = {"retry": "retry now", "hold": "hold", "discard": "discard"}
        event = events.get(request.path_params["event"])
        if event is None:
            raise errors.NotFound("There is no such act.")
        return self._service.job_event(request.path_params["job_id"], event, self._who, text(body, "reason"))

    async def _events(self, request: Request) -> Response:
        if self._streams.locked():
            return JSONResponse({"code": "S-09", "message": "Too many screens are open."}, 429)
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[bytes]:
        async with self._streams:
            seen = 0
            while not await request.is_disconnected():
                number = await run_in_threadpool(self._service.changes.wait, seen, HEARTBEAT_S)
                yield b": still here\n\n" if number == seen else f"event: change\ndata: {number}\n\n".encode()
                seen = number

    async def _preview(self, request: Request) -> Response:
        if self._previews.locked():
            return JSONResponse({"code": "S-09", "message": "Too many screens are open."}, 429)
        name = request.path_params["name"]
        watching = self._service.watched(name)
        media = "multipart/x-mixed-replace; boundary=frame"
        return StreamingResponse(self._frames(request, name, watching), media_type=media)

    async def _frames(self, request: Request, name: str, watching: Any) -> AsyncIterator[bytes]:
        async with self._previews:
            await run_in_threadpool(watching.__enter__)
            try:
                seen = -1
                while not await request.is_disconnected():
                    number, jpeg = await run_in_threadpool(self._service.next_preview, name, seen, HEARTBEAT_S)
                    if jpeg and number != seen:
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        yield head.encode() + jpeg + b"\r\n"
                    seen = number
            finally:
                watching.__exit__(None, None, None)


def routes(service: Service, who: str) -> list[BaseRoute]:
    """Return the routes of the JSON interface, to be mounted at `/api`; `who` is written into the history."""
    return Interface(service, who).routes()


def _pressed(body: dict[str, Any]) -> int | None:
    pressed = body.get("pressed_ns")
    if pressed is not None and not isinstance(pressed, int):
        raise BadRequest("`pressed_ns` must be a number.")
    return pressed


def _typed_patient(value: Any) -> Patient:
    if not isinstance(value, dict) or not set(value) <= _PATIENT_KEYS:
        raise BadRequest("A typed patient has patient_name, patient_id, patient_birth_date and patient_sex.")
    try:
        return from_plain(Patient, {**to_plain(Patient(patient_name="", patient_id="")), **value})
    except ValueError as e:
        raise BadRequest("The typed patient was not understood.") from e
