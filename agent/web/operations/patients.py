"""Operations on the worklist."""

from __future__ import annotations

from agent.actor import Act
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
)
