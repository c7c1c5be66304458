"""When to try again: a pure function of what happened, how often, and the policy (dicom.md 5, ruling 7)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.outcome import Action, Outcome, Phase

_REFUSED_ONCE_WAIT_S = 300.0
_THE_PEER_ANSWERED = {Phase.RESPONSE, Phase.CONTEXT, Phase.SERVICE, Phase.FILE}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The site's waits, from the configuration; seconds."""

    first_s: float
    longest_s: float
    jitter: float
    probe_s: float
    """Nobody who cannot be reached waits longer than this for the next C-ECHO."""
    suspended_probe_s: float
    poison_aborts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of the job and of what we believe of its destination."""

    event: str
    """`sent`, `later` or `hold` (the job's lifecycle table)."""
    wait_s: float = 0.0
    counts: bool = False
    """True: the try counts against the instance; a dead destination uses up none."""
    belief: str = "answered"
    """`answered`, `unreachable` or `refused us` (the destination's lifecycle table)."""
    belief_wait_s: float = 0.0


def backoff(failures: int, policy: RetryPolicy, luck: float) -> float:
    """Return the wait in seconds after `failures` failures in a row; `luck` is uniform in 0..1.

    Doubles from `first_s`, capped at `longest_s`, with ± `jitter`.
    """
    wait = min(policy.longest_s, policy.first_s * 2.0 ** min(failures, 30))
    return wait * (1.0 + policy.jitter * (2.0 * luck - 1.0))


def _probe_wait(failures: int, policy: RetryPolicy, luck: float) -> float:
    return min(backoff(failures, policy, luck), policy.probe_s * (1.0 + policy.jitter * (2.0 * luck - 1.0)))


def decide(outcome: Outcome, instance_tries: int, failures: int, policy: RetryPolicy, luck: float) -> Decision:
    """Return what to do after one try of one job.

    `instance_tries` were counted against the instance before this try, `failures` against the destination.
    """
    action = outcome.action
    if outcome.sent:
        return Decision(event="sent")
    if action is Action.SUSPEND_DESTINATION:
        wait = policy.suspended_probe_s * (1.0 + policy.jitter * (2.0 * luck - 1.0))
        return Decision(event="later", belief="refused us", belief_wait_s=wait)
    if action is Action.RETRY_LATER:
        return Decision(event="later", belief="unreachable", belief_wait_s=_probe_wait(failures, policy, luck))
    return _instance(outcome, instance_tries, failures, policy, luck)


def _instance(outcome: Outcome, tries: int, failures: int, policy: RetryPolicy, luck: float) -> Decision:
    answered = outcome.phase in _THE_PEER_ANSWERED
    belief = "answered" if answered else "unreachable"
    belief_wait_s = 0.0 if answered else _probe_wait(failures, policy, luck)
    allowed = outcome.tries if answered else min(outcome.tries or policy.poison_aborts, policy.poison_aborts)
    if outcome.action is Action.FALL_BACK or tries + 1 > allowed or (
        outcome.action is Action.RETRY_INSTANCE and tries + 1 >= allowed
    ):
        return Decision(event="hold", counts=True, belief=belief, belief_wait_s=belief_wait_s)
    wait = _REFUSED_ONCE_WAIT_S if outcome.action is Action.HOLD_INSTANCE else backoff(tries, policy, luck)
    return Decision(event="later", wait_s=wait, counts=True, belief=belief, belief_wait_s=belief_wait_s)
