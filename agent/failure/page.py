"""The failure page as bytes: HTML for people, JSON for programs, always 503, never from a cache."""

from __future__ import annotations

import base64
import gettext
import hashlib
import html
import json
from pathlib import Path

from agent.failure.causes import Cause

_LOCALE = Path(__file__).parents[1] / "web" / "locale"
LANGUAGES = ("uk", "en")
AGAIN_S = 5
"""The page looks again after so long."""
STYLE = (
    "body{margin:0;font:1.25rem/1.5 system-ui,sans-serif;background:#10181f;color:#f2f5f7}"
    "main{max-width:42rem;margin:0 auto;padding:2rem}"
    "section{border-left:.5rem solid #ffb020;padding:0 0 0 1.25rem;margin:0 0 2.5rem}"
    "h1{font-size:1.75rem;line-height:1.25;margin:0 0 .75rem}p{margin:0 0 .75rem}"
    ".code{color:#a9b7c2;font-size:1rem}a{color:#8fd0ff}"
)
_POLICY = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def sentence(text: str, language: str) -> str:
    """Return a sentence in `language`; English where the catalogue is not there or does not have it."""
    return gettext.translation("agent", _LOCALE, languages=[language], fallback=True).gettext(text)


def answer(path: str, cause: Cause, code: str) -> bytes:
    """Return the whole answer to a request for `path`."""
    if path.startswith("/health"):
        return _response("application/json", json.dumps({"state": "failing", "parts": {}}))
    if path.startswith("/api/"):
        told = {"code": code or "B-20", "message": cause.what, "facts": {}}
        return _response("application/json", json.dumps(told))
    return _response("text/html; charset=utf-8", _html(cause, code))


def _html(cause: Cause, code: str) -> str:
    sections = "".join(_section(cause, code, language) for language in LANGUAGES)
    return (
        f'<!doctype html><html lang="uk"><head><meta charset="utf-8"><title>modality-agent</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{AGAIN_S}; url=/"><style>{STYLE}</style></head>'
        f'<body><main>{sections}<p class="code"><a href="/">↻</a></p></main></body></html>'
    )


def _section(cause: Cause, code: str, language: str) -> str:
    what, safe, act = (html.escape(sentence(text, language)) for text in (cause.what, cause.safe, cause.act))
    last = f'<p class="code">{html.escape(code)}</p>' if code else ""
    return f'<section lang="{language}"><h1>{what}</h1><p><b>{safe}</b></p><p>{act}</p>{last}</section>'


def _response(kind: str, body: str) -> bytes:
    content = body.encode()
    head = (
        "HTTP/1.1 503 Service Unavailable",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        f"Retry-After: {AGAIN_S}",
        "Cache-Control: no-store",
        "Connection: close",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: same-origin",
        f"Content-Security-Policy: default-src 'none'; style-src 'sha256-{_POLICY}'; frame-ancestors 'none'",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content
