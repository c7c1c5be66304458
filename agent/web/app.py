"""Puts the application together: JSON interface, pages, files, and the guard in front of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from agent.actor import BOX, Actor, Role
from agent.errors import AgentError
from agent.service import Service
from agent.web import api, pages
from agent.web.guard import Guard
from agent.web.route import ActRoute

METRICS = "text/plain; version=0.0.4"
STATIC = Path(__file__).parent / "static"


def application(
    service: Service, *, hosts: set[str], trusted: bool, identify: api.Identify | None = None
) -> Starlette:
    """Return the application for one door; `trusted` is the unix socket that only the box's own user opens.

    `identify` stands in for the door's own way to tell who asks (tests of roles; nothing of a request decides it).
    """
    identify = identify or (_box if trusted else _page)
    return Starlette(
        routes=[
            Mount("/api", routes=api.routes(service, identify)),
            ActRoute("/metrics", _metrics(service), act=None, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
            *pages.routes(service, identify),
        ],
        middleware=[Middleware(Guard, hosts=hosts, trusted=trusted)],
        exception_handlers={AgentError: api.on_error, HTTPException: api.on_no_route},
    )


def _metrics(service: Service) -> Callable[[Request], PlainTextResponse]:
    return lambda _request: PlainTextResponse(service.box.metrics(), media_type=METRICS)


def _box(_request: Request) -> Actor:
    return BOX


def _page(_request: Request) -> Actor:
    """Until accounts exist the page listens on this machine only, and whoever asks is a technician."""
    return Actor(name="page", role=Role.TECHNICIAN)
