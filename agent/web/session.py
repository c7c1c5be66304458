"""Cookies and tokens of a request, and the cookies of an answer (security.md H4).

`__Host-` keeps a cookie to this very host, over TLS, for every path; no script can read it, no other site can send it.
A header `Authorization: Bearer` is a program: its cookies, if it has any, count for nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent.accounts.credentials import Credentials, Issued

SESSION, SCREEN = "__Host-session", "__Host-screen"
_LONGEST_TOKEN = 128
_SCREEN_AGE_S = 3650 * 86400
_BY_ITSELF = "x-by-itself"
"""A page that asks on its own (a live update) says so; such requests keep no session awake."""


def credentials(request: Request) -> Credentials:
    """Return what `request` brings to prove who asks."""
    authorization = request.headers.get("authorization")
    return Credentials(
        session=request.cookies.get(SESSION, "")[:_LONGEST_TOKEN],
        screen=request.cookies.get(SCREEN, "")[:_LONGEST_TOKEN],
        bearer=None if authorization is None else _bearer(authorization),
        address=request.client.host if request.client else "",
        person=_BY_ITSELF not in request.headers and "text/event-stream" not in request.headers.get("accept", ""),
    )


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip()[:_LONGEST_TOKEN] if scheme.lower() == "bearer" else ""


def keep(response: Response, issued: Issued) -> None:
    """Give the browser its new cookies; the session's ends with the browser, the screen's with its revocation."""
    for name, token, age in ((SESSION, issued.session, None), (SCREEN, issued.screen, _SCREEN_AGE_S)):
        if token is None:
            continue
        response.set_cookie(
            name, token, max_age=age if token else 0, path="/", secure=True, httponly=True, samesite="strict"
        )
