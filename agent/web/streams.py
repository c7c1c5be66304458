"""What goes on for as long as somebody looks: changes as server-sent events, the live picture as JPEG after JPEG."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from agent.actor import Act, Actor, assert_may
from agent.service import Service
from agent.web.route import ActRoute

MAX_STREAMS, MAX_PREVIEWS = 8, 4
HEARTBEAT_S = 5.0
_TOO_MANY = {
    "code": "S-09",
    "message": "Too many screens are open.",
    "hint": "Close a screen that nobody looks at.",
    "blame": "person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One endless answer, for the description of the interface."""

    path: str
    act: Act
    media: str
    says: str


STREAMS = (
    Stream(
        path="/events",
        act=Act.SEE_BOX,
        media="text/event-stream",
        says="Server-sent events: `change` with a growing number whenever something changed; ask again for what.",
    ),
    Stream(
        path="/sources/{name}/preview",
        act=Act.SEE_OPEN_EXAM,
        media="multipart/x-mixed-replace",
        says="The live picture of a source as JPEG after JPEG, for as long as somebody looks.",
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

    async def _events(self, request: Request) -> Response:
        assert_may(await run_in_threadpool(self._identify, request), ACTS["/events"])
        if self._streams.locked():
            return JSONResponse(_TOO_MANY, 429)
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[bytes]:
        async with self._streams:
            seen = 0
            while not await request.is_disconnected():
                number = await run_in_threadpool(self._service.changes.wait, seen, HEARTBEAT_S)
                yield b": still here\n\n" if number == seen else f"event: change\ndata: {number}\n\n".encode()
                seen = number

    async def _preview(self, request: Request) -> Response:
        assert_may(await run_in_threadpool(self._identify, request), ACTS["/sources/{name}/preview"])
        if self._previews.locked():
            return JSONResponse(_TOO_MANY, 429)
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
                seen = -1
                while not await request.is_disconnected():
                    number, jpeg = await run_in_threadpool(
                        self._service.captures.next_preview, name, seen, HEARTBEAT_S
                    )
                    if jpeg and number != seen:
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        yield head.encode() + jpeg + b"\r\n"
                    seen = number
            finally:
                watching.__exit__(None, None, None)
