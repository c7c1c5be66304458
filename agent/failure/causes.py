"""Why the service does not answer, as data: the code that it left, what that means, whether the pictures are safe, what
to do. English here; the Ukrainian sentences come from the catalogue of all the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason in words."""

    what: str
    safe: str
    act: str


_SAFE = "What was captured before is safe on this box."
_IT = "Call IT and name the code."
STARTING = Cause(
    what="The box is starting.", safe=_SAFE, act="Wait: this page looks again by itself. It takes less than a minute."
)
LONG = Cause(
    what="The box has not come up for minutes.",
    safe=_SAFE,
    act="Do not switch it off and on again and again. Call IT: the service's messages say why.",
)
ENDED = Cause(
    what="The service ended unexpectedly and is being started again.",
    safe=_SAFE,
    act="Wait: this page looks again by itself. If it stays, call IT and name the code.",
)
NOT_SET_UP = Cause(
    what="The box is not set up yet.", safe="Nothing was captured here.", act="Call IT: it has no configuration."
)
_CARD = Cause(
    what="The box cannot write on its card.",
    safe="What was shown as captured is on the card. Nothing more can be captured.",
    act="Leave it switched on and call IT: the pictures are taken off the card before anything else is tried.",
)
_CONFIGURATION = Cause(
    what="The configuration has mistakes, so the service does not start.",
    safe=_SAFE,
    act="Call IT: `modality-agent check` names every mistake. A configuration that worked before comes back by itself.",
)
_DATABASE = Cause(
    what="The database is damaged. It is being built anew from the pictures themselves.",
    safe="Every picture that can be read is kept and held: nothing is sent before a person has looked.",
    act="Wait: this page looks again by itself. Tell IT, whatever happens next.",
)
CAUSES = {
    "C-01": _CONFIGURATION,
    "C-03": _CONFIGURATION,
    "D-01": Cause(
        what="The card is full, so the service does not start.",
        safe="What was captured before is safe on this box. Unsent pictures are never deleted.",
        act="Call IT today: somebody has to make room.",
    ),
    "D-02": Cause(
        what="The service runs twice on the same data.", safe=_SAFE, act="Call IT: one of the two has to be stopped."
    ),
    "D-03": Cause(
        what="The data were written by a newer version of the software.",
        safe="Nothing was touched.",
        act="Call IT: the newer version has to be installed again.",
    ),
    "D-05": _DATABASE,
    "D-10": _CARD,
    "D-13": Cause(
        what="The box was being erased, and its pictures are still being salvaged.",
        safe="Nothing is removed before the salvage has ended.",
        act="Call IT: the salvage has to be brought to its end.",
    ),
    "D-15": Cause(
        what="The box was being erased, and not everything could be removed.",
        safe="What was to be erased is gone or will be.",
        act="Call IT: the card has to be destroyed, or the erase repeated as root.",
    ),
}
SOON_S = 180.0
"""So long a start may take before it is called a failure."""


def cause(code: str, *, waiting_s: float, set_up: bool) -> Cause:
    """Return why nobody answers, from the code that the service left (empty: none) and since when it is silent."""
    if not set_up:
        return NOT_SET_UP
    if code in CAUSES:
        return CAUSES[code]
    if waiting_s > SOON_S:
        return LONG
    return ENDED if code else STARTING
