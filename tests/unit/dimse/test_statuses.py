"""Every status and failure row against the table of the standard and of our own rules, transcribed."""

from __future__ import annotations

import pytest

from agent.errors import Blame
from agent.outcome import Action, Phase, outcome_from_wire
from agent.statuses import (
    FAILURES,
    abort_outcome,
    context_outcome,
    failure_outcome,
    reject_outcome,
    store_outcome,
)

SENT, WARNING = "sent", "sent with warning"
LATER, AGAIN, HOLD = "retry later", "retry instance", "hold instance"
FALL_BACK, SUSPEND = "fall back", "suspend destination"

STORE = [
    (0x0000, SENT, 0),
    *[(s, WARNING, 0) for s in (0xB000, 0xB006, 0xB007, 0xB001, 0xBFFF, 0x0001, 0x0107, 0x0116, 0x0111)],
    *[(s, LATER, 0) for s in (0xA700, 0xA701, 0xA7FF, 0x0213)],
    *[(s, HOLD, 1) for s in (0xA900, 0xA9FF)],
    *[(s, AGAIN, 3) for s in (0xC000, 0xC123, 0xCFFF)],
    (0x0110, AGAIN, 5),
    *[(s, HOLD, 0) for s in (0x0117, 0x0106, 0x0115, 0x0120, 0x0121, 0x0212)],
    (0x0122, FALL_BACK, 0),
    (0x0124, SUSPEND, 0),
    *[(s, AGAIN, 2) for s in (0x0210, 0x0211)],
]


@pytest.mark.parametrize(("status", "action", "tries"), STORE)
def test_status(status: int, action: str, tries: int) -> None:
    outcome = store_outcome(status)
    assert (outcome.action, outcome.tries, outcome.code) == (action, tries, f"0x{status:04X}")
    assert not outcome.ambiguous
    assert outcome.sent is (action in (SENT, WARNING))


@pytest.mark.parametrize("status", [None, 0xFE00, 0xFF00, 0xFF01, 0xFFFF, 0x1234, 0xA800, 0xD000, 0x0002])
def test_what_storage_never_answers_is_unknown_and_sent_again(status: int | None) -> None:
    outcome = store_outcome(status)
    assert outcome.action == LATER
    assert outcome.ambiguous
    assert not outcome.sent


def test_every_status_has_an_outcome_and_success_is_rare() -> None:
    sent = {s for s in range(0x10000) if store_outcome(s).sent}
    assert sent == {0x0000, 0x0001, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)}


def test_the_comment_is_short_and_printable() -> None:
    outcome = store_outcome(0xA900, comment="Ґ’ʼ\r\n\x1b[2J" + "x" * 200, offending_element="(0010,0010)")
    assert outcome.comment.startswith("Ґ’ʼ")
    assert outcome.comment.isprintable()
    assert len(outcome.comment) <= 64
    assert outcome.offending_element == "(0010,0010)"


REJECT = [
    *[((1, 1, reason), SUSPEND) for reason in (2, 3, 7)],
    ((1, 2, 2), SUSPEND),
    *[((1, 3, reason), LATER) for reason in (1, 2)],
    *[((2, 3, reason), LATER) for reason in (1, 2)],
    *[((2, 1, reason), LATER) for reason in (1, 2, 3, 7)],
    ((1, 1, 1), LATER),
    ((1, 2, 1), LATER),
    ((1, 1, 5), LATER),
    ((0, 9, 9), LATER),
]


@pytest.mark.parametrize(("triple", "action"), REJECT)
def test_rejection(triple: tuple[int, int, int], action: str) -> None:
    outcome = reject_outcome(*triple)
    assert (outcome.action, outcome.phase) == (action, Phase.ASSOCIATION)
    assert outcome.code == "{}-{}-{}".format(*triple)


@pytest.mark.parametrize(("source", "reason"), [(0, 0), (2, 0), (2, 1), (2, 2), (2, 4), (2, 5), (2, 6), (1, 9)])
def test_abort_of_an_instance_counts_and_abort_outside_does_not(source: int, reason: int) -> None:
    on_instance = abort_outcome(source, reason, Phase.SENDING, ambiguous=True)
    assert (on_instance.action, on_instance.tries, on_instance.ambiguous) == (AGAIN, 3, True)
    outside = abort_outcome(source, reason, Phase.ASSOCIATION)
    assert (outside.action, outside.tries, outside.ambiguous) == (LATER, 0, False)
    assert outside.code == f"abort {source}-{reason}"


@pytest.mark.parametrize("result", [1, 2, 3, 4, None, 9])
def test_a_context_that_was_not_accepted_falls_back(result: int | None) -> None:
    outcome = context_outcome(result)
    assert (outcome.action, outcome.phase) == (FALL_BACK, Phase.CONTEXT)


FAILED = {
    LATER: "name unknown,name timeout,refused,unreachable,connect timeout,connect,tls timeout,tls lost,"
    "associate timeout,protocol,lost,released,release timeout,stalled,response timeout,wrong answer",
    SUSPEND: "verify:9,verify:10,verify:18,verify:19,verify:20,verify:62,verify:64,verify:77,pin,"
    "certificate refused,certificate missing,tls files,tls setting,peer speaks plain,peer speaks tls,tls version,"
    "tls no common cipher,tls",
    HOLD: "missing,unreadable,not part 10,other object,corrupt",
}


@pytest.mark.parametrize(("code", "action"), [(c, a) for a, codes in FAILED.items() for c in codes.split(",")])
def test_failure(code: str, action: str) -> None:
    outcome = failure_outcome(code, Phase.TLS)
    assert (outcome.action, outcome.code) == (action, code)
    assert not outcome.sent


@pytest.mark.parametrize(
    ("code", "blame"),
    [
        ("corrupt", Blame.INSTANCE),
        ("missing", Blame.BOX),
        ("unreadable", Blame.BOX),
        ("verify:9", Blame.BOX),
        ("verify:10", Blame.DESTINATION),
        ("tls files", Blame.PERSON),
        ("refused", Blame.DESTINATION),
    ],
)
def test_blame(code: str, blame: Blame) -> None:
    assert failure_outcome(code, Phase.FILE).blame == blame


def test_words_are_one_sentence_each_and_an_outcome_survives_the_wire() -> None:
    assert all(row.words.strip().endswith((".", "?")) and len(row.words) < 90 for row in FAILURES.values())
    outcome = store_outcome(0xB006, comment="Ї")
    assert outcome.action is Action.SENT_WITH_WARNING
    assert outcome_from_wire(outcome.to_wire()) == outcome
