"""The retry contract as a page of the documentation, generated from the tables that delivery uses.

`python -m agent.contract docs/retry-contract.md`; a test keeps the page equal to the tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent import commitment_statuses, statuses, step_statuses
from agent.outcome import Action
from agent.statuses import StatusRow

_MEANING = {
    Action.SENT: "sent",
    Action.SENT_WITH_WARNING: "sent, with a warning",
    Action.RETRY_LATER: "the destination waits, every job keeps its tries, tried again for ever",
    Action.RETRY_INSTANCE: "tried {tries} times in all, then held",
    Action.HOLD_INSTANCE: "held for a person at once",
    Action.FALL_BACK: "another way is taken if there is one, else held",
    Action.SUSPEND_DESTINATION: "the destination counts as misconfigured: loud, probed seldom",
}
_HEAD = """# The retry contract

Generated from the tables that delivery itself uses; do not edit. Which answer of an archive or RIS leads to what.
Transient failures are tried again for ever: first after `delivery.first_retry_s`, doubling up to
`delivery.longest_retry_s`, with jitter; a destination that cannot be reached is probed with C-ECHO at least every
`delivery.probe_s`, one that refuses us every `delivery.suspended_probe_s`. A dead destination uses up no tries of an
instance; an instance that fails holds up no other. The first row that matches rules.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield from _table("C-STORE (PS3.4 B.2.3, PS3.7 Annex C)", "status", _statuses(statuses.C_STORE))
    yield from _table("Rejected associations (PS3.8 table 9-21)", "result-source-reason", _rejections())
    yield from _table("Aborts (PS3.8 table 9-26)", "source-reason", _aborts())
    yield from _table("Presentation contexts (PS3.8 table 9-18)", "result", _contexts())
    yield from _table("Failures of name, network, TLS and file", "code", _failures())
    yield from _table("N-CREATE of a procedure step (PS3.4 F.7.2)", "status", _statuses(step_statuses.N_CREATE))
    yield from _table("N-SET of a procedure step", "status", _statuses(step_statuses.N_SET))
    yield from _table("N-ACTION of Storage Commitment (PS3.4 J.3)", "status", _statuses(commitment_statuses.N_ACTION))
    yield from _table("Failure Reasons of Storage Commitment (PS3.3 C.14.1.1)", "reason", _reasons())


Line = tuple[str, str, str]


def _table(title: str, first: str, lines: Iterable[Line]) -> Iterator[str]:
    yield f"\n## {title}\n\n| {first} | what the box says | what becomes of the job |\n|---|---|---|"
    for code, words, action in lines:
        yield f"| `{code}` | {words} | {action} |"


def _statuses(rows: Iterable[StatusRow]) -> Iterator[Line]:
    for row in rows:
        code = f"{row.first:04X}" if row.first == row.last else f"{row.first:04X}–{row.last:04X}"
        yield code, row.words, _action(row.action, row.tries)


def _rejections() -> Iterator[Line]:
    for row in statuses.REJECTIONS:
        code = "-".join("any" if part is None else str(part) for part in (row.result, row.source, row.reason))
        yield code, row.words, _action(row.action, 0)


def _aborts() -> Iterator[Line]:
    for (source, reason), words in statuses.ABORTS.items():
        tries = statuses.ABORT_TRIES
        action = f"on an instance tried {tries} times in all, then held; else as a transient failure"
        yield f"{source}-{'any' if reason is None else reason}", words, action


def _contexts() -> Iterator[Line]:
    for result, words in statuses.CONTEXT_RESULTS.items():
        yield str(result), words, _action(Action.FALL_BACK, 0)


def _failures() -> Iterator[Line]:
    for code, row in statuses.FAILURES.items():
        yield code, row.words, _action(row.action, 0)


def _reasons() -> Iterator[Line]:
    for reason, row in commitment_statuses.FAILURE_REASONS.items():
        yield f"{reason:04X}", row.words, row.verdict.value
    unknown = commitment_statuses.failure_reason(0xFFFF)
    yield "other", unknown.words, unknown.verdict.value


def _action(action: Action, tries: int) -> str:
    if action is Action.HOLD_INSTANCE and tries:
        return "tried once more after five minutes, then held"
    return _MEANING[action].format(tries=tries)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
