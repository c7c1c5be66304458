"""Files that every page uses: styles, icons, scripts, sounds. Each address carries its content's hash, so that a
browser may keep it for ever and yet never uses an old one.

Two things are made, not kept: `scale.css` (how many pixels a millimetre has on these screens, so that a button is
20 mm wide in the technician's hand) and the sounds.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from agent.web.route import ActRoute
from agent.web.sounds import SOUNDS, wav

_FOLDER = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
COMPACT_MM = 112
"""A screen of less height gets a lower banner, so that the live picture keeps two fifths of it."""
LEAST, MOST = 1.0, 40.0
NARROW_MM = 150
"""A window of less width puts its actions below, not beside."""


@cache
def address(name: str) -> str:
    """Return the address of one file of `static`, with the hash of its content."""
    content = (_FOLDER / name).read_bytes() if (_FOLDER / name).is_file() else name.encode()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def scale(pixels_per_mm: float) -> str:
    """Return the style sheet that tells how long a millimetre is; widths in media queries cannot be variables."""
    compact, narrow = round(COMPACT_MM * pixels_per_mm), round(NARROW_MM * pixels_per_mm)
    return (
        f":root {{ --mm: {pixels_per_mm:g}px; }}\n"
        f"@media (max-height: {compact}px) {{ :root {{ --banner: calc(17 * var(--mm)); --compact: 1; }} }}\n"
        f"@media (max-width: {narrow}px) {{ :root {{ --narrow: 1; }} }}\n"
    )


def _asked(text: str) -> float:
    """Return a scale of 1 to 40 pixels for a millimetre; 0 for anything else."""
    number = float(text) if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,4})?", text) else 0.0
    return number if LEAST <= number <= MOST else 0.0


class _Kept(StaticFiles):
    """Files whose address changes with their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _FOR_EVER
        return response


def routes(pixels_per_mm: float) -> list[BaseRoute]:
    """Return the routes below `/static`."""

    def scale_css(request: Request) -> Response:
        """A screen that was measured when it was enrolled has a millimetre of its own."""
        return Response(scale(_asked(request.query_params.get("mm", "")) or pixels_per_mm), media_type="text/css")

    def sound(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in SOUNDS:
            return Response(status_code=404)
        return Response(wav(name), media_type="audio/wav", headers={"Cache-Control": _FOR_EVER})

    return [
        ActRoute("/static/scale.css", scale_css, act=None, methods=["GET"]),
        ActRoute("/static/sounds/{name}.wav", sound, act=None, methods=["GET"]),
        Mount("/static", _Kept(directory=_FOLDER)),
    ]
