"""What concerns the screen itself."""

from __future__ import annotations

import re

from agent.actor import Act
from agent.web.pages.page import Page, Visit, post
from agent.web.pages.render import LANGUAGE

_OWN = re.compile(r"/(?!/)[\w/~-]*")


def _language(visit: Visit) -> str:
    """Go back to where one came from, in the chosen language (`Renderer.after` keeps it)."""
    back = visit.form.get("back", "/")
    return back if _OWN.fullmatch(back) else "/"


PAGES: tuple[Page, ...] = (post(LANGUAGE, Act.SEE_BOX, _language),)
