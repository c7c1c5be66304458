"""Puts the application together: JSON interface, pages, files, and the guard in front of them."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount

from agent.actor import BOX, Act, Actor, assert_may
from agent.errors import AgentError
from agent.health import Word
from agent.service import Service
from agent.web import account_pages, api, assets, pages
from agent.web.guard import Door, Guard
from agent.web.look import Look
from agent.web.pages.render import Renderer
from agent.web.route import COUNT, ActRoute
from agent.web.session import credentials

METRICS = "text/plain; version=0.0.4"


def application(
    service: Service, door: Door, look: Look, *, identify: api.Identify | None = None
) -> Starlette:
    """Return the application for one door; a trusted one is the unix socket that only the box's own user opens."""
    identify = identify or (_box if door.trusted else partial(_asker, service))
    renderer = Renderer(sounds=look.sounds)
    made = Starlette(
        routes=[
            Mount("/api", routes=api.routes(service, identify)),
            ActRoute("/metrics", partial(_metrics, service, identify), act=Act.SEE_BOX, methods=["GET"]),
            ActRoute("/health", partial(_health, service), act=None, methods=["GET"]),
            *assets.routes(look.pixels_per_mm),
            *account_pages.routes(service, identify, partial(renderer.page, service)),
            *pages.routes(service, identify, renderer),
        ],
        middleware=[Middleware(Guard, door=door)],
        exception_handlers={
            AgentError: api.on_error,
            HTTPException: pages.lost(service, identify, renderer),
            Exception: api.on_crash,
        },
    )
    setattr(made.state, COUNT, service.box.tally.add)
    return made


def _box(_request: Request) -> Actor:
    return BOX


def _asker(service: Service, request: Request) -> Actor:
    return service.accounts.who(credentials(request))


def _metrics(service: Service, identify: api.Identify, request: Request) -> PlainTextResponse:
    assert_may(identify(request), Act.SEE_BOX)
    return PlainTextResponse(service.box.metrics(), media_type=METRICS)


def _health(service: Service, _request: Request) -> JSONResponse:
    """Answer a load balancer or a monitor that has no login: words and numbers alone; 503 while something fails."""
    told = service.health.bare()
    return JSONResponse(told, 503 if told["state"] == Word.FAILING else 200)
