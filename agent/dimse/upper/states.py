"""The protocol machine of the upper layer, PS3.8 table 9-10: (state, event) → (action, next state).

States are table 9-1 to 9-5, events the rows of table 9-10, actions tables 9-6 to 9-9. AE-6 and AR-8 have two
possible next states; the table names the usual one and `ALTERNATIVES` the other. A pair that is not in the
table cannot happen: asking for it is a mistake in our own code and raises `KeyError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class State(Enum):
    """Where one association is (PS3.8 9.2.1)."""

    IDLE = 1
    AWAITING_ASSOCIATE_RQ = 2
    AWAITING_LOCAL_ASSOCIATE = 3
    AWAITING_TRANSPORT = 4
    AWAITING_ASSOCIATE_ANSWER = 5
    ESTABLISHED = 6
    AWAITING_RELEASE_RP = 7
    AWAITING_LOCAL_RELEASE = 8
    COLLISION_REQUESTOR_LOCAL = 9
    COLLISION_ACCEPTOR_RP = 10
    COLLISION_REQUESTOR_RP = 11
    COLLISION_ACCEPTOR_LOCAL = 12
    AWAITING_CLOSE = 13


class Event(Enum):
    """What can happen to it (PS3.8 table 9-10, first column)."""

    ASSOCIATE_REQUEST = 1
    TRANSPORT_CONFIRM = 2
    ASSOCIATE_AC = 3
    ASSOCIATE_RJ = 4
    TRANSPORT_INDICATION = 5
    ASSOCIATE_RQ = 6
    ACCEPT = 7
    REJECT = 8
    P_DATA_REQUEST = 9
    P_DATA = 10
    RELEASE_REQUEST = 11
    RELEASE_RQ = 12
    RELEASE_RP = 13
    RELEASE_RESPONSE = 14
    ABORT_REQUEST = 15
    ABORT = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19


_NEXT: Mapping[str, int] = {
    "AE-1": 4, "AE-2": 5, "AE-3": 6, "AE-4": 1, "AE-5": 2, "AE-6": 3, "AE-7": 6, "AE-8": 13,
    "DT-1": 6, "DT-2": 6,
    "AR-1": 7, "AR-2": 8, "AR-3": 1, "AR-4": 13, "AR-5": 1, "AR-6": 7, "AR-7": 8, "AR-8": 9, "AR-9": 11,
    "AR-10": 12,
    "AA-1": 13, "AA-2": 1, "AA-3": 1, "AA-4": 1, "AA-5": 1, "AA-6": 13, "AA-7": 13, "AA-8": 13,
}  # fmt: skip
"""The next state of every action (PS3.8 tables 9-6 to 9-9)."""

ALTERNATIVES: Mapping[str, State] = {"AE-6": State.AWAITING_CLOSE, "AR-8": State.COLLISION_ACCEPTOR_RP}
"""AE-6 when the request is not acceptable to the provider; AR-8 on the acceptor's side."""

# One row for each event of table 9-10: state number → action.
_BUSY = range(6, 13)
_ROWS: Mapping[int, Mapping[int, str]] = {
    1: {1: "AE-1"},
    2: {4: "AE-2"},
    3: {2: "AA-1", 3: "AA-8", 5: "AE-3", **dict.fromkeys(_BUSY, "AA-8"), 13: "AA-6"},
    4: {2: "AA-1", 3: "AA-8", 5: "AE-4", **dict.fromkeys(_BUSY, "AA-8"), 13: "AA-6"},
    5: {1: "AE-5"},
    6: {2: "AE-6", 3: "AA-8", 5: "AA-8", **dict.fromkeys(_BUSY, "AA-8"), 13: "AA-7"},
    7: {3: "AE-7"},
    8: {3: "AE-8"},
    9: {6: "DT-1", 8: "AR-7"},
    10: {2: "AA-1", 3: "AA-8", 5: "AA-8", **dict.fromkeys(_BUSY, "AA-8"), 6: "DT-2", 7: "AR-6", 13: "AA-6"},
    11: {6: "AR-1"},
    12: {2: "AA-1", 3: "AA-8", 5: "AA-8", **dict.fromkeys(_BUSY, "AA-8"), 6: "AR-2", 7: "AR-8", 13: "AA-6"},
    13: {
        2: "AA-1",
        3: "AA-8",
        5: "AA-8",
        **dict.fromkeys(_BUSY, "AA-8"),
        7: "AR-3",
        10: "AR-10",
        11: "AR-3",
        13: "AA-6",
    },
    14: {8: "AR-4", 9: "AR-9", 12: "AR-4"},
    15: {3: "AA-1", 4: "AA-2", 5: "AA-1", **dict.fromkeys(_BUSY, "AA-1")},
    16: {2: "AA-2", 3: "AA-3", 5: "AA-3", **dict.fromkeys(_BUSY, "AA-3"), 13: "AA-2"},
    17: {2: "AA-5", 3: "AA-4", 4: "AA-4", 5: "AA-4", **dict.fromkeys(_BUSY, "AA-4"), 13: "AR-5"},
    18: {2: "AA-2", 13: "AA-2"},
    19: {2: "AA-1", 3: "AA-8", 5: "AA-8", **dict.fromkeys(_BUSY, "AA-8"), 13: "AA-7"},
}

TRANSITIONS: Mapping[tuple[State, Event], tuple[str, State]] = {
    (State(state), Event(event)): (action, State(_NEXT[action]))
    for event, row in _ROWS.items()
    for state, action in row.items()
}

PEER_BROKE_PROTOCOL = frozenset({"AA-1", "AA-8", "AA-7"})
"""Actions that answer a PDU with A-ABORT: the peer may not send it in that state."""


def step(state: State, event: Event, *, alternative: bool = False) -> tuple[str, State]:
    """Return the action of table 9-10 and the next state; `KeyError` for a pair that cannot happen."""
    action, following = TRANSITIONS[state, event]
    return action, ALTERNATIVES.get(action, following) if alternative else following
