"""The queue's promises: turns, renditions, standby, steps in order, commitment believed only for what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agent import errors
from agent.errors import Blame
from agent.lifecycle import CommitmentState, ExamState, FrameState, JobState, StepState
from agent.model import BuiltObject, Route
from agent.outcome import Action, Outcome, Phase
from agent.store import Job, NewStep, Stamp, Store, Verdict
from agent.store.migrations import migrate
from tests.unit.core.test_core_store import STAMP, built, frame, open_exam

SC, EXPLICIT, JPEG = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
SENT = Outcome(phase=Phase.RESPONSE, action=Action.SENT, code="0x0000", words="Stored.", blame=Blame.DESTINATION)
LATER = replace(SENT, phase=Phase.TCP, action=Action.RETRY_LATER, code="refused", words="w")
FALL_BACK = replace(SENT, phase=Phase.CONTEXT, action=Action.FALL_BACK, code="context 4", words="w")
COMMITTING = (Route("pacs", commits=True),)
STEP = NewStep(step_uid="2.25.500", step_id="500", destination="procedure-steps")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    migrate(str(tmp_path / "db"))
    store = Store(tmp_path / "db")
    open_exam(store)
    yield store
    store.close()


def at(seconds: float) -> Stamp:
    return replace(STAMP, unix=STAMP.unix + seconds)


def claim(store: Store, name: str = "pacs", seconds: float = 0, limit: int = 10, **lane: bool) -> list[Job]:
    return store.jobs.claim(name, limit, 1800, at(seconds), **lane)


def send(store: Store, name: str = "pacs", seconds: float = 0) -> None:
    for job in claim(store, name, seconds):
        store.jobs.settle(job, "sent", SENT, at(seconds).unix + 3600, at(seconds))


def states(store: Store, kind: str = "store", exam: str = "e1") -> list[JobState]:
    return [job.state for job in store.jobs.of_exam(exam) if job.kind == kind]


def release(store: Store) -> None:
    store.exams.finish("e1", STAMP.unix, STAMP)
    assert store.exams.release_due(STAMP.unix, 60, STAMP) == ["e1"]


# --- turns -------------------------------------------------------------------------------------------------


def test_new_work_and_retries_take_turns(store: Store) -> None:
    for number in (1, 2, 3, 4):
        built(store, number)
    for job in claim(store, limit=2):
        store.jobs.settle(job, "later", LATER, STAMP.unix, STAMP)
    assert [job.frame_id[-1] for job in claim(store, limit=1)] == ["3"]
    assert [job.frame_id[-1] for job in claim(store, limit=1, retried_first=True)] == ["1"]
    assert [job.frame_id[-1] for job in claim(store, limit=9, retried_first=True)] == ["2"]
    assert [job.frame_id[-1] for job in claim(store, limit=9, retried_first=True)] == ["4"], "an empty lane gives way"
    assert claim(store) == []


def test_next_due_is_the_earlier_of_both_lanes(store: Store) -> None:
    assert store.jobs.next_due("pacs", 1e12) == float("inf")
    built(store, 1)
    (job,) = claim(store)
    store.jobs.settle(job, "later", LATER, 5000.0, STAMP)
    assert store.jobs.next_due("pacs", 1e12) == 5000.0
    built(store, 2)
    assert store.jobs.next_due("pacs", 1e12) == STAMP.unix
    assert store.jobs.next_due("pacs", 4000.0) == float("-inf")


# --- renditions --------------------------------------------------------------------------------------------


def made(number: int, syntax: str = EXPLICIT) -> BuiltObject:
    return BuiltObject(
        frame_id=frame(number).frame_id, sop_class_uid=SC, sop_instance_uid=frame(number).sop_instance_uid,
        transfer_syntax_uid=syntax, size=77, sha256="2" * 64,
    )  # fmt: skip


def test_a_refused_syntax_waits_for_one_rendition_and_teaches_the_next(store: Store) -> None:
    built(store, 1)
    built(store, 2)
    (first,) = claim(store, limit=1)
    store.renditions.choose(first, JPEG, FALL_BACK, STAMP)
    assert states(store) == [JobState.WAITING, JobState.PENDING]
    assert claim(store) == [], "the second waits as well: the destination is known now"
    assert sorted(store.renditions.wanted()) == [(frame(n).frame_id, JPEG) for n in (1, 2)]
    store.renditions.built(made(1, JPEG), STAMP)
    (ready,) = claim(store)
    assert (ready.transfer_syntax_uid, ready.size, ready.sha256, ready.is_rendition) == (JPEG, 77, "2" * 64, True)
    store.renditions.failed(frame(2).frame_id, JPEG, "O-04", "not the same", STAMP)
    assert states(store) == [JobState.RUNNING, JobState.HELD]
    with pytest.raises(errors.StorageError):
        store.renditions.built(made(1, JPEG), STAMP)


def test_what_a_destination_takes_is_believed_for_a_day(store: Store) -> None:
    built(store, 1)
    store.renditions.choose(claim(store)[0], JPEG, FALL_BACK, STAMP)
    built(store, 2)
    (job,) = [j for j in claim(store, seconds=86401) if j.frame_id == frame(2).frame_id]
    assert job.transfer_syntax_uid == EXPLICIT


# --- standby and redirection -------------------------------------------------------------------------------

TWO = (Route("pacs", standby=Route("spare", commits=True)),)


def test_a_standby_takes_whole_studies_and_keeps_them(store: Store) -> None:
    open_exam(store, "e2", "us2", study="2.25.2")
    built(store, 1, TWO)
    send(store)
    built(store, 2, TWO)
    built(store, 3, TWO, "e2")
    assert TWO[0].standby
    assert store.desk.fail_over("pacs", TWO[0].standby, STAMP) == 1, "a study that was begun there stays there"
    built(store, 4, TWO, "e2")
    assert [(j.frame_id[-1], j.commits) for j in claim(store, "spare")] == [("3", True), ("4", True)]
    assert [j.frame_id[-1] for j in claim(store, "pacs")] == ["2"]


def test_a_person_redirects_a_job_once(store: Store) -> None:
    built(store, 1)
    (job,) = store.jobs.of_exam("e1")
    store.desk.redirect(job.job_id, Route("other"), STAMP, reason="moved")
    assert claim(store) == []
    (moved,) = claim(store, "other")
    assert moved.job_id == job.job_id
    with pytest.raises(errors.WrongState):
        store.desk.redirect(job.job_id, Route("other"), STAMP, reason="again")


# --- procedure steps ---------------------------------------------------------------------------------------


def capture_with_step(store: Store, number: int) -> None:
    store.frames.commit(frame(number), 4, STAMP, step=STEP)


def record_built(store: Store, number: int) -> None:
    store.frames.built(made(number), (Route("pacs"),), STAMP)


def test_a_step_begins_once_and_ends_in_order(store: Store) -> None:
    capture_with_step(store, 1)
    capture_with_step(store, 2)
    assert states(store, "n-create") == [JobState.PENDING]
    release(store)
    step = store.steps.of_exam("e1")
    assert step
    assert (step.state, step.step_uid) == (StepState.COMPLETED, STEP.step_uid)
    send(store, "procedure-steps")
    record_built(store, 1)
    assert states(store, "n-set") == [JobState.WAITING], "a picture is still to be built"
    record_built(store, 2)
    assert states(store, "n-set") == [JobState.PENDING]
    assert store.steps.performed("e1") == [(SC, frame(n).sop_instance_uid) for n in (1, 2)]


def test_the_end_waits_for_the_answer_to_the_beginning(store: Store) -> None:
    capture_with_step(store, 1)
    release(store)
    record_built(store, 1)
    assert [j.kind for j in claim(store, "procedure-steps")] == ["n-create"]
    assert states(store, "n-set") == [JobState.WAITING]
    (job,) = [j for j in store.jobs.of_exam("e1") if j.kind == "n-create"]
    store.jobs.settle(job, "sent", SENT, 0, STAMP)
    assert states(store, "n-set") == [JobState.PENDING]


def test_a_discarded_exam_discontinues_its_step_with_the_reason(store: Store) -> None:
    capture_with_step(store, 1)
    send(store, "procedure-steps")
    store.exams.apply("e1", "discard", STAMP, reason="wrong row", code="110514")
    step = store.steps.of_exam("e1")
    assert step
    assert (step.state, step.reason) == (StepState.DISCONTINUED, "110514")
    assert states(store, "n-set") == [JobState.PENDING]
    assert store.frames.of_exam("e1")[0].state is FrameState.CAPTURED


def test_an_exam_of_which_something_was_built_is_not_discarded(store: Store) -> None:
    built(store, 1)
    with pytest.raises(errors.WrongState):
        store.exams.apply("e1", "discard", STAMP, reason="no")


def test_pictures_released_one_by_one(store: Store) -> None:
    store.frames.commit(frame(1), 4, STAMP, release_due=STAMP.unix + 60)
    store.frames.commit(frame(2), 4, STAMP)
    assert store.frames.to_build(STAMP.unix + 59, 60) == []
    assert store.frames.next_release() == STAMP.unix + 60
    assert store.frames.to_build(STAMP.unix + 60, 60) == [frame(1).frame_id]
    assert store.frames.to_build(STAMP.unix - 10_000, 60) == [frame(1).frame_id], "a clock that jumped back"


def test_an_exam_that_is_held_for_long_is_known(store: Store) -> None:
    store.exams.apply("e1", "hold", STAMP, reason="identity")
    held_at = datetime.fromisoformat(STAMP.at).timestamp()
    assert store.exams.held_before(held_at) == []
    assert store.exams.held_before(held_at + 1) == ["e1"]
    store.exams.apply("e1", "release", STAMP)
    assert store.exams.held_before(held_at + 1) == []


# --- Storage Commitment ------------------------------------------------------------------------------------


def asked(store: Store, uid: str = "2.25.900", seconds: float = 0) -> tuple[Job, tuple[tuple[str, str], ...]]:
    (job,) = claim(store, seconds=seconds)
    assert job.kind == "commit"
    return job, store.commitments.begin(job.job_id, uid, at(seconds)).references


def test_it_is_asked_once_everything_is_sent_and_confirmed_by_the_report_alone(store: Store) -> None:
    built(store, 1, COMMITTING)
    built(store, 2, COMMITTING)
    first, second = claim(store)
    store.jobs.settle(first, "sent", SENT, 0, STAMP)
    assert states(store, "commit") == []
    store.jobs.settle(second, "sent", SENT, 0, STAMP)
    job, references = asked(store)
    assert references == tuple((SC, frame(n).sop_instance_uid) for n in (1, 2))
    store.jobs.settle(job, "sent", SENT, at(3600).unix, STAMP)
    assert states(store) == [JobState.DONE] * 2, "asked is not confirmed"
    transaction = store.commitments.get("2.25.900")
    assert transaction
    store.commitments.settle(transaction, Verdict(committed=references), STAMP)
    assert states(store) + states(store, "commit") == [JobState.CONFIRMED] * 3
    store.commitments.settle(transaction, Verdict(store_again=references), STAMP)
    assert states(store) == [JobState.CONFIRMED] * 2, "a later contradiction takes nothing back"


def test_a_report_that_outruns_the_answer(store: Store) -> None:
    built(store, 1, COMMITTING)
    send(store)
    job, references = asked(store)
    transaction = store.commitments.get("2.25.900")
    assert transaction
    store.commitments.settle(transaction, Verdict(committed=references), STAMP)
    store.jobs.settle(job, "later", LATER, STAMP.unix + 5, STAMP)
    assert states(store, "commit") == [JobState.CONFIRMED], "the answer was lost, the report was not"


def test_what_the_archive_does_not_have_is_stored_again_and_asked_again(store: Store) -> None:
    for number in (1, 2):
        built(store, number, COMMITTING)
    send(store)
    job, references = asked(store)
    store.jobs.settle(job, "sent", SENT, at(3600).unix, STAMP)
    transaction = store.commitments.get("2.25.900")
    assert transaction
    store.commitments.settle(transaction, Verdict(committed=references[:1], store_again=references[1:]), STAMP)
    assert states(store) == [JobState.CONFIRMED, JobState.PENDING]
    send(store)
    again, left = asked(store, "2.25.901")
    assert (again.job_id, left) == (job.job_id, references[1:])
    stranger = Verdict(committed=[(SC, "2.25.999")])
    other = store.commitments.get("2.25.901")
    assert other
    store.commitments.settle(other, stranger, STAMP)
    assert states(store) == [JobState.CONFIRMED, JobState.DONE], "what was not asked is not believed"


def test_no_report_is_asked_again_under_a_new_uid_and_a_late_one_still_counts(store: Store) -> None:
    built(store, 1, COMMITTING)
    send(store)
    job, references = asked(store)
    store.jobs.settle(job, "sent", SENT, at(3600).unix, STAMP)
    assert store.commitments.overdue("pacs", 10, at(3599)) == []
    assert claim(store, seconds=3599) == []
    store.commitments.overdue("pacs", 10, at(3600))
    late = store.commitments.get("2.25.900")
    assert late
    assert late.state is CommitmentState.OVERDUE
    again, _ = asked(store, "2.25.902", 3600)
    store.jobs.settle(again, "sent", SENT, at(9999).unix, at(3600))
    store.commitments.settle(late, Verdict(committed=references), at(3700))
    assert states(store) == [JobState.CONFIRMED]


def test_without_any_report_a_person_is_told_in_the_end(store: Store) -> None:
    built(store, 1, COMMITTING)
    send(store)
    held: list[int] = []
    for number in range(10):
        job, _ = asked(store, f"2.25.9{number}", number * 100)
        store.jobs.settle(job, "sent", SENT, at(number * 100 + 50).unix, at(number * 100))
        held = store.commitments.overdue("pacs", 10, at(number * 100 + 50))
    assert len(held) == 1
    assert states(store, "commit") == [JobState.HELD]


def test_an_exam_is_delivered_by_required_and_committed_by_committing_destinations(store: Store) -> None:
    routes = (Route("pacs", commits=True), Route("mirror", required=False))
    built(store, 1, routes)
    release(store)
    send(store)
    assert store.exams.close_delivered(STAMP) == ["e1"]
    assert not store.exams.close_committed("e1", STAMP)
    job, references = asked(store)
    store.jobs.settle(job, "sent", SENT, at(3600).unix, STAMP)
    transaction = store.commitments.get("2.25.900")
    assert transaction
    assert store.commitments.settle(transaction, Verdict(committed=references), STAMP) == "e1"
    assert store.exams.close_committed("e1", STAMP)
    assert store.exams.get("e1").state is ExamState.COMMITTED


# --- retention ---------------------------------------------------------------------------------------------


def test_only_what_every_destination_has_may_go(store: Store) -> None:
    later = STAMP.unix + 1e10
    routes = (Route("pacs", commits=True), Route("mirror", required=False))
    built(store, 1, routes)
    release(store)
    assert store.retention.safe(later, 10) == []
    send(store)
    store.exams.close_delivered(STAMP)
    send(store, "mirror")
    assert store.retention.safe(later, 10) == [], "sent is not confirmed"
    assert not store.retention.purge(frame(1).frame_id, STAMP)
    job, references = asked(store)
    store.jobs.settle(job, "sent", SENT, at(3600).unix, STAMP)
    transaction = store.commitments.get("2.25.900")
    assert transaction
    store.commitments.settle(transaction, Verdict(committed=references), STAMP)
    assert store.retention.safe(0, 10) == []
    assert store.retention.safe(later, 10) == [frame(1).frame_id]
    assert store.retention.purge(frame(1).frame_id, STAMP)
    assert not store.retention.purge(frame(1).frame_id, STAMP)


def test_a_duplicate_is_kept_until_it_is_confirmed(store: Store) -> None:
    built(store, 1)
    release(store)
    (job,) = claim(store)
    store.jobs.settle(job, "sent", replace(SENT, action=Action.SENT_WITH_WARNING, code="0x0111"), 0, STAMP)
    store.exams.close_delivered(STAMP)
    assert store.retention.safe(1e12, 10) == []


def test_pictures_of_a_discarded_exam_go_after_their_time(store: Store) -> None:
    store.frames.commit(frame(1), 4, STAMP)
    assert store.retention.given_up(1e12, 10) == []
    store.exams.apply("e1", "discard", STAMP, reason="by a person")
    assert store.retention.given_up(1e12, 10) == [frame(1).frame_id]


def test_two_workers_that_see_the_same_last_answer_close_the_exam_once(store: Store) -> None:
    built(store, 1)
    release(store)
    send(store)
    write, closed = store.exams._database.write, []

    def overtaken(work: object) -> object:
        if not closed:
            closed.append("first")
            closed.append(store.exams.close_delivered(STAMP))
        return write(work)  # type: ignore[arg-type]

    store.exams._database.write = overtaken  # type: ignore[method-assign,assignment]
    assert store.exams.close_delivered(STAMP) == []
    assert closed == ["first", ["e1"]]
    assert store.exams.get("e1").state is ExamState.DELIVERED


def test_a_worker_that_begins_anew_gets_its_jobs_back(store: Store) -> None:
    built(store, 1)
    built(store, 2, (Route("other"),))
    release(store)
    (job,) = claim(store)
    claim(store, "other")
    assert store.jobs.give_back("pacs", at(1)) == 1
    assert store.jobs.get(job.job_id).state is JobState.PENDING
    assert [j.state for j in store.jobs.of_exam("e1") if j.destination == "other"] == [JobState.RUNNING]
    assert store.jobs.give_back("pacs", at(2)) == 0
