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
    PURGED = "purged"
    """The bytes are gone: every required destination has it, or it was a tombstone. The end."""


class JobState(StrEnum):
    """Life of one piece of work for one destination."""

    PENDING = "pending"
    """Waits for its time (`not_before`); a retry is this state with a later time."""
    RUNNING = "running"
    """Leased by one run of the service; a lease of an older run becomes pending at start (ruling 2)."""
    DONE = "done"
    """The destination answered success or warning. The end."""
    HELD = "held"
    """This instance's own fault: kept for a person; everything else goes on."""
    DISCARDED = "discarded"
    """A named person gave it up with a reason. The end."""


class DestinationState(StrEnum):
    """What we believe of a destination."""

    UP = "up"
    """It answered last time, or was never tried."""
    DOWN = "down"
    """Transport failed; probed by C-ECHO, its jobs wait without using up tries."""
    MISCONFIGURED = "misconfigured"
    """Somebody must correct one end; loud, probed slowly."""


Table = Mapping[tuple[str, str], StrEnum]

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
    ("purge", FrameState.BUILT): FrameState.PURGED,
    ("purge", FrameState.TOMBSTONED): FrameState.PURGED,
}

JOB: Table = {
    ("claim", JobState.PENDING): JobState.RUNNING,
    ("sent", JobState.RUNNING): JobState.DONE,
    ("later", JobState.RUNNING): JobState.PENDING,
    ("hold", JobState.RUNNING): JobState.HELD,
    ("hold", JobState.PENDING): JobState.HELD,
    ("run over", JobState.RUNNING): JobState.PENDING,
    ("retry now", JobState.PENDING): JobState.PENDING,
    ("retry now", JobState.HELD): JobState.PENDING,
    ("discard", JobState.PENDING): JobState.DISCARDED,
    ("discard", JobState.HELD): JobState.DISCARDED,
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

TABLES: Mapping[str, Table] = {"exam": EXAM, "frame": FRAME, "job": JOB, "destination": DESTINATION, "device": DEVICE}


def after(machine: str, event: str, state: str) -> str:
    """Return the state of `machine` after `event` in `state`; raises `WrongState` on an illegal pair."""
    try:
        return TABLES[machine][(event, state)].value
    except KeyError:
        raise WrongState(f"{machine} is {state}: it cannot {event}.", machine=machine, state=state) from None
