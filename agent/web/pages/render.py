"""From values to HTML: one environment of templates, the frame that every screen shares, words in one language."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.actor import Act, Actor, Role
from agent.service import Service
from agent.view import ExamView, SourceView, StatusView
from agent.web.assets import address
from agent.web.pages.page import Shown, Visit
from agent.web.words import DEFAULT, LANGUAGES, words

_TEMPLATES = Path(__file__).parents[1] / "templates"


def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made = words(language).into(made)
    made.globals.update(static=address, Act=Act, once=lambda: uuid.uuid4().hex)
    return made


_ENVIRONMENTS = {language: _environment(language) for language in LANGUAGES}


def environment(language: str) -> Environment:
    """Return the templates in one language; an unknown one gets the default."""
    return _ENVIRONMENTS.get(language, _ENVIRONMENTS[DEFAULT])


class Renderer:
    """Renders what a page answers, for whoever looks. `sounds`: whether this box may be heard."""

    def __init__(self, *, sounds: bool = True) -> None:
        self._sounds = sounds

    def spoken(self, visit: Visit) -> Visit:
        """Return the visit with the language of its session or screen; the box's own where nobody chose."""
        return replace(visit, language=visit.actor.language or visit.service.box.language)

    def html(self, visit: Visit, shown: Shown) -> str:
        """Return the whole page."""
        visit = self.spoken(visit)
        status = _seen(visit, visit.service.box.status())
        values = {**_frame(visit, status, shown.values), "sounds": self._sounds, "languages": LANGUAGES}
        return environment(visit.language).get_template(shown.template).render(**values)

    def page(self, service: Service, template: str, actor: Actor, **values: Any) -> str:
        """Return a page that is no row of the table: those with which somebody comes in."""
        return self.html(Visit(service=service, actor=actor), Shown(template=template, values=values))


def _seen(visit: Visit, status: StatusView) -> StatusView:
    """Return of the box's state what `visit` may know: whoever is nobody here sees nothing of it."""
    if visit.may(Act.SEE_BOX):
        return status
    return replace(status, sources=(), destinations=(), alarms=(), unsent=0, worklist_trouble="", worklist_age_s=None)


def _frame(visit: Visit, status: StatusView, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what banner and strip need, `values` of the page itself on top."""
    source = source_of(visit, status)
    own = values.get("exam")
    seen = visit.may(Act.SEE_OPEN_EXAM)
    opened = visit.service.exams.open_on(source.name) if seen and source and source.exam_id else None
    frame = {
        "visit": visit,
        "actor": visit.actor,
        "locked": visit.actor.role is Role.SCREEN,
        "language": visit.language,
        "status": status,
        "source": source,
        "unsent": status.unsent + (visit.service.exams.unreleased() if seen else 0),
        "token": source.token if source else "",
        "opened": opened,
        "banner": own if isinstance(own, ExamView) else opened,
        "others": tuple(s for s in status.sources if s.exam_id and s != source) if seen else (),
        "tray": len(visit.service.tray.items()) if visit.may(Act.SEE_PATIENTS) else 0,
        "refusal": visit.service.captures.refusal(source.name) if source else None,
        "pixels_per_mm": visit.actor.pixels_per_mm,
        "thumbnails": True,
        "error": None,
    }
    return {**frame, **values}


def source_of(visit: Visit, status: StatusView) -> SourceView | None:
    """Return the source that this screen works with: the only one, or the one that has an exam open."""
    live = [source for source in status.sources if source.delivers != "items"] or list(status.sources)
    asked = visit.query.get("source", "") or visit.form.get("source", "") or visit.actor.source
    for source in live:
        if source.name == asked:
            return source
    busy = [source for source in live if source.exam_id]
    return next(iter(busy or live), None)
