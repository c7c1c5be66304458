"""One error tree: what happened, what the person at the box should do, and who is to blame.

Every error has a `code` (for IT, printed last), a `hint` (what to do) and a `blame`. The class docstring is the
default message. A message never holds patient data: these texts go to logs, metrics and other processes.
Errors cross the border of a child process as a plain dictionary (`to_wire`, `from_wire`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Blame(StrEnum):
    """Who has to act so that the same thing does not happen again."""

    PERSON = "person"
    DEVICE = "device"
    BOX = "box"
    DESTINATION = "destination"
    INSTANCE = "instance"


class AgentError(Exception):
    """Something went wrong inside the box."""

    code: ClassVar[str] = "B-00"
    blame: ClassVar[Blame] = Blame.BOX
    hint: ClassVar[str] = "Call IT and name the code."
    _by_code: ClassVar[dict[str, type[AgentError]]] = {}

    def __init_subclass__(cls) -> None:
        other = AgentError._by_code.setdefault(cls.code, cls)
        if other is not cls and other.__qualname__ != cls.__qualname__ and "code" in cls.__dict__:
            raise TypeError(f"{cls.__name__} and {other.__name__} share the code {cls.code}")

    def __init__(self, message: str = "", **facts: str | int | float | None) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.facts = facts
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint} ({self.code})"

    @classmethod
    def by_code(cls, code: str) -> type[AgentError]:
        """Return the class of a code; an unknown one is a plain `AgentError`."""
        return cls._by_code.get(code, AgentError)

    def to_wire(self) -> dict[str, Any]:
        """Return the error as JSON-ready values, to cross a process border."""
        return {"code": self.code, "message": self.message, "facts": self.facts}


def from_wire(value: dict[str, Any]) -> AgentError:
    """Return the error that `to_wire` described; an unknown code becomes a plain `AgentError`."""
    kind = AgentError.by_code(str(value.get("code")))
    return kind(str(value.get("message", "")), **dict(value.get("facts") or {}))


# --- configuration -----------------------------------------------------------------------------------------


class ConfigurationError(AgentError):
    """The configuration has mistakes."""

    code = "C-01"
    blame = Blame.PERSON
    hint = "Correct the lines named here and run `modality-agent check` again."

    def __init__(self, message: str = "", problems: tuple[str, ...] = (), **facts: str | int | float | None) -> None:
        super().__init__(message, **facts)
        self.problems = problems


class NotPermitted(AgentError):
    """This is not allowed to the person who asked."""

    code = "C-02"
    blame = Blame.PERSON
    hint = "Ask an administrator of the box."


# --- children and devices ----------------------------------------------------------------------------------


class ChildError(AgentError):
    """A part of the box did not do its work."""

    code = "B-10"
    hint = "It is restarted by itself; nothing that was captured is lost."


class ChildDied(ChildError):
    """A part of the box stopped before it answered."""

    code = "B-11"


class ChildTimeout(ChildError):
    """A part of the box did not answer in time and was stopped."""

    code = "B-12"


class ChildBroken(ChildError):
    """A part of the box failed too often and waits before it is tried again."""

    code = "B-13"
    hint = "Look at the reason; it is tried again by itself."


class ChildOverMemory(ChildError):
    """A part of the box used more memory than it may and was stopped."""

    code = "B-14"


class DeviceError(AgentError):
    """The capture device does not work."""

    code = "V-01"
    blame = Blame.DEVICE
    hint = "Check the cable and the device."


class DeviceAbsent(DeviceError):
    """The capture device is not there."""

    code = "V-02"
    hint = "Check that the grabber is plugged in."


class NoSignal(DeviceError):
    """There is no video signal. Nothing can be captured."""

    code = "V-03"
    hint = "Check the cable and that the device is switched on."


class PictureNotLive(DeviceError):
    """The picture is not moving or is a test picture. Nothing was captured."""

    code = "V-04"
    hint = "Check the device's own screen."


class FrameRefused(DeviceError):
    """The device delivered a broken picture. Nothing was captured."""

    code = "V-05"
    hint = "Press again; if it happens often, check the cable and the device's settings."


class NoFrameInTime(DeviceError):
    """The device delivered no new picture after the press. Nothing was captured."""

    code = "V-06"
    hint = "Press again."


class NoCable(NoSignal):
    """There is no cable at the input, or the device at its other end is off. Nothing can be captured."""

    code = "V-08"
    hint = "Check the cable at both ends and that the device is switched on."


class NoSync(NoSignal):
    """The video signal cannot be locked. Nothing can be captured."""

    code = "V-09"
    hint = "Check the cable and the device's output format; the source's profile says what is expected."


class WrongStandard(NoSignal):
    """The video standard is not the one that is set. Nothing can be captured."""

    code = "V-10"
    hint = "Set the standard in the source's options: PAL, NTSC or SECAM."


class ClipFailed(DeviceError):
    """The clip could not be written. What was recorded until then is kept."""

    code = "V-11"
    blame = Blame.BOX
    hint = "Look at the free space; call IT if it happens again."


class ClipBusy(DeviceError):
    """A clip is being recorded already."""

    code = "V-12"
    blame = Blame.PERSON
    hint = "End it first."


class NoClip(DeviceError):
    """No clip is being recorded."""

    code = "V-13"
    blame = Blame.PERSON
    hint = "Start one first."


class ScannerJammed(DeviceError):
    """Paper is jammed. The pages scanned before are kept."""

    code = "V-20"
    hint = "Clear the paper and scan the remaining sheets again."


class CoverOpen(DeviceError):
    """The scanner's cover is open."""

    code = "V-21"
    hint = "Close it and scan again."


class OutOfPaper(DeviceError):
    """There is no sheet in the feeder."""

    code = "V-22"
    hint = "Put sheets in and scan again."


class ScanCancelled(DeviceError):
    """The scan was cancelled. The pages scanned before are kept."""

    code = "V-23"
    blame = Blame.PERSON
    hint = "Scan again when ready."


class ScannerBusy(DeviceError):
    """The scanner is busy."""

    code = "V-24"
    hint = "Wait until it is free and scan again."


class ScannerForbidden(DeviceError):
    """The box may not use this scanner."""

    code = "V-25"
    blame = Blame.BOX
    hint = "Call IT."


class ScannerFailed(DeviceError):
    """The scanner stopped with an error. The pages scanned before are kept."""

    code = "V-26"
    hint = "Check its cable and scan again."


class PageTruncated(DeviceError):
    """A page did not arrive whole and was not kept."""

    code = "V-27"
    hint = "Scan it again."


class ScannerSlow(DeviceError):
    """The scanner did not deliver the page in time. The pages scanned before are kept."""

    code = "V-28"
    hint = "Check it and scan again."


class UnknownSource(DeviceError):
    """There is no source of that name."""

    code = "V-07"
    blame = Blame.PERSON
    hint = "`modality-agent status` lists the sources."


# --- exam and patient --------------------------------------------------------------------------------------


class IdentityError(AgentError):
    """The patient is not certain."""

    code = "I-01"
    blame = Blame.PERSON
    hint = "Choose the patient again."


class IdentityMismatch(IdentityError):
    """STOP. What was confirmed does not match the chosen patient."""

    code = "I-02"
    hint = "Go back and choose the right patient."


class IdentityBlocked(IdentityError):
    """This worklist entry cannot be used: its identity is not complete or not readable."""

    code = "I-03"
    hint = "Ask the registration desk to correct the order, or start an emergency exam."


class OrderChanged(IdentityError):
    """This order was cancelled or changed since the list was shown."""

    code = "I-04"
    hint = "Go back and choose again."


class NoOpenExam(IdentityError):
    """No exam is open. Nothing was captured."""

    code = "I-05"
    hint = "Choose a patient first."


class ExamClosed(IdentityError):
    """The exam that was open at the press has ended. Nothing was captured."""

    code = "I-06"
    hint = "Choose a patient first."


class AnotherExamOpen(IdentityError):
    """Another exam is still open on this source."""

    code = "I-07"
    hint = "Finish the open exam first."


class OutOfDate(AgentError):
    """This screen was out of date. Nothing was changed."""

    code = "S-05"
    blame = Blame.PERSON
    hint = "Look at the current patient and try again."


class NotFound(AgentError):
    """There is nothing of that name."""

    code = "S-06"
    blame = Blame.PERSON
    hint = "Look at the list again."


class WrongState(AgentError):
    """This cannot be done now."""

    code = "S-07"
    blame = Blame.PERSON
    hint = "Look at the current state and try again."


class BadRequest(AgentError):
    """The request was not understood."""

    code = "S-08"
    blame = Blame.PERSON
    hint = "Correct the request."


class StillThisPatient(IdentityError):
    """The box restarted while this exam was open. Nothing was captured."""

    code = "I-08"
    hint = "Confirm that it is still the same patient, or finish the exam."


class NotConfirmed(IdentityError):
    """What was typed or scanned does not confirm the chosen patient."""

    code = "I-09"
    hint = "Read the number on the wristband again."


# --- disk, database, clock ---------------------------------------------------------------------------------


class StorageError(AgentError):
    """The box could not store. Nothing new is safe."""

    code = "D-10"
    hint = "Do not continue; call IT. What was captured before is safe."


class DiskFull(StorageError):
    """Storage is full. The picture was not kept; unsent pictures are never deleted."""

    code = "D-01"
    hint = "Call IT today."


class AnotherWriter(StorageError):
    """Another modality-agent already works on this data folder."""

    code = "D-02"
    hint = "Stop the other one first."


class SchemaTooNew(StorageError):
    """The data was written by a newer version of the software. Nothing was touched."""

    code = "D-03"
    hint = "Install the newer version again."


class SpoolDamaged(StorageError):
    """A stored file is damaged or missing."""

    code = "D-04"
    hint = "Call IT; the damaged file is kept aside."


class DatabaseDamaged(StorageError):
    """The database is damaged. It is set aside and built anew from the files of the pictures."""

    code = "D-05"
    hint = "Look at the held exams: nothing in them is sent before a person released it."


class ClockNotTrusted(AgentError):
    """The clock is not set. Images are kept and will be sent once the clock is right."""

    code = "T-01"
    hint = "Check the time server, or confirm the time by hand."


# --- objects -----------------------------------------------------------------------------------------------


class ObjectError(AgentError):
    """The DICOM object could not be made from this picture."""

    code = "O-01"
    blame = Blame.INSTANCE
    hint = "The picture is safe and held; call IT."


class ObjectInvalid(ObjectError):
    """The DICOM object did not pass our own checks and was not queued."""

    code = "O-02"


class SnapshotMismatch(ObjectError):
    """The written object does not carry the confirmed patient. It was held."""

    code = "O-03"


class ObjectCorrupt(ObjectError):
    """The stored object changed on the disk. It was held, not sent."""

    code = "O-04"


# --- network -----------------------------------------------------------------------------------------------


class PeerError(AgentError):
    """The other side did not do what was asked."""

    code = "P-00"
    blame = Blame.DESTINATION
    hint = "The images are safe and will be sent by themselves."


class WorklistUnreachable(PeerError):
    """The worklist server does not answer."""

    code = "W-01"
    hint = "The last list is shown with its age."


class WorklistRefused(PeerError):
    """The worklist server refused the query."""

    code = "W-02"
    hint = "Call IT; the last list is shown with its age."


class QueryNotEncodable(AgentError):
    """The search text cannot be written in the worklist server's character set."""

    code = "W-03"
    blame = Blame.PERSON
    hint = "Search by number instead."


class WorklistBusy(WorklistRefused):
    """The worklist server is out of resources."""

    code = "W-04"
    hint = "It is asked again by itself; the last list is shown with its age."
