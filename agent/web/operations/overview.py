"""Operations about the box as a whole and its connections."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.actor import Act
from agent.view import DestinationView, EchoView, HealthView, ProcessView, SourceView, StatusView
from agent.web.operation import Operation, body_type


@body_type
class Shown:
    """What a person saw of the clock."""

    shown: Annotated[str, Field(max_length=64)] = ""
    """ISO 8601; more than two minutes off is refused."""


OPERATIONS = (
    Operation(
        method="POST",
        path="/clock/confirm",
        act=Act.SET_CLOCK,
        answer=StatusView,
        body=Shown,
        does=lambda s, c: s.box.confirm_clock(c.actor, c.body.shown),
    ),
    Operation(
        method="GET",
        path="/health",
        act=Act.SEE_BOX,
        answer=HealthView,
        does=lambda s, _c: s.health.view(),
        says="Tell how every part of the box is, against the two thresholds of each.",
    ),
    Operation(
        method="GET", path="/status", act=Act.SEE_BOX, answer=StatusView, does=lambda s, _c: s.box.status()
    ),
    Operation(
        method="GET",
        path="/sources",
        act=Act.SEE_BOX,
        answer=tuple[SourceView, ...],
        does=lambda s, _c: s.box.sources(),
    ),
    Operation(
        method="GET",
        path="/destinations",
        act=Act.SEE_BOX,
        answer=tuple[DestinationView, ...],
        does=lambda s, _c: s.box.destinations(),
    ),
    Operation(
        method="GET", path="/process", act=Act.TEST, answer=ProcessView, does=lambda s, _c: s.box.process()
    ),
    Operation(
        method="POST",
        path="/destinations/{name}/echo",
        act=Act.TEST,
        answer=EchoView,
        does=lambda s, c: s.connections.echo(c.path["name"]),
    ),
)
