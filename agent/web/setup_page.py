"""The set-up page of a box that belongs to nobody yet: its one-time code, the enrolment file, and what came of it.

An application of its own, without a service behind it: it knows no patient, no picture and no account. Whoever typed
the right code gets a ticket (a cookie, in memory alone); with it goes one file, which ends in the same function as the
one from a stick. Needs no script.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from agent.accounts import tries
from agent.accounts.secrets import Random, digest, new_token
from agent.enrolment import LARGEST
from agent.enrolment_errors import AlreadyEnrolled, EnrolmentError, SetupForgotten, TooManyCodes
from agent.errors import AgentError, BadRequest
from agent.setup_code import SetupCode
from agent.web import assets
from agent.web.account_pages import form_of
from agent.web.api import waiting
from agent.web.guard import MAX_BODY, Door, Guard
from agent.web.look import Look
from agent.web.pages.render import environment
from agent.web.redirect import origin
from agent.web.route import ActRoute
from agent.web.words import DEFAULT, LANGUAGES

TICKET = "__Host-setup"
TICKET_S = 1800.0
"""So long after the code the file may come."""
_FORM = 4096
"""What a form needs around the file."""
_LONGEST_TOKEN = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What the person is told who set the box up."""

    box: str
    ae_title: str
    certificate: str
    """SHA-256 of the box's certificate for DICOM; empty: it has none."""
    request: str
    """The request for a certificate (PEM) that the site has to sign; empty: there is nothing to sign."""
    listener_port: int
    """0: no archive calls this box."""
    page_port: int
    """Where the page is from now on; 0: inside the box alone."""
    page_fingerprint: str
    first_code: str
    """With it the first administrator comes in."""


class SetupPage:
    """The page over one code; `settle` makes the box one of the site's and is called for one file at a time."""

    def __init__(
        self,
        code: SetupCode,
        settle: Callable[[bytes], Finished],
        *,
        names: frozenset[str],
        fingerprint: str,
        random: Random,
        monotonic: Callable[[], float],
    ) -> None:
        self._code, self._settle, self._names, self._fingerprint = code, settle, names, fingerprint
        self._random, self._monotonic = random, monotonic
        self._ticket, self._until = "", 0.0

    def application(self) -> Starlette:
        """Return the application behind its guard."""
        door = Door(names=self._names, requests_per_s=20, most=self._most)
        return Starlette(
            routes=[
                ActRoute("/", self._first, act=None, methods=["GET"]),
                ActRoute("/code", self._typed, act=None, methods=["POST"]),
                ActRoute("/file", self._given, act=None, methods=["POST"]),
                *assets.routes(Look().pixels_per_mm),
            ],
            middleware=[Middleware(Guard, door=door)],
            exception_handlers={HTTPException: self._lost},
        )

    # --- who may ------------------------------------------------------------------------------------------

    def _most(self, scope: Scope) -> int:
        """Only who typed the code may send more than a short form."""
        return LARGEST + _FORM if self._holds(_ticket(Request(scope))) else MAX_BODY

    def _holds(self, ticket: str) -> bool:
        good = hmac.compare_digest(digest(ticket), self._ticket)
        return good and self._monotonic() < self._until

    # --- pages --------------------------------------------------------------------------------------------

    async def _first(self, request: Request) -> Response:
        language = _language(request.query_params.get("language", ""))
        return self._page("file" if self._holds(_ticket(request)) else "code", language)

    async def _typed(self, request: Request) -> Response:
        form = form_of(await request.body())
        language, address = _language(form.get("language", "")), request.client.host if request.client else ""
        try:
            await run_in_threadpool(self._code.assert_right, form.get("code", "")[:200], tries.network(address))
        except AgentError as e:
            return self._page("code", language, e)
        token = new_token(self._random)
        self._ticket, self._until = digest(token), self._monotonic() + TICKET_S
        response = RedirectResponse(f"/?language={language}", 303)
        response.set_cookie(TICKET, token, path="/", secure=True, httponly=True, samesite="strict")
        return response

    async def _given(self, request: Request) -> Response:
        held = self._holds(_ticket(request))
        form = await run_in_threadpool(fields, request.headers.get("content-type", ""), await request.body())
        language = _language(form.get("language", b"").decode("ascii", "replace"))
        if not held:
            return self._page("code", language, SetupForgotten())
        data = form.get("file") or form.get("text", b"").replace(b"\r\n", b"\n")
        try:
            if not data.strip():
                raise BadRequest("Choose the file, or paste what is in it.")
            finished = await run_in_threadpool(self._settle, data)
        except AgentError as e:
            return self._page("file", language, e)
        self._ticket = ""
        port = finished.page_port
        at = f"{origin(request.headers.get('host', ''), port)}/" if port else ""
        response = self._page("done", language, finished=finished, at=at)
        response.delete_cookie(TICKET, path="/", secure=True, httponly=True, samesite="strict")
        return response

    async def _lost(self, _request: Request, _error: Exception) -> Response:
        return RedirectResponse("/", 303)

    def _page(
        self,
        step: str,
        language: str,
        error: AgentError | None = None,
        *,
        finished: Finished | None = None,
        at: str = "",
    ) -> Response:
        template = environment(language).get_template("setup.html")
        told = template.render(
            step=step,
            error=error,
            problems=error.problems if isinstance(error, EnrolmentError) else (),
            finished=finished,
            at=at,
            languages=LANGUAGES,
            fingerprint=self._fingerprint,
        )
        return HTMLResponse(told, _status(error) if error else 200, headers=waiting(error) if error else None)


def _status(error: AgentError) -> int:
    kinds = {TooManyCodes: 429, AlreadyEnrolled: 409, EnrolmentError: 422, BadRequest: 422}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 403)


def _language(asked: str) -> str:
    return asked if asked in LANGUAGES else DEFAULT


def _ticket(request: Request) -> str:
    return request.cookies.get(TICKET, "")[:_LONGEST_TOKEN]


def fields(content_type: str, body: bytes) -> Mapping[str, bytes]:
    """Return the fields of a posted form (RFC 7578), files as their content; what cannot be read has none."""
    if not content_type.lower().startswith("multipart/form-data"):
        return {name: value.encode() for name, value in form_of(body).items()}
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    try:
        parts = [*BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts()]
        named = {
            str(part.get_param("name", "", "content-disposition")): part.get_payload(decode=True) for part in parts
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: content for name, content in named.items() if isinstance(content, bytes)}
