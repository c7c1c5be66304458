"""Puts the application together: JSON interface, pages, files, and the guard in front of them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from agent.actor import BOX, Actor, Role
from agent.errors import AgentError
from agent.service import Service
from agent.web import api, assets, pages
from agent.web.guard import Guard
from agent.web.look import Look
from agent.web.pages.render import Renderer

METRICS = "text/plain; version=0.0.4"


def application(service: Service, *, hosts: set[str], trusted: bool, look: Look) -> Starlette:
    """Return the application for one door; `trusted` is the unix socket that only the box's own user opens."""
    identify = _box if trusted else _page
    return Starlette(
        routes=[
            Mount("/api", routes=api.routes(service, identify)),
            Route("/metrics", lambda _request: PlainTextResponse(service.box.metrics(), media_type=METRICS)),
            *assets.routes(look.pixels_per_mm),
            *pages.routes(service, identify, Renderer(sounds=look.sounds)),
        ],
        middleware=[Middleware(Guard, hosts=hosts, trusted=trusted)],
        exception_handlers={AgentError: api.on_error},
    )


def _box(_request: Request) -> Actor:
    return BOX


def _page(_request: Request) -> Actor:
    """Until accounts exist the page listens on this machine only, and whoever asks is a technician."""
    return Actor(name="page", role=Role.TECHNICIAN)
