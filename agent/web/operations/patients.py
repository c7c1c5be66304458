"""Operations on the worklist."""

from __future__ import annotations

from agent.actor import Act
from agent.confirm_view import ConfirmView
from agent.view import WorklistView
from agent.web.operation import Operation

OPERATIONS = (
    Operation(
        method="GET",
        path="/worklist",
        act=Act.SEE_PATIENTS,
        answer=WorklistView,
        query=("search", "room", "day", "modality"),
        does=lambda s, c: s.patients.worklist(**c.query),
    ),
    Operation(
        method="POST",
        path="/worklist/refresh",
        act=Act.SEE_PATIENTS,
        answer=WorklistView,
        does=lambda s, _c: s.patients.refresh(),
    ),
    Operation(
        method="GET",
        path="/sources/{name}/confirm/{key}",
        act=Act.START_EXAM,
        answer=ConfirmView,
        does=lambda s, c: s.patients.confirm(c.path["name"], c.path["key"], c.actor),
    ),
)
