"""Operations about the box as a whole and its connections."""

from __future__ import annotations

from agent.actor import Act
from agent.view import DestinationView, EchoView, ProcessView, SourceView, StatusView
from agent.web.operation import Operation

OPERATIONS = (
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
