"""The plain port: it answers 308 to the page and nothing else, and only to who names this box (H8)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.web.guard import MAX_URL, answers_to

_HTTPS = 443


def redirect(names: frozenset[str], port: int) -> ASGIApp:
    """Return the application of the plain port; `port` is where the page is."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(scope, names, port)(scope, receive, send)

    return app


def _answer(scope: Scope, names: frozenset[str], port: int) -> PlainTextResponse | RedirectResponse:
    host = Headers(scope=scope).get("host", "")
    path = (scope.get("raw_path") or b"/").decode("ascii", "replace")
    if not answers_to(host, names, (scope.get("server") or ("",))[0]) or len(path) > MAX_URL:
        return PlainTextResponse("This is not the address of the box.", 400)
    query = (scope.get("query_string") or b"").decode("ascii", "replace")
    return RedirectResponse(f"{origin(host, port)}{path}{'?' + query if query else ''}", 308)


def origin(host: str, port: int) -> str:
    """Return where the page is at `port`, under the name by which a Host header called this box."""
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return f"https://{name}" if port == _HTTPS else f"https://{name}:{port}"
