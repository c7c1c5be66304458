"""Pictures of what is stored: JPEG by JPEG, and clips at their own speed.

Nothing is cached outside the box: every answer carries `Cache-Control: no-store` (set by the guard, security.md H5),
because a browser's disk is no place for patients. The box keeps the last sizes in memory, so that a second look is as
quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from agent.actor import Act, Actor, assert_may
from agent.errors import BadRequest
from agent.pictures import Clip
from agent.review_errors import PicturesBusy
from agent.service import Service
from agent.web.route import ActRoute
from agent.web.streams import Stream

JPEG = "image/jpeg"
_HEAD = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
MOST_PLAYING = 3
LEAST_MS = 33.0
"""No more than thirty frames a second are sent; of a faster clip every second, third … one."""
_DEFAULT_WIDTH, _WIDEST = 320, 4096
_MOST_FRAMES = 1_000_000
_Identify = Callable[[Request], Actor]
LOOKS = (
    Stream(path="/frames/{frame_id}/picture", act=Act.SEE_OPEN_EXAM, media=JPEG, query=("width", "frame")),
    Stream(path="/frames/{frame_id}/play", act=Act.SEE_OPEN_EXAM, media="multipart/x-mixed-replace"),
    Stream(path="/tray/{item_id}/picture", act=Act.SEE_PATIENTS, media=JPEG, query=("width",)),
)
"""What somebody needs at least; pictures of an exam that is no longer open ask for more: `Review.act_to_see`."""
ACTS = {look.path: look.act for look in LOOKS}


class Looking:
    """The routes of one door; `ACTS` says what somebody needs at least."""

    def __init__(self, service: Service, identify: _Identify) -> None:
        self._service, self._identify = service, identify
        self._playing = asyncio.Semaphore(MOST_PLAYING)

    def routes(self) -> list[BaseRoute]:
        """Return the three routes, to be mounted at `/api`."""
        served = dict(zip(ACTS, (self._picture, self._play, self._item), strict=True))
        return [ActRoute(look.path, served[look.path], act=look.act, methods=["GET"]) for look in LOOKS]

    async def _picture(self, request: Request) -> Response:
        return Response(await run_in_threadpool(self._made, request), media_type=JPEG)

    def _made(self, request: Request) -> bytes:
        frame_id = self._allowed(request)
        width, number = _number(request, "width", _DEFAULT_WIDTH, _WIDEST), _number(request, "frame", 1, _MOST_FRAMES)
        return self._service.review.picture(frame_id, width, number)

    def _allowed(self, request: Request) -> str:
        """Return which picture is meant, once its asker may see it."""
        actor, frame_id = self._identify(request), str(request.path_params["frame_id"])
        assert_may(actor, ACTS["/frames/{frame_id}/picture"])
        assert_may(actor, self._service.review.act_to_see(frame_id))
        return frame_id

    async def _item(self, request: Request) -> Response:
        return Response(await run_in_threadpool(self._made_item, request), media_type=JPEG)

    def _made_item(self, request: Request) -> bytes:
        assert_may(self._identify(request), ACTS["/tray/{item_id}/picture"])
        width = _number(request, "width", _DEFAULT_WIDTH, _WIDEST)
        return self._service.tray.picture(str(request.path_params["item_id"]), width)

    async def _play(self, request: Request) -> Response:
        frame_id = await run_in_threadpool(self._allowed, request)
        opened = self._service.review.clip_frames(frame_id)
        if self._playing.locked():
            raise PicturesBusy
        clip = await run_in_threadpool(opened.__enter__)
        media = "multipart/x-mixed-replace; boundary=frame"
        return StreamingResponse(self._frames(clip, opened.__exit__), media_type=media)

    async def _frames(self, clip: Clip, close: Callable[..., object]) -> AsyncIterator[bytes]:
        """Yield each frame at its time, once; a slow reader misses frames and never the time."""
        loop, never = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with self._playing:
                began, last = loop.time(), -LEAST_MS
                for number, start_ms in enumerate(clip.starts_ms):
                    final = number + 1 == len(clip.starts_ms)
                    late_ms = (loop.time() - began) * 1000 - (clip.ends_ms if final else clip.starts_ms[number + 1])
                    if not final and (start_ms - last < LEAST_MS or late_ms > 0):
                        continue
                    with suppress(TimeoutError):
                        await asyncio.wait_for(never.wait(), max(0.0, began + start_ms / 1000 - loop.time()))
                    last, jpeg = start_ms, await run_in_threadpool(clip.jpeg, number)
                    yield _HEAD % len(jpeg) + jpeg + b"\r\n"
                yield b"--frame--\r\n"
        finally:
            close(None, None, None)


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise BadRequest(f"Not understood: {name}.")
    return int(text[:9])
