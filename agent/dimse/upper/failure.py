"""The two ways in which a peer can fail us: it breaks the protocol, or the try ends early.

`ProtocolError` is all that a decoder may raise. `PeerFailure` is all that leaves `transport` and
`association`; its `code` is a row of `agent.statuses`.
"""

from __future__ import annotations

from agent.outcome import Outcome, Phase
from agent.statuses import abort_outcome, failure_outcome, reject_outcome

from .reasons import AbortReason


class ProtocolError(Exception):
    """The peer sent what PS3.8 does not allow; `reason` is what our A-ABORT will say (table 9-26)."""

    def __init__(self, what: str, reason: AbortReason = AbortReason.INVALID_PARAMETER_VALUE) -> None:
        super().__init__(what)
        self.reason = reason


class PeerFailure(Exception):
    """The try ended in `phase` for the reason `code`; `detail` is technical and free of patient data."""

    def __init__(self, phase: Phase, code: str, detail: str = "") -> None:
        super().__init__(f"{phase}: {code}" + (f" ({detail})" if detail else ""))
        self.phase, self.code, self.detail = phase, code, detail

    def outcome(self, phase: Phase | None = None, *, ambiguous: bool = False) -> Outcome:
        """Return the outcome of this try, seen from `phase` where the caller knows better."""
        return failure_outcome(self.code, phase or self.phase, ambiguous=ambiguous, detail=self.detail)


class Rejected(PeerFailure):
    """The peer answered with A-ASSOCIATE-RJ."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(Phase.ASSOCIATION, f"{result}-{source}-{reason}")
        self.triple = (result, source, reason)

    def outcome(self, phase: Phase | None = None, *, ambiguous: bool = False) -> Outcome:  # noqa: ARG002
        return reject_outcome(*self.triple)


class Aborted(PeerFailure):
    """The peer sent A-ABORT."""

    def __init__(self, phase: Phase, source: int, reason: int) -> None:
        super().__init__(phase, f"abort {source}-{reason}")
        self.source, self.reason = source, reason

    def outcome(self, phase: Phase | None = None, *, ambiguous: bool = False) -> Outcome:
        return abort_outcome(self.source, self.reason, phase or self.phase, ambiguous=ambiguous)
