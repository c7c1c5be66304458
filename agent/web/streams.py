"""What goes on for as long as somebody looks: changes as server-sent events, the live picture as JPEG after JPEG."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from agent.actor import Act, Actor, assert_may, may
from agent.errors import AgentError, TooManyScreens
from agent.service import Service
from agent.web.route import ActRoute

MAX_STREAMS, MAX_PREVIEWS = 8, 4
HEARTBEAT_S = 5.0
LOOK_S = 0.8
"""So often is looked whether who looks still may: a revoked session sees nothing a second later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One endless answer, for the description of the interface."""

    path: str
    act: Act
    media: str
    query: tuple[str, ...] = ()


STREAMS = (
    Stream(
        path="/events",
        act=Act.SEE_BOX,
        media="text/event-stream",
    ),
    Stream(
        path="/sources/{name}/preview",
        act=Act.SEE_OPEN_EXAM,
        media="multipart/x-mixed-replace",
    ),
)
ACTS = {stream.path: stream.act for stream in STREAMS}


class Streams:
    """The endless answers of one door."""

    def __init__(self, service: Service, identify: Callable[[Request], Actor]) -> None:
        self._service, self._identify = service, identify
        self._streams = asyncio.Semaphore(MAX_STREAMS)
        self._previews = asyncio.Semaphore(MAX_PREVIEWS)

    def routes(self) -> list[BaseRoute]:
        """Return a route for each of `STREAMS`."""
        served = {"/events": self._events, "/sources/{name}/preview": self._preview}
        return [ActRoute(s.path, served[s.path], act=s.act, methods=["GET"]) for s in STREAMS]

    async def _still_may(self, request: Request, path: str) -> bool:
        try:
            return may(await run_in_threadpool(self._identify, request), ACTS[path])
        except AgentError:
            return False

    async def _events(self, request: Request) -> Response:
        assert_may(await run_in_threadpool(self._identify, request), ACTS["/events"])
        if self._streams.locked():
            raise TooManyScreens
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[bytes]:
        async with self._streams:
            seen, quiet = 0, 0.0
            while not await request.is_disconnected() and await self._still_may(request, "/events"):
                number = await run_in_threadpool(self._service.changes.wait, seen, LOOK_S)
                quiet = quiet + LOOK_S if number == seen else 0.0
                if number != seen:
                    yield f"event: change\ndata: {number}\n\n".encode()
                elif quiet >= HEARTBEAT_S:
                    quiet = 0.0
                    yield b": still here\n\n"
                seen = number

    async def _preview(self, request: Request) -> Response:
        assert_may(await run_in_threadpool(self._identify, request), ACTS["/sources/{name}/preview"])
        if self._previews.locked():
            raise TooManyScreens
        name = request.path_params["name"]
        watching = self._service.captures.watched(name)
        media = "multipart/x-mixed-replace; boundary=frame"
        return StreamingResponse(self._frames(request, name, watching), media_type=media)

    async def _frames(
        self, request: Request, name: str, watching: AbstractContextManager[None]
    ) -> AsyncIterator[bytes]:
        async with self._previews:
            await run_in_threadpool(watching.__enter__)
            try:
                seen, looked = -1, monotonic()
                while not await request.is_disconnected():
                    if monotonic() - looked >= LOOK_S:
                        if not await self._still_may(request, "/sources/{name}/preview"):
                            return
                        looked = monotonic()
                    number, jpeg = await run_in_threadpool(self._service.captures.next_preview, name, seen, LOOK_S)
                    if jpeg and number != seen:
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        yield head.encode() + jpeg + b"\r\n"
                    seen = number
            finally:
                watching.__exit__(None, None, None)
