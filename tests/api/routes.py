"""The list of routes of the application, as it is served: what every table of these tests is made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from agent.actor import BOX, Act
from agent.web.app import application
from agent.web.guard import Door
from agent.web.look import Look

UNKNOWN = {"number": "999999", "": "nothing-of-that-name"}


@dataclass(frozen=True)
class Row:
    """One route and method. `act` is None where anybody may; `marked` says that somebody thought of it."""

    method: str
    template: str
    act: Act | None
    marked: bool

    @property
    def path(self) -> str:
        """A path of this route that names nothing that exists."""
        return re.sub(r"{(\w+)(?::(\w+))?}", lambda m: UNKNOWN.get(m[2] or "", UNKNOWN[""]), self.template)

    @property
    def is_api(self) -> bool:
        return self.template.startswith("/api/")

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


class _Nobody:
    """Stands where the service would: the list of routes needs none."""

    def __getattr__(self, name: str) -> Any:
        return _Nobody()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return _Nobody()


def rows() -> list[Row]:
    """Every route with every method that changes or shows something."""
    app = application(_Nobody(), Door(), Look(), identify=lambda _request: BOX)  # type: ignore[arg-type]
    return sorted(_rows(app.routes, ""), key=str)


def _rows(routes: Any, prefix: str) -> Iterator[Row]:
    for route in routes:
        if isinstance(route, Mount) and not isinstance(route.app, StaticFiles):
            yield from _rows(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                marked = hasattr(route, "act")
                yield Row(method, prefix + route.path, getattr(route, "act", None), marked)


ROWS = rows()
EVENTS = "/api/events"
EXTRA = ("/static/page.css",)
"""Paths that are no routes of ours and must be guarded all the same."""
EMPTY: dict[str, Any] = {}
