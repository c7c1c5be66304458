"""State machines as data: who may become what, and what a crash does to it.

`TABLES[machine][(event, state)]` is the next state; a pair that is not in the table is refused. Only `store`
applies these tables: the new state and an event row are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from agent.errors import WrongState


class ExamState(StrEnum):
    """Life of an exam."""

    OPEN = "open"
    """Entered by a confirmed choice of patient; captures are accepted in this state only. Left by `finish`,
    `hold` or `discard`. A crash leaves it open; the technician is asked before the next capture."""
    FINISHING = "finishing"
    """The undo window: nothing is built or sent yet. Left by `undo` (open again) or when the window ends.
    A crash gives the window anew."""
    RELEASED = "released"
    """Objects are built and queued. Left when every required destination has every instance, or to
    `held` by a person. A crash changes nothing: building and sending go on."""
    DELIVERED = "delivered"
    """Every required destination answered success or warning for every instance (promise P5)."""
    COMMITTED = "committed"
    """Every destination that is asked for Storage Commitment took responsibility."""
    HELD = "held"
    """Not sent, nothing lost: somebody has to look (identity, clock, validation). A crash changes nothing."""
    DISCARDED = "discarded"
    """A named person discarded it with a reason. The end."""
    REJECTED = "rejected"
    """A named person asked for the removal of all of it: nothing more of it is sent, and whoever got something gets a
    rejection note, queued in the same transaction. A crash changes nothing. The end."""


class FrameState(StrEnum):
    """Life of one captured still and its SOP Instance."""

    CAPTURED = "captured"
    """File and row are durable. Left by building, holding or deleting. A crash changes nothing."""
    BUILT = "built"
    """Its DICOM object is durable, validated, compared and queued; never written again."""
    HELD = "held"
    """Invalid, damaged or found after a power loss: kept for a person, not sent."""
    TOMBSTONED = "tombstoned"
    """Deleted in review: not sent, restorable until release (ruling 11)."""
    BOUND = "bound"
    """A scanned page that became part of a document of its exam (`reason` names it): not sent by itself, bytes kept
    as long as those of a tombstone."""
    COMPOSED = "composed"
    """A Key Object document that is to be built: it has no bytes of its own, only a row that says what it names. Left
    by building, holding, or when nothing is left that it could name. A crash changes nothing."""
    REJECTED = "rejected"
    """A named person asked for its removal: no longer sent anywhere, and named in a note to those who got it. Bytes
    kept as long as those of a picture that was sent."""
    PURGED = "purged"
    """The bytes are gone: every required destination has it, it was a tombstone, or a named person discarded its
    exam. The row is written before the files go; a crash in between is cleared up by the boot scan. The end."""


class JobState(StrEnum):
    """Life of one piece of work for one destination."""

    PENDING = "pending"
    """Waits for its time (`not_before`); a retry is this state with a later time."""
    RUNNING = "running"
    """Leased by one run of the service; a lease of an older run becomes pending at start (ruling 2)."""
    WAITING = "waiting"
    """Something else comes first (`waits_for`: a rendition, the step's N-CREATE, the last object); whoever finishes
    that makes it pending in the same transaction. A crash changes nothing."""
    DONE = "done"
    """The destination answered success or warning: sent, not yet confirmed. The end without Storage Commitment."""
    CONFIRMED = "confirmed"
    """The destination took responsibility (PS3.4 Annex J). The end."""
    HELD = "held"
    """This instance's own fault: kept for a person; everything else goes on."""
    DISCARDED = "discarded"
    """A named person gave it up with a reason. The end."""


class StepState(StrEnum):
    """Life of a Modality Performed Procedure Step (PS3.4 F.7.1): the last two are final."""

    IN_PROGRESS = "in progress"
    """Born with the first image, N-CREATE queued in the same transaction. A crash changes nothing."""
    COMPLETED = "completed"
    """The exam was released; the N-SET was queued in the same transaction."""
    DISCONTINUED = "discontinued"
    """The exam was discarded, with a reason of PS3.16 CID 9300; the N-SET was queued in the same transaction."""


class CommitmentState(StrEnum):
    """Life of one Storage Commitment transaction (PS3.4 J.3); its UID is never used again."""

    REQUESTED = "requested"
    """Durable before the N-ACTION leaves. Left by its report, a refusal, or when the wait is over."""
    COMMITTED = "committed"
    """Every object of it is confirmed. The end."""
    FAILED = "failed"
    """Some objects were not confirmed; those are stored or asked for again. The end."""
    REFUSED = "refused"
    """The N-ACTION was not accepted: no report will come. The end."""
    OVERDUE = "overdue"
    """No report in time: asked again under a new UID; a late report still counts."""


class RemovalState(StrEnum):
    """Life of a request to take pictures out of an archive."""

    TOLD_BY_NOTE = "told by note"
    """The rejection note is made and queued by itself; a person still has to tell the archive's administrator, because
    many archives ignore such notes. A crash changes nothing."""
    DONE = "done"
    """A named person ticked it off, or nobody had got anything. The end."""
class AccountState(StrEnum):
    """Life of a person's account."""

    ACTIVE = "active"
    """May log in."""
    DISABLED = "disabled"
    """May not, for now; every session of it has ended."""
    REMOVED = "removed"
    """Kept for the history, its secrets are gone. The end."""


class SessionState(StrEnum):
    """Life of one login; a crash changes nothing, only the time of the last act may be some seconds old."""

    ACTIVE = "active"
    """The person works."""
    LOCKED = "locked"
    """Idle too long, or locked by hand: PIN, badge or password brings it back (a new token)."""
    ENDED = "ended"
    """Logged out, revoked, too old, or its person's role changed. The end."""


class EnrolmentState(StrEnum):
    """Life of an enrolment code."""

    OPEN = "open"
    """Waits for its one use, 24 h at most."""
    USED = "used"
    REPLACED = "replaced"
    """A newer one was asked for, or its time was over."""


class AccessState(StrEnum):
    """Life of an enrolled screen and of a program's token."""

    VALID = "valid"
    REVOKED = "revoked"
    """An administrator took it back. The end."""


class DestinationState(StrEnum):
    """What we believe of a destination."""

    UP = "up"
    """It answered last time, or was never tried."""
    DOWN = "down"
    """Transport failed; probed by C-ECHO, its jobs wait without using up tries."""
    MISCONFIGURED = "misconfigured"
    """Somebody must correct one end; loud, probed slowly."""


Table = Mapping[tuple[str, str], StrEnum]

_SENDABLE = (
    ExamState.FINISHING, ExamState.RELEASED, ExamState.DELIVERED, ExamState.COMMITTED, ExamState.HELD,
)  # fmt: skip
"""States in which something of an exam may have left the box; an open one is held first."""

EXAM: Table = {
    ("finish", ExamState.OPEN): ExamState.FINISHING,
    ("undo", ExamState.FINISHING): ExamState.OPEN,
    ("release", ExamState.FINISHING): ExamState.RELEASED,
    ("release", ExamState.HELD): ExamState.RELEASED,
    ("hold", ExamState.OPEN): ExamState.HELD,
    ("hold", ExamState.FINISHING): ExamState.HELD,
    ("delivered", ExamState.RELEASED): ExamState.DELIVERED,
    ("committed", ExamState.DELIVERED): ExamState.COMMITTED,
    ("discard", ExamState.OPEN): ExamState.DISCARDED,
    **{("reject", state): ExamState.REJECTED for state in ExamState if state in _SENDABLE},
    ("discard", ExamState.FINISHING): ExamState.DISCARDED,
    ("discard", ExamState.HELD): ExamState.DISCARDED,
}

FRAME: Table = {
    ("built", FrameState.CAPTURED): FrameState.BUILT,
    ("hold", FrameState.CAPTURED): FrameState.HELD,
    ("hold", FrameState.BUILT): FrameState.HELD,
    ("accept", FrameState.HELD): FrameState.CAPTURED,
    ("delete", FrameState.CAPTURED): FrameState.TOMBSTONED,
    ("delete", FrameState.HELD): FrameState.TOMBSTONED,
    ("restore", FrameState.TOMBSTONED): FrameState.CAPTURED,
    ("restore held", FrameState.TOMBSTONED): FrameState.HELD,
    ("bind", FrameState.CAPTURED): FrameState.BOUND,
    ("built", FrameState.COMPOSED): FrameState.BUILT,
    ("hold", FrameState.COMPOSED): FrameState.HELD,
    ("compose", FrameState.HELD): FrameState.COMPOSED,
    ("drop", FrameState.COMPOSED): FrameState.TOMBSTONED,
    ("reject", FrameState.CAPTURED): FrameState.REJECTED,
    ("reject", FrameState.BUILT): FrameState.REJECTED,
    ("reject", FrameState.HELD): FrameState.REJECTED,
    ("reject", FrameState.COMPOSED): FrameState.REJECTED,
    ("purge", FrameState.REJECTED): FrameState.PURGED,
    ("purge", FrameState.COMPOSED): FrameState.PURGED,
    ("purge", FrameState.BOUND): FrameState.PURGED,
    ("purge", FrameState.BUILT): FrameState.PURGED,
    ("purge", FrameState.TOMBSTONED): FrameState.PURGED,
    ("purge", FrameState.CAPTURED): FrameState.PURGED,
    ("purge", FrameState.HELD): FrameState.PURGED,
}

JOB: Table = {
    ("claim", JobState.PENDING): JobState.RUNNING,
    ("sent", JobState.RUNNING): JobState.DONE,
    ("later", JobState.RUNNING): JobState.PENDING,
    ("wait", JobState.RUNNING): JobState.WAITING,
    ("ready", JobState.WAITING): JobState.PENDING,
    ("confirmed", JobState.DONE): JobState.CONFIRMED,
    ("confirmed", JobState.PENDING): JobState.CONFIRMED,  # a request whose report came although its answer was lost
    ("again", JobState.DONE): JobState.PENDING,
    ("again", JobState.CONFIRMED): JobState.PENDING,
    ("hold", JobState.RUNNING): JobState.HELD,
    ("hold", JobState.PENDING): JobState.HELD,
    ("hold", JobState.WAITING): JobState.HELD,
    ("hold", JobState.DONE): JobState.HELD,
    ("run over", JobState.RUNNING): JobState.PENDING,
    ("retry now", JobState.PENDING): JobState.PENDING,
    ("retry now", JobState.HELD): JobState.PENDING,
    ("discard", JobState.PENDING): JobState.DISCARDED,
    ("discard", JobState.HELD): JobState.DISCARDED,
    ("discard", JobState.WAITING): JobState.DISCARDED,
    ("give up", JobState.RUNNING): JobState.DISCARDED,  # its picture was rejected meanwhile
    ("redirect", JobState.PENDING): JobState.PENDING,
    ("redirect", JobState.WAITING): JobState.PENDING,
    ("redirect", JobState.HELD): JobState.PENDING,
}

PROCEDURE_STEP: Table = {
    ("complete", StepState.IN_PROGRESS): StepState.COMPLETED,
    ("discontinue", StepState.IN_PROGRESS): StepState.DISCONTINUED,
}

COMMITMENT: Table = {
    ("committed", CommitmentState.REQUESTED): CommitmentState.COMMITTED,
    ("committed", CommitmentState.OVERDUE): CommitmentState.COMMITTED,
    ("failed", CommitmentState.REQUESTED): CommitmentState.FAILED,
    ("failed", CommitmentState.OVERDUE): CommitmentState.FAILED,
    ("refused", CommitmentState.REQUESTED): CommitmentState.REFUSED,
    ("overdue", CommitmentState.REQUESTED): CommitmentState.OVERDUE,
}

DESTINATION: Table = {
    ("answered", DestinationState.UP): DestinationState.UP,
    ("answered", DestinationState.DOWN): DestinationState.UP,
    ("answered", DestinationState.MISCONFIGURED): DestinationState.UP,
    ("unreachable", DestinationState.UP): DestinationState.DOWN,
    ("unreachable", DestinationState.DOWN): DestinationState.DOWN,
    ("unreachable", DestinationState.MISCONFIGURED): DestinationState.DOWN,
    ("refused us", DestinationState.UP): DestinationState.MISCONFIGURED,
    ("refused us", DestinationState.DOWN): DestinationState.MISCONFIGURED,
    ("refused us", DestinationState.MISCONFIGURED): DestinationState.MISCONFIGURED,
}


ACCOUNT: Table = {
    ("disable", AccountState.ACTIVE): AccountState.DISABLED,
    ("enable", AccountState.DISABLED): AccountState.ACTIVE,
    ("remove", AccountState.ACTIVE): AccountState.REMOVED,
    ("remove", AccountState.DISABLED): AccountState.REMOVED,
}

SESSION: Table = {
    ("lock", SessionState.ACTIVE): SessionState.LOCKED,
    ("unlock", SessionState.LOCKED): SessionState.ACTIVE,
    **{(event, state): SessionState.ENDED for event in ("log out", "expire", "revoke")
       for state in (SessionState.ACTIVE, SessionState.LOCKED)},
}  # fmt: skip

ENROLMENT: Table = {
    ("use", EnrolmentState.OPEN): EnrolmentState.USED,
    ("replace", EnrolmentState.OPEN): EnrolmentState.REPLACED,
}

ACCESS: Table = {("revoke", AccessState.VALID): AccessState.REVOKED}


class DeviceState(StrEnum):
    """Life of a source, in memory only: a restart begins at `starting`."""

    STARTING = "starting"
    """Its child is coming up."""
    READY = "ready"
    """Pictures arrive."""
    NO_SIGNAL = "no signal"
    """The device is there, its picture is not."""
    RESTARTING = "restarting"
    """It crashed, hung or was unplugged; tried again by itself, for ever."""
    BROKEN = "broken"
    """It failed too often in a row; the reason is kept, and it is still tried once a minute."""


DEVICE: Table = {
    ("ready", DeviceState.STARTING): DeviceState.READY,
    ("ready", DeviceState.RESTARTING): DeviceState.READY,
    ("ready", DeviceState.NO_SIGNAL): DeviceState.READY,
    ("ready", DeviceState.READY): DeviceState.READY,
    ("signal lost", DeviceState.READY): DeviceState.NO_SIGNAL,
    ("signal lost", DeviceState.STARTING): DeviceState.NO_SIGNAL,
    ("signal lost", DeviceState.RESTARTING): DeviceState.NO_SIGNAL,
    ("signal lost", DeviceState.NO_SIGNAL): DeviceState.NO_SIGNAL,
    **{("failed", state): DeviceState.RESTARTING for state in DeviceState},
    **{("failed too often", state): DeviceState.BROKEN for state in DeviceState},
    **{("start", state): DeviceState.STARTING for state in DeviceState},
}

REMOVAL: Table = {
    ("tick off", RemovalState.TOLD_BY_NOTE): RemovalState.DONE,
}


class ConfigurationState(StrEnum):
    """Life of one change of the configuration; kept in a file beside it, written before each step.

    Where a service manager starts the service again, starts are counted in every state while the file (or a profile)
    is not the last good one: after three that did not last a minute `fall back` puts the last good one back.
    """

    STEADY = "steady"
    """No change is under way. A crash changes nothing."""
    PROPOSED = "proposed"
    """Validated and shown, not confirmed. Left by `confirm`, `withdraw` or another `propose`."""
    SWAPPED = "swapped"
    """Confirmed; the new file takes its place and the service restarts. A start that finds the old file still there
    says that the change was not made; after three starts that did not come up the old file is put back."""
    WATCHED = "watched"
    """The service came up with it; destinations that were up before are asked until all answered, or two minutes.
    A crash begins the two minutes anew, and counts as a start."""
    KEPT = "kept"
    """All that was up is up, or a person said so."""
    RETURNING = "returning"
    """The previous or the last good file is being put back; done again after a crash, as often as it takes."""
    RETURNED = "returned"
    """It is in its place. The reason is kept. Left by another change, or by a start that finds it edited by hand."""


CONFIGURATION: Table = {
    **{
        ("propose", state): ConfigurationState.PROPOSED
        for state in (
            ConfigurationState.STEADY,
            ConfigurationState.PROPOSED,
            ConfigurationState.KEPT,
            ConfigurationState.RETURNED,
        )
    },
    ("withdraw", ConfigurationState.PROPOSED): ConfigurationState.STEADY,
    ("confirm", ConfigurationState.PROPOSED): ConfigurationState.SWAPPED,
    ("not made", ConfigurationState.SWAPPED): ConfigurationState.RETURNED,
    ("up", ConfigurationState.SWAPPED): ConfigurationState.WATCHED,
    ("up", ConfigurationState.WATCHED): ConfigurationState.WATCHED,
    ("keep", ConfigurationState.WATCHED): ConfigurationState.KEPT,
    ("give back", ConfigurationState.SWAPPED): ConfigurationState.RETURNING,
    ("give back", ConfigurationState.WATCHED): ConfigurationState.RETURNING,
    ("returned", ConfigurationState.RETURNING): ConfigurationState.RETURNED,
    **{
        ("fall back", state): ConfigurationState.RETURNING
        for state in (
            ConfigurationState.STEADY,
            ConfigurationState.PROPOSED,
            ConfigurationState.KEPT,
            ConfigurationState.RETURNED,
        )
    },
    ("edited by hand", ConfigurationState.RETURNED): ConfigurationState.STEADY,
    ("edited by hand", ConfigurationState.SWAPPED): ConfigurationState.STEADY,
    ("edited by hand", ConfigurationState.WATCHED): ConfigurationState.STEADY,
}


class ClearingState(StrEnum):
    """Life of a factory reset or an erase; kept in a file beside the configuration (`agent.clearing`)."""

    MARKED = "marked"
    """Begun: from here on everything named goes. A crash changes nothing: the next start goes on with it."""
    CLEARED = "cleared"
    """All of it is gone. Left when the new audit trail has it written down (reset), or at once (erase)."""


CLEARING: Table = {("all gone", ClearingState.MARKED): ClearingState.CLEARED}

TABLES: Mapping[str, Table] = {
    "clearing": CLEARING,
    "configuration": CONFIGURATION,
    "exam": EXAM,
    "frame": FRAME,
    "job": JOB,
    "procedure_step": PROCEDURE_STEP,
    "commitment": COMMITMENT,
    "destination": DESTINATION,
    "removal": REMOVAL,
    "device": DEVICE,
    "account": ACCOUNT,
    "session": SESSION,
    "enrolment": ENROLMENT,
    "screen": ACCESS,
    "api_token": ACCESS,
}


def after(machine: str, event: str, state: str) -> str:
    """Return the state of `machine` after `event` in `state`; raises `WrongState` on an illegal pair."""
    try:
        return TABLES[machine][(event, state)].value
    except KeyError:
        raise WrongState(f"{machine} is {state}: it cannot {event}.", machine=machine, state=state) from None
