"""The protocol machine against rows of PS3.8 table 9-10, transcribed."""

from __future__ import annotations

import pytest

from agent.dimse.upper.states import TRANSITIONS, Event, State, step

# (state, event, action, next state): one walk of the requestor, one of the acceptor, and the edges around them.
ROWS = [
    (1, 1, "AE-1", 4),
    (4, 2, "AE-2", 5),
    (5, 3, "AE-3", 6),
    (5, 4, "AE-4", 1),
    (1, 5, "AE-5", 2),
    (2, 6, "AE-6", 3),
    (3, 7, "AE-7", 6),
    (3, 8, "AE-8", 13),
    (6, 9, "DT-1", 6),
    (8, 9, "AR-7", 8),
    (6, 10, "DT-2", 6),
    (7, 10, "AR-6", 7),
    (5, 10, "AA-8", 13),
    (13, 10, "AA-6", 13),
    (6, 11, "AR-1", 7),
    (6, 12, "AR-2", 8),
    (7, 12, "AR-8", 9),
    (5, 12, "AA-8", 13),
    (7, 13, "AR-3", 1),
    (10, 13, "AR-10", 12),
    (11, 13, "AR-3", 1),
    (6, 13, "AA-8", 13),
    (8, 14, "AR-4", 13),
    (9, 14, "AR-9", 11),
    (12, 14, "AR-4", 13),
    (4, 15, "AA-2", 1),
    (6, 15, "AA-1", 13),
    (2, 16, "AA-2", 1),
    (6, 16, "AA-3", 1),
    (13, 16, "AA-2", 1),
    (6, 17, "AA-4", 1),
    (2, 17, "AA-5", 1),
    (13, 17, "AR-5", 1),
    (2, 18, "AA-2", 1),
    (13, 18, "AA-2", 1),
    (6, 19, "AA-8", 13),
    (2, 19, "AA-1", 13),
    (13, 19, "AA-7", 13),
    (13, 6, "AA-7", 13),
    (6, 6, "AA-8", 13),
]


@pytest.mark.parametrize(("state", "event", "action", "following"), ROWS)
def test_row(state: int, event: int, action: str, following: int) -> None:
    assert step(State(state), Event(event)) == (action, State(following))


def test_the_two_actions_with_a_choice() -> None:
    assert step(State(2), Event(6), alternative=True) == ("AE-6", State(13))
    assert step(State(7), Event(12), alternative=True) == ("AR-8", State(10))


def test_every_pdu_has_an_answer_wherever_a_connection_is_open() -> None:
    for state in (2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13):
        for event in (3, 4, 6, 10, 12, 13, 16, 19):
            assert (State(state), Event(event)) in TRANSITIONS


@pytest.mark.parametrize(("state", "event"), [(1, 9), (5, 9), (4, 3), (1, 3), (6, 1), (13, 9), (7, 11)])
def test_what_cannot_happen_is_our_own_mistake(state: int, event: int) -> None:
    with pytest.raises(KeyError):
        step(State(state), Event(event))
