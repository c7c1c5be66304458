"""Review and removal as the database sees them: what is refused, what is frozen, what follows in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.annotation import Annotation
from agent.errors import BadRequest, Blame, NotFound, WrongState
from agent.key_object import OF_INTEREST, QUALITY, WRONG_WORKLIST_ENTRY
from agent.lifecycle import FrameState
from agent.model import BuiltObject, ClockTrust, Route
from agent.outcome import Action, Outcome, Phase
from agent.review_errors import AlreadyOnItsWay, AlreadyRejected, NotYetOnItsWay
from agent.sop_classes import KEY_OBJECT
from agent.store import Asked, NewKeyObject, NewStep, Store
from tests.unit.core.test_core_store import STAMP, built, frame, open_exam

PACS, MIRROR = Route("pacs"), Route("mirror", required=False)
SENT = Outcome(phase=Phase.RESPONSE, action=Action.SENT, code="0x0000", words="w", blame=Blame.DESTINATION)
REFUSED = replace(SENT, action=Action.RETRY_INSTANCE, code="0xA700")
LOST = replace(SENT, phase=Phase.RESPONSE, action=Action.RETRY_LATER, code="timeout", ambiguous=True)


def name(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def new(number: int) -> NewKeyObject:
    return NewKeyObject(frame_id=name(900 + number), sop_instance_uid=f"2.25.90{number}",
                        series_instance_uid=f"2.25.91{number}")  # fmt: skip


def asked(*numbers: int, title: str = WRONG_WORKLIST_ENTRY, exam_id: str = "e1") -> Asked:
    return Asked(exam_id=exam_id, frame_ids=tuple(map(name, numbers)), title=title,
                 reason="111210" if title == QUALITY else "", words="")  # fmt: skip


def release(store: Store, exam_id: str = "e1") -> None:
    store.exams.finish(exam_id, 1060.0, STAMP)
    store.exams.apply(exam_id, "hold", STAMP)
    store.exams.apply(exam_id, "release", STAMP)


def try_once(store: Store, destination: str, outcome: Outcome) -> None:
    (job,) = store.jobs.claim(destination, 1, 1800, STAMP)
    event = "sent" if outcome.sent else "later"
    store.jobs.settle(job, event, outcome, 0.0, STAMP)


def make(store: Store, frame_id: str, routes: tuple[Route, ...] = (PACS,)) -> None:
    settled = store.key_objects.settle(frame_id, ClockTrust.HOST, STAMP)
    assert settled is not None
    made = BuiltObject(frame_id=frame_id, sop_class_uid=KEY_OBJECT, sop_instance_uid=settled.record.sop_instance_uid,
                       transfer_syntax_uid="1.2.840.10008.1.2.1", size=9, sha256="2" * 64)  # fmt: skip
    store.frames.built(made, routes, STAMP)


def test_a_deleted_picture_comes_back_as_it_was_until_release(store: Store) -> None:
    open_exam(store)
    for number in (1, 2, 3):
        store.frames.commit(frame(number), 4, STAMP)
    store.frames.apply(name(2), "hold", STAMP, reason="O-02")
    for number in (1, 2, 3):
        store.review.delete(name(number), STAMP)
    with pytest.raises(WrongState):
        store.review.delete(name(1), STAMP)
    assert store.exams.get("e1").captured == 0
    assert store.review.counts("e1") == (0, 3)
    store.exams.finish("e1", 1060.0, STAMP)
    store.review.restore(name(1), STAMP)
    store.review.restore(name(2), STAMP)
    states = [f.state for f in store.frames.of_exam("e1")]
    assert states == [FrameState.CAPTURED, FrameState.HELD, FrameState.TOMBSTONED]
    store.exams.apply("e1", "hold", STAMP)
    store.exams.apply("e1", "release", STAMP)
    for act in (store.review.delete, store.review.restore):
        for number in (1, 2, 3):
            with pytest.raises(AlreadyOnItsWay):
                act(name(number), STAMP)
    store.review.delete(name(2), STAMP, reason="cannot be read", released=True)
    assert store.frames.get(name(2)).state is FrameState.TOMBSTONED
    with pytest.raises(NotFound):
        store.review.delete(name(77), STAMP)


def test_its_bytes_are_kept_from_the_deletion_on_and_while_it_can_come_back(store: Store) -> None:
    late = replace(STAMP, at="2026-11-25T12:00:00+02:00", unix=1e9)
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    store.frames.commit(frame(2), 4, STAMP)
    store.review.delete(name(1), late)
    captured, deleted = 1795507200.0 + 3600, 1795600800.0 + 3600
    store.exams.apply("e1", "hold", STAMP)
    assert store.retention.given_up(deleted, 10) == [], "a held exam is not released"
    store.exams.apply("e1", "release", STAMP)
    assert store.retention.given_up(captured, 10) == []
    assert store.retention.given_up(deleted, 10) == [name(1)]
    assert store.retention.purge(name(1), late)


def test_what_was_said_is_frozen_when_its_object_is_first_built(store: Store, path: Path) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    said = Annotation(laterality="L", description="Цибулина")
    store.review.describe(name(1), said, STAMP)
    assert store.review.freeze(name(1)) is None, "its exam is not released"
    release(store)
    assert store.review.freeze(name(1)) == said
    assert store.review.freeze(name(1)) == said
    with pytest.raises(AlreadyOnItsWay):
        store.review.describe(name(1), Annotation(), STAMP)
    with sqlite3.connect(path) as other:
        for change in ("UPDATE annotation SET laterality = 'R'", "UPDATE annotation SET frozen = 0",
                       "DELETE FROM annotation"):  # fmt: skip
            with pytest.raises(sqlite3.IntegrityError, match="frozen"):
                other.execute(change)
    other.close()


def test_a_picture_deleted_since_it_was_listed_is_not_built(store: Store) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP, release_due=1.0)
    assert store.frames.to_build(2.0, 60.0) == [name(1)]
    store.review.delete(name(1), STAMP)
    assert store.review.freeze(name(1)) is None
    store.review.restore(name(1), STAMP)
    assert store.review.freeze(name(1)) == Annotation()
    with pytest.raises(AlreadyOnItsWay):
        store.review.delete(name(1), STAMP)


def test_pages_change_places_all_or_none(store: Store) -> None:
    open_exam(store)
    for number in (1, 2, 3):
        store.frames.commit(replace(frame(number), page_numbers=(number,)), 4, STAMP)
    with pytest.raises(BadRequest):
        store.review.reorder("e1", [(name(1), 2), (name(2), 1)], STAMP)
    store.review.reorder("e1", [(name(3), 1), (name(1), 2), (name(2), 3)], STAMP)
    assert {k: r.page for k, r in store.review.of_exam("e1").items()} == {name(3): 1, name(1): 2, name(2): 3}
    release(store)
    with pytest.raises(AlreadyOnItsWay):
        store.review.reorder("e1", [(name(1), 1), (name(2), 2), (name(3), 3)], STAMP)


def test_key_images_make_one_document_settled_once(store: Store, path: Path) -> None:
    open_exam(store)
    built(store, 1)
    built(store, 2)
    built(store, 3)
    store.review.mark(name(1), STAMP, on=True, new=new(1))
    store.review.mark(name(3), STAMP, on=True, new=new(2))
    assert store.review.counts("e1") == (2, 0)
    assert store.key_objects.to_build() == [], "the exam is not released"
    assert [f.record.frame_id for f in store.frames.of_exam("e1")] == [name(1), name(2), name(3)]
    assert store.exams.get("e1").captured == 3
    release(store)
    for _ in range(3):
        try_once(store, "pacs", SENT)
    assert store.exams.close_delivered(STAMP) == [], "the document is part of the exam"
    assert store.key_objects.to_build() == [new(1).frame_id]
    first = store.key_objects.settle(new(1).frame_id, ClockTrust.HOST, STAMP)
    again = store.key_objects.settle(new(1).frame_id, ClockTrust.HOST, replace(STAMP, at="2027-01-01T00:00:00+02:00"))
    assert first == again
    assert first is not None
    assert [r.sop_instance_uid for r in first.content.references] == ["2.25.101", "2.25.103"]
    assert (first.content.title, first.destinations) == (OF_INTEREST, None)
    with sqlite3.connect(path) as other:
        for change in ("UPDATE key_object SET named = '[]'", "UPDATE key_object SET content_at = ''"):
            with pytest.raises(sqlite3.IntegrityError, match="frozen"):
                other.execute(change)
    other.close()
    make(store, new(1).frame_id)
    try_once(store, "pacs", SENT)
    assert store.exams.close_delivered(STAMP) == ["e1"]


@pytest.mark.parametrize(
    ("outcomes", "noted"),
    [([], False), ([REFUSED], False), ([REFUSED, REFUSED], False), ([LOST], True), ([SENT], True),
     ([LOST, REFUSED], True), ([REFUSED, SENT], True)],
)  # fmt: skip
def test_whoever_may_have_got_it_gets_the_note(store: Store, outcomes: list[Outcome], noted: bool) -> None:
    open_exam(store)
    built(store, 1, (PACS, MIRROR))
    release(store)
    for outcome in outcomes:
        try_once(store, "pacs", outcome)
    removal = store.removals.request("r1", asked(), new(1), STAMP)
    assert removal.destinations == (("pacs",) if noted else ())
    assert removal.state == ("told by note" if noted else "done")
    assert store.exams.get("e1").state == "rejected"
    assert {j.state for j in store.jobs.of_exam("e1")} <= {"done", "discarded"}
    assert store.key_objects.to_build() == ([new(1).frame_id] if noted else [])
    if noted:
        settled = store.key_objects.settle(new(1).frame_id, ClockTrust.HOST, STAMP)
        assert settled is not None
        assert settled.destinations == ("pacs",)
        assert [r.sop_instance_uid for r in settled.content.references] == ["2.25.101"]
    with pytest.raises(AlreadyRejected):
        store.removals.request("r2", asked(), new(2), STAMP)


def test_a_try_that_a_crash_ended_may_have_arrived(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    release(store)
    assert len(store.jobs.claim("pacs", 1, 1800, STAMP)) == 1
    store.jobs.release_leases(replace(STAMP, run_id="run-2"))
    assert store.removals.request("r1", asked(), new(1), STAMP).destinations == ("pacs",)


def test_what_is_on_its_way_is_noted_and_comes_back_into_no_queue(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    release(store)
    (job,) = store.jobs.claim("pacs", 1, 1800, STAMP)
    assert store.removals.request("r1", asked(), new(1), STAMP).destinations == ("pacs",)
    store.jobs.settle(job, "later", REFUSED, 0.0, STAMP)
    assert store.jobs.claim("pacs", 10, 1800, STAMP) == []
    assert store.jobs.get(job.job_id).state == "discarded"
    with pytest.raises(WrongState):
        store.desk.apply(job.job_id, "retry now", STAMP)


def test_part_of_an_exam_is_rejected_and_the_rest_goes_on(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    store.frames.commit(frame(2), 4, STAMP)
    store.frames.commit(frame(3), 4, STAMP)
    release(store)
    try_once(store, "pacs", SENT)
    with pytest.raises(NotFound):
        store.removals.request("r0", asked(1, 9), new(1), STAMP)
    removal = store.removals.request("r1", asked(1, 2, title=QUALITY), new(1), STAMP)
    assert (removal.destinations, set(removal.frame_ids)) == (("pacs",), {name(1), name(2)})
    assert store.exams.get("e1").state == "released"
    assert store.frames.to_build(0.0, 60.0) == [name(3)]
    assert store.review.freeze(name(2)) is None
    with pytest.raises(AlreadyRejected):
        store.removals.request("r2", asked(2), new(2), STAMP)
    settled = store.key_objects.settle(new(1).frame_id, ClockTrust.HOST, STAMP)
    assert settled is not None
    assert [r.sop_instance_uid for r in settled.content.references] == ["2.25.101"], "what was never sent is not named"
    store.removals.request("r3", asked(), new(3), STAMP)
    assert store.exams.get("e1").state == "rejected"


def test_nothing_left_the_box_yet_is_no_removal(store: Store) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP)
    store.exams.finish("e1", 1060.0, STAMP)
    with pytest.raises(NotYetOnItsWay):
        store.removals.request("r1", asked(), new(1), STAMP)
    with pytest.raises(NotFound):
        store.removals.request("r1", asked(exam_id="e9"), new(1), STAMP)
    assert store.removals.of_exam("e1") == []
    assert store.frames.get(name(1)).state is FrameState.CAPTURED


def test_a_step_in_progress_is_discontinued_a_completed_one_stays(store: Store) -> None:
    open_exam(store)
    store.frames.commit(frame(1), 4, STAMP, step=NewStep(step_uid="2.25.7", step_id="7", destination="steps"),
                        release_due=0.0)  # fmt: skip
    assert store.review.freeze(name(1)) == Annotation()
    store.exams.apply("e1", "hold", STAMP)
    with pytest.raises(NotYetOnItsWay):
        store.removals.request("r1", asked(), new(1), STAMP)
    made = BuiltObject(frame_id=name(1), sop_class_uid="1.2.840.10008.5.1.4.1.1.7", sop_instance_uid="2.25.101",
                       transfer_syntax_uid="1.2.840.10008.1.2.1", size=9, sha256="2" * 64)  # fmt: skip
    store.frames.built(made, (PACS,), STAMP)
    store.removals.request("r1", asked(), new(1), STAMP)
    step = store.steps.of_exam("e1")
    assert step is not None
    assert (step.state, step.reason) == ("discontinued", "110514")


def test_rejected_bytes_stay_until_the_request_is_ticked_off(store: Store) -> None:
    open_exam(store)
    built(store, 1)
    release(store)
    try_once(store, "pacs", SENT)
    store.removals.request("r1", asked(), new(1), STAMP)
    far = 4e9
    assert store.retention.safe(far, 10) == []
    assert store.retention.rejected(far, 10) == []
    store.removals.tick_off("r1", "phoned", replace(STAMP, who="olena"))
    assert store.removals.get("r1").done_by == "olena"
    assert store.retention.rejected(far, 10) == [name(1)]
    assert store.retention.rejected(1000.0, 10) == []
    assert store.retention.purge(name(1), STAMP)


def test_a_late_refusal_to_commit_a_rejected_object_changes_nothing(store: Store) -> None:
    from agent.store import Verdict

    open_exam(store)
    built(store, 1, (Route("pacs", commits=True),))
    release(store)
    try_once(store, "pacs", SENT)
    (request,) = store.jobs.claim("pacs", 1, 1800, STAMP)
    transaction = store.commitments.begin(request.job_id, "2.25.55", STAMP)
    store.removals.request("r1", asked(), new(1), STAMP)
    pair = transaction.references[0]
    store.commitments.settle(transaction, Verdict(store_again=[pair]), STAMP)
    states = {j.kind: j.state for j in store.jobs.of_exam("e1")}
    assert states["store"] == "done"
