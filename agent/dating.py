"""When pictures were really taken that were captured while nobody vouched for the clock (ruling 6).

In the same boot the boot clock tells: so long ago, from a time that is now trusted. After a reboot only a person can
tell, by a shift or by the instant of the first picture. Building waits for it; an object is never dated again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agent.clock import Clock
from agent.errors import BadRequest, ClockNotTrusted, WrongState
from agent.lifecycle import FrameState
from agent.model import ClockTrust
from agent.store import Exam, Store, StoredFrame
from agent.store.transition import Stamp

BOOTTIME, SHIFT, INSTANT = "boottime", "shift", "instant"
_AHEAD = timedelta(minutes=1)
_EARLIEST_YEAR = 2020
"""No picture was taken by this software before."""


class Dating:
    """Dates pictures; durable on return."""

    def __init__(self, store: Store, clock: Clock, boot_id: str, *, stamp: Callable[[str], Stamp]) -> None:
        self._store, self._clock, self._boot_id, self._stamp = store, clock, boot_id, stamp

    def by_boottime(self, frame: StoredFrame) -> str:
        """Return the instant (ISO 8601) of a picture of this boot; empty: of another, or the clock is not trusted."""
        if self._clock.trust() is ClockTrust.UNTRUSTED or not frame.boot_id or frame.boot_id != self._boot_id:
            return ""
        ago_ns = self._clock.boottime_ns() - frame.record.boottime_ns
        return (self._clock.now() - timedelta(microseconds=ago_ns / 1000)).isoformat()

    def by_itself(self, frame: StoredFrame) -> StoredFrame:
        """Return the picture, dated by the boot clock where that is possible; used right before it is built."""
        instant = self.by_boottime(frame) if frame.undated else ""
        if not instant:
            return frame
        frame_id = frame.record.frame_id
        self._store.dates.date({frame_id: instant}, BOOTTIME, self._stamp(""), held_by=ClockNotTrusted.code)
        return self._store.frames.get(frame_id)

    def date(self, exam_id: str, who: str, *, shift_s: float | None = None, instant: str = "") -> None:
        """Date an exam's pictures: by the boot clock, or `shift_s` seconds later than stamped, or from `instant` on.

        `instant` (ISO 8601, the site's zone unless it names one) is when the first of them was taken; the others keep
        their distance. Raises `WrongState` when there is nothing to date, `ClockNotTrusted`, `BadRequest`.
        """
        exam = self._store.exams.get(exam_id)
        frames = [f for f in self._store.frames.of_exam(exam_id) if _datable(f)]
        if not frames:
            raise WrongState("Every picture of this exam has its time already.")
        if shift_s is not None and instant:
            raise BadRequest("A shift or an instant, not both.")
        how, instants = self._instants(exam, frames, shift_s, instant)
        self._assert_possible(instants)
        self._store.dates.date(
            {name: at.isoformat() for name, at in instants.items()}, how, self._stamp(who), held_by=ClockNotTrusted.code
        )

    def _instants(
        self, exam: Exam, frames: list[StoredFrame], shift_s: float | None, instant: str
    ) -> tuple[str, dict[str, datetime]]:
        if shift_s is None and not instant:
            return BOOTTIME, {f.record.frame_id: self._of_this_boot(f) for f in frames}
        first = min(_acquired(frame) for frame in frames)
        if shift_s is not None:
            how, shift = SHIFT, timedelta(seconds=shift_s)
        else:
            how, shift = INSTANT, _instant(instant, exam.equipment.timezone) - first
        return how, {f.record.frame_id: _acquired(f) + shift for f in frames}

    def _of_this_boot(self, frame: StoredFrame) -> datetime:
        if self._clock.trust() is ClockTrust.UNTRUSTED:
            raise ClockNotTrusted
        told = self.by_boottime(frame)
        if not told:
            raise BadRequest("The box was restarted since: say when the first picture was taken.")
        return datetime.fromisoformat(told)

    def _assert_possible(self, instants: dict[str, datetime]) -> None:
        latest = self._clock.now() + _AHEAD
        trusted = self._clock.trust() is not ClockTrust.UNTRUSTED
        if any(at.year < _EARLIEST_YEAR or (trusted and at > latest) for at in instants.values()):
            raise BadRequest("The pictures cannot have been taken at that time.")


def _datable(frame: StoredFrame) -> bool:
    return frame.record.clock_trust is ClockTrust.UNTRUSTED and frame.state in (FrameState.CAPTURED, FrameState.HELD)


def _acquired(frame: StoredFrame) -> datetime:
    return datetime.fromisoformat(frame.record.acquired_at)


def _instant(text: str, zone: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
        return told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OverflowError):
        raise BadRequest("The instant was not understood: year-month-day and time are needed.") from None
