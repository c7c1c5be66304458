"""When a job is tried again: literal rows of dicom.md 5, ruling 7, never taken from the agent's own tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Blame
from agent.outcome import Action, Outcome, Phase
from agent.retry import RetryPolicy, backoff, decide

POLICY = RetryPolicy(first_s=5, longest_s=900, jitter=0.2, probe_s=60, suspended_probe_s=900, poison_aborts=3)


def outcome(action: Action, phase: Phase = Phase.RESPONSE, tries: int = 0) -> Outcome:
    return Outcome(phase=phase, action=action, code="x", words="w", blame=Blame.DESTINATION, tries=tries)


@pytest.mark.parametrize(
    ("action", "phase", "allowed", "tries", "event", "counts", "belief"),
    [
        (Action.SENT, Phase.RESPONSE, 0, 0, "sent", False, "answered"),
        (Action.SENT_WITH_WARNING, Phase.RESPONSE, 0, 5, "sent", False, "answered"),
        (Action.RETRY_LATER, Phase.TCP, 0, 0, "later", False, "unreachable"),
        (Action.RETRY_LATER, Phase.RESPONSE, 0, 1000, "later", False, "unreachable"),  # A700 never gives up
        (Action.SUSPEND_DESTINATION, Phase.TLS, 0, 1000, "later", False, "refused us"),
        (Action.RETRY_INSTANCE, Phase.RESPONSE, 3, 0, "later", True, "answered"),  # C000: three tries
        (Action.RETRY_INSTANCE, Phase.RESPONSE, 3, 2, "hold", True, "answered"),
        (Action.RETRY_INSTANCE, Phase.SENDING, 3, 2, "hold", True, "unreachable"),  # poison: three aborts
        (Action.HOLD_INSTANCE, Phase.RESPONSE, 0, 0, "hold", True, "answered"),  # 0117
        (Action.HOLD_INSTANCE, Phase.RESPONSE, 1, 0, "later", True, "answered"),  # A900: one more try
        (Action.HOLD_INSTANCE, Phase.RESPONSE, 1, 1, "hold", True, "answered"),
        (Action.FALL_BACK, Phase.CONTEXT, 0, 0, "hold", True, "answered"),
    ],
)
def test_what_happens_next(
    action: Action, phase: Phase, allowed: int, tries: int, event: str, counts: bool, belief: str
) -> None:
    decision = decide(outcome(action, phase, allowed), tries, 0, POLICY, 0.5)
    assert (decision.event, decision.counts, decision.belief) == (event, counts, belief)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_are_bounded_and_never_zero(failures: int, luck: float) -> None:
    wait = backoff(failures, POLICY, luck)
    assert 4 <= wait <= 900 * 1.2


def test_waits_double_up_to_the_cap() -> None:
    assert [backoff(n, POLICY, 0.5) for n in (0, 1, 2, 10, 1000)] == [5, 10, 20, 900, 900]
