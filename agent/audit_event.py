"""Which change of state is which audit event, as data (PS3.15 A.5.3, PS3.16 CID 400 to 403).

One exam makes a handful of rows, not one for each picture or job: PS3.15 A.5.3.6 and A.5.3.7 let one message tell of
all instances of a study, and who may have seen whom is told by the exam. The history of every job is in `event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EventId(StrEnum):
    """CID 400 Audit Event ID, DCM."""

    APPLICATION_ACTIVITY = "110100"
    AUDIT_LOG_USED = "110101"
    BEGIN_TRANSFERRING = "110102"
    INSTANCES_ACCESSED = "110103"
    INSTANCES_TRANSFERRED = "110104"
    STUDY_DELETED = "110105"
    EXPORT = "110106"
    IMPORT = "110107"
    PATIENT_RECORD = "110110"
    QUERY = "110112"
    SECURITY_ALERT = "110113"
    USER_AUTHENTICATION = "110114"


class TypeCode(StrEnum):
    """CID 401 Audit Event Type Code, DCM; NONE: the event has no types."""

    NONE = ""
    START = "110120"
    STOP = "110121"
    LOGIN = "110122"
    LOGOUT = "110123"
    NODE_AUTHENTICATION = "110126"
    EMERGENCY_OVERRIDE = "110127"
    NETWORK_CONFIGURATION = "110128"
    SECURITY_CONFIGURATION = "110129"
    HARDWARE_CONFIGURATION = "110130"
    SOFTWARE_CONFIGURATION = "110131"
    RESTRICTED_FUNCTION = "110132"
    ROLES_CHANGED = "110136"
    USER_CHANGED = "110137"


MEANINGS: Mapping[str, str] = {
    EventId.APPLICATION_ACTIVITY: "Application Activity",
    EventId.AUDIT_LOG_USED: "Audit Log Used",
    EventId.BEGIN_TRANSFERRING: "Begin Transferring DICOM Instances",
    EventId.INSTANCES_ACCESSED: "DICOM Instances Accessed",
    EventId.INSTANCES_TRANSFERRED: "DICOM Instances Transferred",
    EventId.STUDY_DELETED: "DICOM Study Deleted",
    EventId.EXPORT: "Export",
    EventId.IMPORT: "Import",
    EventId.PATIENT_RECORD: "Patient Record",
    EventId.QUERY: "Query",
    EventId.SECURITY_ALERT: "Security Alert",
    EventId.USER_AUTHENTICATION: "User Authentication",
    TypeCode.START: "Application Start",
    TypeCode.STOP: "Application Stop",
    TypeCode.LOGIN: "Login",
    TypeCode.LOGOUT: "Logout",
    TypeCode.NODE_AUTHENTICATION: "Node Authentication",
    TypeCode.EMERGENCY_OVERRIDE: "Emergency Override Started",
    TypeCode.NETWORK_CONFIGURATION: "Network Configuration",
    TypeCode.SECURITY_CONFIGURATION: "Security Configuration",
    TypeCode.HARDWARE_CONFIGURATION: "Hardware Configuration",
    TypeCode.SOFTWARE_CONFIGURATION: "Software Configuration",
    TypeCode.RESTRICTED_FUNCTION: "Use of Restricted Function",
    TypeCode.ROLES_CHANGED: "Security Roles Changed",
    TypeCode.USER_CHANGED: "User security Attributes Changed",
}
"""Code → its meaning in the DICOM Controlled Terminology (PS3.16 Annex D)."""


class Result(StrEnum):
    """EventOutcomeIndicator (RFC 3881 5.1.4)."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"
    MAJOR_FAILURE = "12"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """What kind of row: event, type, EventActionCode (C, R, U, D, E)."""

    event: EventId
    type: TypeCode = TypeCode.NONE
    action: str = "E"


def _event(event: EventId, action: str, type_code: TypeCode = TypeCode.NONE) -> AuditEvent:
    return AuditEvent(event=event, type=type_code, action=action)


LOGIN = _event(EventId.USER_AUTHENTICATION, "E", TypeCode.LOGIN)
LOGOUT = _event(EventId.USER_AUTHENTICATION, "E", TypeCode.LOGOUT)
QUERY = _event(EventId.QUERY, "E")
AUDIT_READ = _event(EventId.AUDIT_LOG_USED, "R")
EMERGENCY = _event(EventId.SECURITY_ALERT, "E", TypeCode.EMERGENCY_OVERRIDE)
NODE_REFUSED = _event(EventId.SECURITY_ALERT, "E", TypeCode.NODE_AUTHENTICATION)
"""A destination failed in TLS, or somebody asked under a name or origin that is not the box's own (H5, H6)."""
CONFIGURED = _event(EventId.SECURITY_ALERT, "E", TypeCode.SOFTWARE_CONFIGURATION)
SECURITY_CONFIGURED = _event(EventId.SECURITY_ALERT, "E", TypeCode.SECURITY_CONFIGURATION)
RESTRICTED = _event(EventId.SECURITY_ALERT, "E", TypeCode.RESTRICTED_FUNCTION)
MISMATCH = _event(EventId.PATIENT_RECORD, "R")
"""What was scanned or typed was not the chosen patient."""
_USER = _event(EventId.SECURITY_ALERT, "E", TypeCode.USER_CHANGED)
_ROLE = _event(EventId.SECURITY_ALERT, "E", TypeCode.ROLES_CHANGED)

AUDITED: Mapping[tuple[str, str], AuditEvent] = {
    ("run", "start"): _event(EventId.APPLICATION_ACTIVITY, "E", TypeCode.START),
    ("run", "stop"): _event(EventId.APPLICATION_ACTIVITY, "E", TypeCode.STOP),
    ("exam", "open"): _event(EventId.PATIENT_RECORD, "R"),
    ("exam", "resume"): _event(EventId.PATIENT_RECORD, "R"),
    ("exam", "bring back"): _event(EventId.PATIENT_RECORD, "C"),
    ("exam", "finish"): _event(EventId.INSTANCES_ACCESSED, "C"),
    ("exam", "hold"): _event(EventId.INSTANCES_ACCESSED, "U"),
    ("exam", "release"): _event(EventId.BEGIN_TRANSFERRING, "E"),
    ("exam", "delivered"): _event(EventId.INSTANCES_TRANSFERRED, "R"),
    ("exam", "discard"): _event(EventId.STUDY_DELETED, "D"),
    ("removal", "request"): _event(EventId.INSTANCES_ACCESSED, "D"),
    ("clock", "confirm"): SECURITY_CONFIGURED,
    ("frame", "delete"): _event(EventId.INSTANCES_ACCESSED, "D"),
    ("frame", "restore"): _event(EventId.INSTANCES_ACCESSED, "U"),
    ("frame", "accept"): _event(EventId.INSTANCES_ACCESSED, "U"),
    ("account", "create"): _USER,
    ("account", "password"): _USER,
    ("account", "pin"): _USER,
    ("account", "badge"): _USER,
    ("account", "disable"): _USER,
    ("account", "enable"): _USER,
    ("account", "remove"): _USER,
    ("account", "role"): _ROLE,
    ("screen", "enrol"): _USER,
    ("screen", "revoke"): _USER,
    ("api_token", "create"): _USER,
    ("api_token", "revoke"): _USER,
    ("enrolment", "make"): SECURITY_CONFIGURED,
    ("session", "begin"): LOGIN,
    ("session", "unlock"): LOGIN,
    ("session", "lock"): LOGOUT,
    ("session", "log out"): LOGOUT,
    ("session", "expire"): LOGOUT,
    ("session", "revoke"): LOGOUT,
}
"""(machine, event) → what it is for the audit; what is not here makes no row."""
PERSONS: Mapping[tuple[str, str], AuditEvent] = {
    ("job", "hold"): RESTRICTED,
    ("job", "discard"): RESTRICTED,
    ("job", "redirect"): RESTRICTED,
    ("tray", "discarded"): _event(EventId.INSTANCES_ACCESSED, "D"),
}
"""The same where a named person did it; what the box does so by itself makes no row."""


def planned(machine: str, event: str, who: str) -> AuditEvent | None:
    """Return which audit event a change is, if any."""
    return AUDITED.get((machine, event)) or (PERSONS.get((machine, event)) if who else None)
