"""The audit trail in the database: written with its change or not at all, append-only, every attack on it found."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.assembly_accounts import audit_trail
from agent.audit import keep_anchor, longest_send_s, stand
from agent.audit_anchor import ANCHOR_FILE, Anchor, Finding, verify
from agent.audit_event import AUDIT_READ, AUDITED, PERSONS, QUERY, SECURITY_CONFIGURED
from agent.child import AUDIT
from agent.config.audit import AuditPolicy
from agent.errors import StorageError, WrongState
from agent.lifecycle import TABLES
from agent.store import Store
from agent.store.audit_rows import chained
from agent.store.migrations import migrate
from tests.unit.core.test_core_store import STAMP, built, open_exam

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
LATER = "9999-12-31T00:00:00.000+00:00"


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return Anchor(tmp_path, KEY)


def told(store: Store) -> list[tuple[str, str, str]]:
    """Event, type and action of every row."""
    return [(r.told["event"], r.told.get("type", ""), r.told["action"]) for r in store.audit.after(0)]


def five(store: Store, anchor: Anchor) -> None:
    for number in range(5):
        store.audit.record(QUERY, STAMP, subject=f"row {number}")
    assert keep_anchor(store, anchor) or anchor.read() is None
    anchor.write(*store.audit.head())


def by_force(path: Path, *statements: str) -> None:
    """Change the database as somebody with the file and a shell can: without the triggers."""
    with closing(sqlite3.connect(path)) as db, db:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'"
        for (name,) in db.execute(triggers).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            db.execute(statement)


# --- written with the change -------------------------------------------------------------------------------------


def test_an_exam_tells_who_saw_whom_and_what_went_where(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    store.exams.finish("e1", 1060.0, replace(STAMP, who="Олена"))
    rows = store.audit.after(0)
    assert told(store) == [("110110", "", "R"), ("110103", "", "C")]
    opened, finished = rows[0].told, rows[1].told
    assert (opened["patient_id"], opened["patient_name"], opened["study"]) == ("UA-1", "Ґалаґан^Їванна", "2.25.1")
    assert (finished["who"], finished["pictures"]) == ("Олена", 1)
    assert finished["classes"] == {"1.2.840.10008.5.1.4.1.1.7": 1}


def test_a_change_that_is_refused_leaves_no_row_and_a_row_that_cannot_be_written_refuses_the_change(
    store: Store, path: Path
) -> None:
    open_exam(store)
    before = store.audit.head()
    with pytest.raises(WrongState):
        store.exams.apply("e1", "release", STAMP)
    assert store.audit.head() == before
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TRIGGER audit_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(StorageError, match="TRIGGER"):
        store.exams.finish("e1", 1060.0, STAMP)
    assert store.exams.get("e1").state == "open"
    assert store.audit.head() == before


def test_every_row_of_the_tables_is_an_event_that_exists() -> None:
    births = {"begin", "create", "enrol", "make", "open", "start", "stop", "request", "confirm", "add", "replace"}
    unstated = {"bring back", "resume", "password", "pin", "badge", "role", "delivered", "redirect", "reject", "move"}
    for machine, event in (*AUDITED, *PERSONS):
        known = {e for e, _ in TABLES.get(machine, {})} | births | unstated | {"discarded"}
        assert event in known, (machine, event)


# --- append-only -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET row = '{}' WHERE number = 2",
        "UPDATE audit SET sha256 = '' WHERE number = 5",
        "DELETE FROM audit WHERE number = 5",
        "DELETE FROM audit",
        "INSERT INTO audit VALUES (7, '{}', '')",
        "INSERT INTO audit VALUES (3, '{}', '')",
        "INSERT OR REPLACE INTO audit VALUES (5, '{}', '')",
        "UPDATE audit_base SET number = 3, why = 'retention'",
        "DELETE FROM audit_base",
    ],
)
def test_the_database_itself_refuses_every_other_statement(
    store: Store, path: Path, anchor: Anchor, statement: str
) -> None:
    five(store, anchor)
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)
    assert verify(store, anchor).why == ""


# --- attacks -----------------------------------------------------------------------------------------------------

ATTACKS = {
    "a changed row": (["UPDATE audit SET row = replace(row, 'row 2', 'row X') WHERE number = 3"], 3),
    "a changed hash": (["UPDATE audit SET sha256 = 'f' WHERE number = 4"], 4),
    "one row taken out": (["DELETE FROM audit WHERE number = 3"], 3),
    "one row taken out, the rest moved up": (
        ["DELETE FROM audit WHERE number = 3", "UPDATE audit SET number = number - 1 WHERE number > 3"], 3,
    ),
    "two rows exchanged": (
        ["UPDATE audit SET number = -2 WHERE number = 2", "UPDATE audit SET number = 2 WHERE number = 3",
         "UPDATE audit SET number = 3 WHERE number = -2"], 2,
    ),
    "the last rows cut off": (["DELETE FROM audit WHERE number > 3"], 4),
    "everything cut off": (["DELETE FROM audit"], 1),
    "the first rows cut off": (["DELETE FROM audit WHERE number < 3"], 1),
    "the first rows cut off and the base moved": (
        ["DELETE FROM audit WHERE number < 3", "UPDATE audit_base SET number = 2, sha256 = 'f', why = 'retention'"], 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_with_file_and_shell_is_found_at_its_row(
    store: Store, path: Path, anchor: Anchor, attack: str
) -> None:
    five(store, anchor)
    assert verify(store, anchor) == Finding(rows=5, first=1, last=5, sha256=store.audit.head()[1])
    statements, at = ATTACKS[attack]
    by_force(path, *statements)
    found = verify(store, anchor)
    assert (found.broken_at, bool(found.why)) == (at, True)


def test_going_on_after_a_cut_does_not_cover_it(store: Store, path: Path, anchor: Anchor) -> None:
    five(store, anchor)
    by_force(path, "DELETE FROM audit WHERE number > 3")
    for _ in range(4):
        store.audit.record(QUERY, STAMP, subject="afterwards")
    assert not keep_anchor(store, anchor)
    assert anchor.read() is not None
    assert verify(store, anchor).broken_at == 5


def test_a_chain_made_anew_is_found_by_the_anchor_or_by_a_row_written_down_elsewhere(
    store: Store, path: Path, anchor: Anchor, tmp_path: Path
) -> None:
    five(store, anchor)
    elsewhere = store.audit.get(4)
    assert elsewhere is not None
    previous, statements = "", []
    for row in store.audit.after(0):
        text = row.text.replace("row 1", "row X")
        previous = chained(previous, text)
        statements.append(f"UPDATE audit SET row = '{text}', sha256 = '{previous}' WHERE number = {row.number}")
    by_force(path, *statements)
    assert verify(store, anchor).broken_at == 5
    Anchor(tmp_path, KEY).write(*store.audit.head())  # the key was stolen too
    assert verify(store, anchor).why == ""
    assert verify(store, anchor, (4, elsewhere.sha256)).broken_at == 4


def test_an_anchor_that_the_box_did_not_make_is_no_anchor(store: Store, anchor: Anchor, tmp_path: Path) -> None:
    five(store, anchor)
    Anchor(tmp_path, OTHER_KEY).write(*store.audit.head())
    assert anchor.read() is None
    assert verify(store, anchor).why == "the anchor was changed"
    stand(store, anchor, STAMP)
    assert store.audit.after(5)[0].told["event"] == SECURITY_CONFIGURED.event.value
    assert anchor.lost  # never healed by itself: somebody has to look


def test_a_missing_anchor_is_told_and_made_anew(store: Store, anchor: Anchor, tmp_path: Path) -> None:
    five(store, anchor)
    (tmp_path / ANCHOR_FILE).unlink()
    stand(store, anchor, STAMP)
    last = store.audit.after(5)[0].told
    assert (last["subject"], last["reason"], last["result"]) == ("audit anchor", "missing", "8")
    assert anchor.read() == store.audit.head()


def test_a_lost_database_goes_on_behind_its_anchor_and_says_so(tmp_path: Path, store: Store, anchor: Anchor) -> None:
    five(store, anchor)
    migrate(str(tmp_path / "new"))
    fresh = Store(tmp_path / "new")
    stand(fresh, anchor, STAMP)
    row = fresh.audit.after(0)[0]
    assert row.number == 6
    assert "rows up to 5" in row.told["reason"]
    assert verify(fresh, anchor).why == "rows were lost with an older database"
    fresh.close()


# --- letting go --------------------------------------------------------------------------------------------------


def test_a_row_leaves_when_it_is_old_and_delivered_and_the_chain_still_stands(store: Store, anchor: Anchor) -> None:
    five(store, anchor)
    assert store.audit.let_go(LATER) == 0
    store.audit.delivered(3)
    assert store.audit.let_go("2000-01-01T00:00:00.000+00:00") == 0
    assert store.audit.let_go(LATER) == 3
    assert [row.number for row in store.audit.after(0)] == [4, 5]
    found = verify(store, anchor)
    assert (found.why, found.rows, found.first, found.last) == ("", 2, 4, 5)
    store.audit.record(AUDIT_READ, STAMP)
    assert keep_anchor(store, anchor)
    store.audit.delivered(6)
    assert store.audit.let_go(LATER) == 3
    assert store.audit.record(QUERY, STAMP) == 7
    assert verify(store, anchor).why == ""


def test_delivery_never_goes_back(store: Store, anchor: Anchor) -> None:
    five(store, anchor)
    store.audit.delivered(4)
    store.audit.delivered(2)
    assert store.audit.base().delivered == 4


def test_the_watchdog_waits_longer_than_the_longest_batch() -> None:
    """Otherwise a slow repository would restart the box again and again (promise P6)."""
    allowed: dict[str, float] = {}

    def expect(worker: str, within_s: float) -> Callable[[], None]:
        allowed[worker] = within_s
        return lambda: None

    raw: Any = SimpleNamespace(
        audit=AuditPolicy(host="localhost", timeout_s=60.0), box=SimpleNamespace(ae_title="A"), audit_tls=lambda: None
    )
    unused: Any = None
    audit_trail(raw, unused, unused, unused, stamp=unused, expect=expect)
    assert allowed["audit"] > longest_send_s(60.0) + AUDIT.ready_timeout_s
