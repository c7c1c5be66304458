"""Every answer of an archive, injected over TCP into the running service: the job's state and the next association.

The rows are transcribed from PS3.4 B.2.3, PS3.7 Annex C, PS3.8 tables 9-21 and 9-26 and from the retry contract;
nothing of the agent's own tables is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from tests.peers.scripted import Act, Peer, Talk, abort, reject, status
from tests.system.world import Box, Json, box_in, toml_for_peer, wait_for

FIRST_S, SUSPENDED_S = 0.6, 2.5
"""Waits of these boxes: the first retry, and the probe of a destination that refuses us."""

STORED = (0x0000, 0xB000, 0xB001, 0xB006, 0xB007, 0xBFFF, 0x0001, 0x0107, 0x0116, 0x0111)
HELD_AT_ONCE = (0x0117, 0x0106, 0x0115, 0x0120, 0x0121, 0x0212, 0x0122)
HELD_AFTER = {0xC000: 3, 0xC123: 3, 0xCFFF: 3, 0x0110: 5, 0x0210: 2, 0x0211: 2}
ONCE_MORE_IN_FIVE_MINUTES = (0xA900, 0xA9FF)
OF_THE_INSTANCE = (*STORED, *HELD_AT_ONCE, *HELD_AFTER, *ONCE_MORE_IN_FIVE_MINUTES)

TRANSIENT: dict[str, Act] = {
    **{f"0x{value:04X}": status(value) for value in (0xA700, 0xA7FF, 0x0213, 0xFE00, 0xFF00, 0xFF01, 0x1234)},
    "no status": status(None),
    "2-1-1": reject(2, 1, 1),
    "2-3-1": reject(2, 3, 1),
    "2-3-2": reject(2, 3, 2),
    "2-2-1": reject(2, 2, 1),
    "1-1-1": reject(1, 1, 1),
    "1-2-1": reject(1, 2, 1),
    **{f"abort {s}-{r}": abort(s, r) for s, r in ((0, 0), (2, 0), (2, 1), (2, 2), (2, 4), (2, 5), (2, 6))},
}
REFUSING: dict[str, Act] = {
    "0x0124": status(0x0124),
    "1-1-2": reject(1, 1, 2),
    "1-1-3": reject(1, 1, 3),
    "1-1-7": reject(1, 1, 7),
    "1-2-2": reject(1, 2, 2),
}


class Script:
    """What the peer does next: `associate` and `store` for one try, then it is a good peer again."""

    def __init__(self) -> None:
        self.next: dict[str, Act] = {}
        self.rows: dict[str, int] = {}

    def associate(self, talk: Talk) -> None:
        self.next.pop("associate", lambda t: t.accept(16384, {}))(talk)

    def response(self, talk: Talk) -> None:
        usual = status(self.rows.get(talk.instance, 0))
        (self.next.pop("store", usual) if talk.instance else status(0))(talk)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, Peer, Script]]:
    script = Script()
    with Peer({"associate": script.associate, "response": script.response}) as peer:
        waits = {"first_retry_s": FIRST_S, "longest_retry_s": 2.0, "jitter": 0.0, "suspended_probe_s": SUSPENDED_S}
        with box_in(tmp_path_factory.mktemp("statuses"), toml_for_peer(peer.port, **waits)) as box:
            yield box, peer, script


def tried(peer: Peer, instance: str) -> list[float]:
    return [at for at, field, uid in peer.asked if field == 1 and uid == instance]


def settled(job: Json | None) -> bool:
    return job is not None and job["state"] in ("sent", "held")


def test_an_answer_about_one_instance_concerns_that_instance_alone(world: tuple[Box, Peer, Script]) -> None:
    box, peer, script = world

    class Rows(dict[str, int]):
        def get(self, uid: str, _default: object = None) -> int:  # the n-th new instance gets the n-th row
            if uid not in self:
                self[uid] = OF_THE_INSTANCE[len(self)]
            return self[uid]

    script.rows = rows = Rows()
    uids = box.emergency(len(OF_THE_INSTANCE))
    late = set(ONCE_MORE_IN_FIVE_MINUTES)
    wait_for("settled", lambda: sum(settled(j) for j in box.jobs()) == len(uids) - len(late), 60)
    script.rows = {}
    jobs = {j["sop_instance_uid"]: j for j in box.jobs()}
    assert {rows[u]: jobs[u]["code"] for u in uids} == {row: f"0x{row:04X}" for row in OF_THE_INSTANCE}
    for uid in uids:
        row, job, tries = rows[uid], jobs[uid], len(tried(peer, uid))
        if row in STORED:
            assert (job["state"], tries) == ("sent", 1), hex(row)
        elif row in HELD_AT_ONCE:
            assert (job["state"], tries) == ("held", 1), hex(row)
        elif row in HELD_AFTER:
            assert (job["state"], tries) == ("held", HELD_AFTER[row]), hex(row)
            gaps = [b - a for a, b in zip(tried(peer, uid), tried(peer, uid)[1:], strict=False)]
            assert all(gap > 0.9 * min(2.0, FIRST_S * 2**n) for n, gap in enumerate(gaps)), (hex(row), gaps)
        else:
            assert (job["state"], tries) == ("waiting", 1), hex(row)
            assert 240 < job["next_try_s"] <= 300
    assert box.get("/status")["destinations"][0]["state"] in ("up", "not tried")


def fails_once(box: Box, peer: Peer, script: Script, name: str, act: Act) -> tuple[Json, list[float]]:
    """Have one object meet `act`; return its job right after and when the destination was called since."""
    before = len(peer.began)
    phase = "associate" if name.count("-") == 2 else "store"
    script.next[phase] = act
    (uid,) = box.emergency(1)
    wait_for("the first try", lambda: (j := box.job(uid)) and j["code"] == name and j["attempts"] == 1, 10)
    job = box.job(uid)
    assert job is not None
    wait_for("sent in the end", lambda: (j := box.job(uid)) and j["state"] == "sent", 20)
    assert peer.received.count(uid) <= 2, "the same object under the same UID"
    return job, peer.began[before:]


@pytest.mark.parametrize("name", TRANSIENT)
def test_a_transient_failure_waits_and_is_tried_again_for_ever(world: tuple[Box, Peer, Script], name: str) -> None:
    job, began = fails_once(*world, name, TRANSIENT[name])
    assert job["state"] == "waiting"
    assert FIRST_S * 0.9 < began[1] - began[0] < FIRST_S + 2.0, "the next association comes after the first wait"


@pytest.mark.parametrize("name", REFUSING)
def test_who_refuses_us_is_asked_seldom_and_told_loudly(world: tuple[Box, Peer, Script], name: str) -> None:
    box, peer, script = world
    seen: list[str] = []
    before = len(peer.began)
    script.next["associate" if name.count("-") == 2 else "store"] = REFUSING[name]
    (uid,) = box.emergency(1)
    wait_for("refused", lambda: box.get("/status")["destinations"][0]["state"] == "misconfigured", 10)
    seen.append(box.get("/status")["destinations"][0]["code"])
    wait_for("sent in the end", lambda: (j := box.job(uid)) and j["state"] == "sent", 20)
    began = peer.began[before:]
    assert seen == [name]
    assert SUSPENDED_S * 0.9 < began[1] - began[0] < SUSPENDED_S + 2.0


def test_three_aborts_hold_the_instance_and_the_next_goes_on(world: tuple[Box, Peer, Script]) -> None:
    box, peer, script = world
    poison: list[str] = []

    def kill(talk: Talk) -> None:
        poison.extend([talk.instance] * (not poison))
        (abort(0, 0) if talk.instance in poison else status(0))(talk)

    script.next["store"] = kill

    class Deadly(dict[str, int]):
        def get(self, uid: str, _default: object = None) -> int:
            script.next.update({"store": kill})
            return 0

    script.rows = Deadly()
    began = monotonic()
    uids = box.emergency(3)

    def done() -> bool:
        script.next["store"] = kill
        return all(settled(box.job(uid)) for uid in uids)

    wait_for("all three settled", done, 30)
    script.next.clear()
    script.rows = {}
    states = {uid: (box.job(uid) or {})["state"] for uid in uids}
    assert states == {uid: "held" if uid in poison else "sent" for uid in uids}
    assert len(tried(peer, poison[0])) == 0, "an abort is no answer"
    assert monotonic() - began < 30
