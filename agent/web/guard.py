"""What every request must pass before a route sees it (security.md H5–H7, H21): host, rate, size, origin, headers."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 * 1024
MAX_HEADERS = 8 * 1024
MAX_URL = 2048
BODY_S, WRITE_S = 10.0, 30.0
"""A body that takes longer to arrive, and a client that takes longer to read, are given up."""
_BURST_S = 5.0
_MOST_ADDRESSES = 1024
SAFE = {"GET", "HEAD", "OPTIONS"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would make a browser say `Origin: null` for the box's own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=(), bluetooth=(),"
    " payment=(), display-capture=()",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How one door is guarded. `names`: host names that it answers to besides its own addresses."""

    names: frozenset[str] = frozenset({"localhost"})
    trusted: bool = False
    """The unix socket that only the box's own user opens: no host, no origin, no rate."""
    requests_per_s: int = 100
    most: Callable[[Scope], int] = lambda _scope: MAX_BODY
    """How many bytes the body of a request may have."""
    alarm: Callable[[str, str], None] | None = None
    """Told address and what, when a request under a foreign name or from another site was refused; may block."""


class Guard:
    """Refuses foreign hosts (400), foreign origins (403), large bodies (413), slow ones (408), large headers (431),
    long addresses (414) and floods (429); adds the headers of every answer."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app, self._door = app, door
        self._rate = Rate(door.requests_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        send = _with_headers(_bounded(send))
        most = self._door.most(scope)
        refusal = _too_large(scope, most) or (None if self._door.trusted else self._refusal(scope))
        if refusal is None:
            body, refusal = await _body(scope, receive, most)
        if refusal is not None:
            await self._tell(scope, refusal.status_code)
            await refusal(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    async def _tell(self, scope: Scope, status: int) -> None:
        what = {400: "foreign host name", 403: "foreign origin"}.get(status)
        if what is not None and self._door.alarm is not None:
            await run_in_threadpool(self._door.alarm, (scope.get("client") or ("",))[0], what)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not answers_to(host, self._door.names, (scope.get("server") or ("",))[0]):
            return PlainTextResponse("This is not the address of the box.", 400)
        if not self._rate.allows((scope.get("client") or ("",))[0]):
            return PlainTextResponse("Too many requests.", 429, headers={"Retry-After": "1"})
        # A program proves itself by a header that no page of another site can add; then no cookie is looked at.
        if scope["method"] in SAFE or "authorization" in headers:
            return None
        return None if _same_origin(headers, host) else PlainTextResponse("Not asked by the box's own page.", 403)


def _same_origin(headers: Headers, host: str) -> bool:
    """Return whether the browser says that the box's own page asks; a client that says nothing is refused."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin == f"https://{host}" if origin is not None else site == "same-origin"


def answers_to(host: str, names: frozenset[str], own: str) -> bool:
    """Return whether a Host header names this box: one of `names`, or the very address that the request came to."""
    name, _, port = (host[1:].partition("]") if host.startswith("[") else host.partition(":"))
    if host.startswith("["):
        port = port.removeprefix(":")
    if port and not port.isdigit():
        return False
    return name.lower().rstrip(".") in names or _same_address(name, own)


def _same_address(name: str, own: str) -> bool:
    try:
        told, bound = ipaddress.ip_address(name), ipaddress.ip_address(own.partition("%")[0])
    except ValueError:
        return False
    mapped = bound.ipv4_mapped if isinstance(bound, ipaddress.IPv6Address) else None
    return told in (bound, mapped)


class Rate:
    """A bucket of requests for each address; the longest unused ones are forgotten."""

    def __init__(self, per_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_s, self._clock = per_s, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Take one request from the bucket of `address`; False: it is empty."""
        now = self._clock()
        left, at = self._left.pop(address, (self._per_s * _BURST_S, now))
        left = min(self._per_s * _BURST_S, left + (now - at) * self._per_s)
        self._left[address] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MOST_ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1


def _too_large(scope: Scope, most: int) -> PlainTextResponse | None:
    if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > MAX_URL:
        return PlainTextResponse("The address is too long.", 414)
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        return PlainTextResponse("The headers are too large.", 431)
    length = Headers(scope=scope).get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > most:
        return PlainTextResponse("The request is too large.", 413)
    return None


async def _body(scope: Scope, receive: Receive, most: int) -> tuple[bytes, PlainTextResponse | None]:
    """Return the whole body, or why it is not taken; it is small, so the routes never wait for a slow client."""
    headers = Headers(scope=scope)
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return b"", None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if message["type"] == "http.disconnect" or len(body) > most:
                    return b"", PlainTextResponse("The request is too large.", 413, headers={"Connection": "close"})
                if not message.get("more_body"):
                    return bytes(body), None
    except TimeoutError:
        return b"", PlainTextResponse("The request took too long.", 408, headers={"Connection": "close"})


def _again(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read already, then whatever comes (a client that goes away)."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _bounded(send: Send) -> Send:
    """Give up on a client that does not read."""

    async def sending(message: Message) -> None:
        async with asyncio.timeout(WRITE_S):
            await send(message)

    return sending


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
