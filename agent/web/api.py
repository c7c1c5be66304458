"""The JSON interface: made from the table of operations. The only place that turns errors into HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from agent import errors
from agent.actor import Actor
from agent.errors import AgentError, BadRequest
from agent.plain import to_plain
from agent.review_errors import PicturesBusy
from agent.service import Service
from agent.web.guard import HEADERS
from agent.web.looking import Looking
from agent.web.openapi import description
from agent.web.operation import IDEMPOTENCY_KEY, MOST_QUERY, Answered, Call, Operation, parsed
from agent.web.operations import OPERATIONS
from agent.web.permit import permit
from agent.web.route import ActRoute
from agent.web.session import credentials, keep
from agent.web.streams import Streams

STATUS: tuple[tuple[type[AgentError], int], ...] = (
    (errors.NotFound, 404),
    (errors.UnknownSource, 404),
    (errors.BadRequest, 422),
    (errors.NotPermitted, 403),
    (errors.NotLoggedIn, 401),
    (errors.LoginAgain, 401),
    (errors.WrongLogin, 401),
    (errors.TooManyTries, 429),
    (errors.LoginBusy, 429),
    (errors.WeakSecret, 422),
    (errors.NameTaken, 409),
    (errors.LastAdministrator, 409),
    (errors.AccountError, 403),
    (errors.OutOfDate, 409),
    (errors.WrongState, 409),
    (errors.IdentityError, 409),
    (errors.TooManyScreens, 429),
    (PicturesBusy, 429),
    (errors.DiskFull, 507),
    (errors.ConfigurationError, 422),
    (errors.CertificateError, 422),
    (AgentError, 503),
)
"""The first row whose class fits an error gives its HTTP status."""
Identify = Callable[[Request], Actor]
"""Tells who asks; raises `NotPermitted` for a request that may not even ask."""


def status_of(error: AgentError) -> int:
    """Return the HTTP status of an error by `STATUS`."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


async def on_error(_request: Request, error: Exception) -> Response:
    """Render an `AgentError` as JSON with code, message, hint and blame."""
    if not isinstance(error, AgentError):
        raise error
    return JSONResponse(as_json(error), status_of(error), headers=waiting(error))


async def on_crash(_request: Request, _error: Exception) -> Response:
    """Say that the box itself failed, without a word of how; the guard never sees it, so its headers are here."""
    return JSONResponse(as_json(AgentError()), 500, headers=HEADERS)


def waiting(error: AgentError) -> dict[str, str]:
    """Return the headers that tell when it may be tried again."""
    wait_s = error.facts.get("wait_s")
    return {"Retry-After": str(wait_s)} if wait_s else {}


def as_json(error: AgentError) -> dict[str, str]:
    """Return an error as every answer of the interface shows it."""
    return {"code": error.code, "message": error.message, "hint": error.hint, "blame": error.blame.value}


async def on_no_route(request: Request, error: Exception) -> Response:
    """Render what no route answers (404, 405): JSON below `/api`, words elsewhere."""
    if not isinstance(error, HTTPException):
        raise error
    if not request.url.path.startswith("/api/"):
        return PlainTextResponse(error.detail, error.status_code, error.headers)
    told = errors.NotFound() if error.status_code == 404 else errors.BadRequest()
    return JSONResponse(as_json(told), error.status_code, error.headers)


def plain(value: Any) -> Any:
    """Return views, tuples of views or ready values as JSON values."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return to_plain(value) if hasattr(value, "__dataclass_fields__") else value


def routes(service: Service, identify: Identify) -> list[BaseRoute]:
    """Return the routes of the JSON interface, to be mounted at `/api`."""
    return [
        ActRoute("/openapi.json", _description, act=None, methods=["GET"]),
        *Streams(service, identify).routes(),
        *Looking(service, identify).routes(),
        *(_route(service, identify, operation) for operation in OPERATIONS),
    ]


async def _description(_request: Request) -> Response:
    """Say what the interface is; it holds nothing of a patient or of this box."""
    return JSONResponse(await run_in_threadpool(description))


def _route(service: Service, identify: Identify, operation: Operation) -> ActRoute:
    async def endpoint(request: Request) -> Response:
        raw = await request.body() if operation.changes else b""
        value = await run_in_threadpool(_answer, service, identify, operation, request, raw)
        if not operation.is_json:
            return Response(value, media_type=operation.media)
        if not isinstance(value, Answered):
            return JSONResponse(value)
        response = JSONResponse(plain(value.value))
        keep(response, value.issued)
        return response

    return ActRoute(operation.path, endpoint, act=operation.act, methods=[operation.method])


def _answer(service: Service, identify: Identify, operation: Operation, request: Request, raw: bytes) -> Any:
    actor = identify(request)
    permit(service, actor, operation.act)
    key = _key(request, actor, operation)
    call = Call(
        actor=actor,
        path=request.path_params,
        query=_query(request, operation),
        body=parsed(operation.body, raw) if operation.changes else None,
        credentials=credentials(request),
    )
    if operation.secret:
        value = operation.does(service, call)
        return value if isinstance(value, Answered) else plain(value)
    if not operation.is_json:
        return operation.does(service, call)
    return service.repeats.once(key, lambda: plain(operation.does(service, call)))


def _query(request: Request, operation: Operation) -> dict[str, str]:
    """Return what is asked after the `?`; raises `BadRequest` for a text that is too long."""
    told = {name: request.query_params.get(name, "") for name in operation.query}
    for name, text in told.items():
        if len(text) > MOST_QUERY:
            raise BadRequest(f"Not understood: {name}.")
    return told


def _key(request: Request, actor: Actor, operation: Operation) -> str:
    """Return what makes a request the same one again: its key, of this asker, for this operation; empty: nothing.

    Raises `BadRequest` for a key that is none: one that was cut short could be that of another request.
    """
    name = "Idempotency-Key"
    key = request.headers.get(name) if operation.changes else None
    if key is None:
        return ""
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise BadRequest(f"Not understood: {name}.")
    return "\x1f".join((actor.role.value, actor.name, operation.method, request.url.path, key))
