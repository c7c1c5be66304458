"""One error tree: what happened, what the person at the box should do, and who is to blame.

Every error has a `code` (for IT, printed last), a `hint` (what to do) and a `blame`. The class docstring is the
default message. A message never holds patient data: these texts go to logs, metrics and other processes.
Errors cross the border of a child process as a plain dictionary (`to_wire`, `from_wire`).
"""

from __future__ import annotations

from agent.account_errors import (
    AccountError,
    AuditBroken,
    LastAdministrator,
    LoginAgain,
    LoginBusy,
    NameTaken,
    NotLoggedIn,
    ScreenNotEnrolled,
    TooManyTries,
    WeakSecret,
    WrongCode,
    WrongLogin,
)
from agent.device_errors import (
    ClipBusy,
    ClipFailed,
    CoverOpen,
    DeviceAbsent,
    DeviceError,
    FrameRefused,
    NoCable,
    NoClip,
    NoFrameInTime,
    NoSignal,
    NoSync,
    OutOfPaper,
    PageTruncated,
    PictureNotLive,
    ScanCancelled,
    ScannerBusy,
    ScannerFailed,
    ScannerForbidden,
    ScannerJammed,
    ScannerSlow,
    UnknownSource,
    WrongStandard,
)
from agent.error import AgentError, Blame, from_wire

__all__ = [
    "AccountError",
    "AgentError",
    "AnotherExamOpen",
    "AnotherWriter",
    "AuditBroken",
    "BadRequest",
    "Blame",
    "CertificateError",
    "ChildBroken",
    "ChildDied",
    "ChildError",
    "ChildOverMemory",
    "ChildTimeout",
    "ClipBusy",
    "ClipFailed",
    "ClockNotTrusted",
    "ConfigurationError",
    "ConfigurationReadOnly",
    "CoverOpen",
    "DatabaseDamaged",
    "DeviceAbsent",
    "DeviceError",
    "DiskFull",
    "ExamClosed",
    "FrameRefused",
    "IdentityBlocked",
    "IdentityError",
    "IdentityMismatch",
    "IdleTooLong",
    "InvalidPatient",
    "LastAdministrator",
    "LoginAgain",
    "LoginBusy",
    "NameTaken",
    "NoCable",
    "NoClip",
    "NoFrameInTime",
    "NoOpenExam",
    "NoSignal",
    "NoSync",
    "NotConfirmed",
    "NotFound",
    "NotInControl",
    "NotLoggedIn",
    "NotPermitted",
    "ObjectCorrupt",
    "ObjectError",
    "ObjectInvalid",
    "OrderChanged",
    "OutOfDate",
    "OutOfPaper",
    "PageTruncated",
    "PeerError",
    "PictureNotLive",
    "QueryNotEncodable",
    "ScanCancelled",
    "ScannerBusy",
    "ScannerFailed",
    "ScannerForbidden",
    "ScannerJammed",
    "ScannerSlow",
    "SchemaTooNew",
    "ScreenNotEnrolled",
    "SnapshotMismatch",
    "SpoolDamaged",
    "StillThisPatient",
    "StorageError",
    "TooManyScreens",
    "TooManyTries",
    "UnknownSource",
    "WeakSecret",
    "WorklistBusy",
    "WorklistRefused",
    "WorklistUnreachable",
    "WrongCode",
    "WrongLogin",
    "WrongStandard",
    "WrongState",
    "from_wire",
]


# --- configuration -----------------------------------------------------------------------------------------


class ConfigurationError(AgentError):
    """The configuration has mistakes."""

    code = "C-01"
    blame = Blame.PERSON
    hint = "Correct the lines named here and run `modality-agent check` again."

    def __init__(self, message: str = "", problems: tuple[str, ...] = (), **facts: str | int | float | None) -> None:
        super().__init__(message, **facts)
        self.problems = problems


class ConfigurationReadOnly(AgentError):
    """The configuration could not be written. Nothing was changed."""

    code = "C-03"
    hint = "Let the service write into the folder of its configuration, or change the file by hand."


class CertificateError(AgentError):
    """The certificate could not be made."""

    code = "K-01"
    blame = Blame.PERSON
    hint = "Check the names, the dates and the folder."


class NotPermitted(AgentError):
    """This is not allowed to the person who asked."""

    code = "C-02"
    blame = Blame.PERSON
    hint = "Ask an administrator of the box."


# --- children and devices ----------------------------------------------------------------------------------


class ChildError(AgentError):
    """A part of the box did not do its work."""

    code = "B-10"
    safe = ""
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
    safe = ""
    blame = Blame.PERSON
    hint = "Look at the current patient and try again."


class NotInControl(OutOfDate):
    """Another screen works on this source. Nothing was changed."""

    code = "S-10"
    hint = "Press *Take over* to work here; the other screen then only shows."


class TooManyScreens(AgentError):
    """Too many screens are open."""

    code = "S-09"
    blame = Blame.PERSON
    hint = "Close a screen that nobody looks at."


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


class InvalidPatient(BadRequest):
    """A value that was typed for the patient cannot be used."""

    code = "I-12"
    hint = "Correct the field named here."


class StillThisPatient(IdentityError):
    """The box restarted while this exam was open. Nothing was captured."""

    code = "I-08"
    hint = "Confirm that it is still the same patient, or finish the exam."


class IdleTooLong(StillThisPatient):
    """No picture was taken for a while. Nothing was captured."""

    code = "I-11"


class NotConfirmed(IdentityError):
    """What was typed or scanned does not confirm the chosen patient."""

    code = "I-09"
    hint = "Read the number on the wristband again."


# --- disk, database, clock ---------------------------------------------------------------------------------


class StorageError(AgentError):
    """The box could not store. The last picture was not kept."""

    code = "D-10"
    safe = "What was captured before is safe."
    hint = "Do not continue; call IT."


class DiskFull(StorageError):
    """Storage is full. The picture was not kept; unsent pictures are never deleted."""

    code = "D-01"
    safe = ""
    hint = "Call IT today."


class AnotherWriter(StorageError):
    """Another modality-agent already works on this data folder."""

    code = "D-02"
    hint = "Stop the other one first."


class SchemaTooNew(StorageError):
    """The data was written by a newer version of the software. Nothing was touched."""

    code = "D-03"
    safe = ""
    hint = "Install the newer version again."


class SpoolDamaged(StorageError):
    """A stored file is damaged or missing."""

    code = "D-04"
    safe = ""
    hint = "Call IT; the damaged file is kept aside."


class DatabaseDamaged(StorageError):
    """The database is damaged. It is set aside and built anew from the files of the pictures."""

    code = "D-05"
    safe = ""
    hint = "Look at the held exams: nothing in them is sent before a person released it."


class ClockNotTrusted(AgentError):
    """The clock is not set. Images are kept and will be sent once the clock is right."""

    code = "T-01"
    safe = ""
    hint = "Check the time server, or confirm the time by hand."


# --- objects -----------------------------------------------------------------------------------------------


class ObjectError(AgentError):
    """The DICOM object could not be made from this picture."""

    code = "O-01"
    safe = "The picture is kept on this box and is not sent."
    blame = Blame.INSTANCE
    hint = "Call IT."


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
    safe = "The images are safe on this box."
    blame = Blame.DESTINATION
    hint = "They will be sent by themselves; you can go on."


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
