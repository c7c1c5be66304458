"""One audit row as the XML of PS3.15 A.5.1 (AuditMessage). Pure: only builds, never parses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from agent.audit_event import MEANINGS, EventId

_DATA_ACQUISITION_DEVICE = "2"
"""AuditSourceTypeCode (RFC 3881 5.4.3)."""
_MACHINE_NAME, _IP_ADDRESS = "1", "2"
"""NetworkAccessPointTypeCode."""
_PERSON, _SYSTEM = "1", "2"
"""ParticipantObjectTypeCode."""
_PATIENT, _REPORT, _SECURITY_USER, _SECURITY_RESOURCE, _QUERY = "1", "3", "11", "13", "24"
"""ParticipantObjectTypeCodeRole."""
_TRANSFERS = frozenset({EventId.BEGIN_TRANSFERRING.value, EventId.INSTANCES_TRANSFERRED.value})


def xml(row: Mapping[str, Any], sha256: str, *, box: str, site: str, host: str) -> str:
    """Return one row as an AuditMessage; `sha256` is the row's place in the chain, `box` the audit source."""
    message = Element("AuditMessage")
    _event(message, row)
    _participants(message, row, box, host)
    source = SubElement(
        message, "AuditSourceIdentification", _kept(AuditEnterpriseSiteID=site, AuditSourceID=box)
    )  # fmt: skip
    SubElement(source, "AuditSourceTypeCode", {"csd-code": _DATA_ACQUISITION_DEVICE})
    if study := row.get("study"):
        _study(message, row, study)
    if row.get("patient_id") or row.get("patient_name"):
        _patient(message, row)
    _security(message, row)
    _place_in_chain(message, row, sha256)
    return tostring(message, encoding="unicode")


def _kept(**attributes: Any) -> dict[str, str]:
    return {name: _clean(value) for name, value in attributes.items() if value not in ("", None)}


def _clean(value: Any) -> str:
    """Return text that XML 1.0 may carry: other control characters become spaces."""
    return "".join(c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else " "
                   for c in str(value))  # fmt: skip


def _code(parent: Element, tag: str, code: str, meaning: str, system: str = "DCM") -> None:
    SubElement(parent, tag, {"csd-code": code, "codeSystemName": system, "originalText": meaning})


def _event(message: Element, row: Mapping[str, Any]) -> None:
    event = SubElement(
        message, "EventIdentification",
        EventActionCode=row["action"], EventDateTime=row["at"], EventOutcomeIndicator=row["result"],
    )  # fmt: skip
    _code(event, "EventID", row["event"], MEANINGS[row["event"]])
    if kind := row.get("type"):
        _code(event, "EventTypeCode", kind, MEANINGS[kind])
    if words := " ".join(_clean(row[key]) for key in ("act", "reason") if row.get(key)):
        SubElement(event, "EventOutcomeDescription").text = words


def _participants(message: Element, row: Mapping[str, Any], box: str, host: str) -> None:
    """Name the box, the person (who asked, unless the box acts by itself) and, for a transfer, where it goes."""
    who, transfer = row.get("who", ""), row["event"] in _TRANSFERS
    own = SubElement(
        message, "ActiveParticipant",
        UserID=box, UserIsRequestor="false" if who else "true", NetworkAccessPointID=host,
        NetworkAccessPointTypeCode=_MACHINE_NAME,
    )  # fmt: skip
    _code(own, "RoleIDCode", *(("110153", "Source Role ID") if transfer else ("110150", "Application")))
    if person := who or row.get("user", ""):
        place = row.get("address") or row.get("screen", "")
        kind = _IP_ADDRESS if row.get("address") else _MACHINE_NAME if place else ""
        SubElement(
            message, "ActiveParticipant",
            _kept(UserID=person, UserIsRequestor="true", NetworkAccessPointID=place, NetworkAccessPointTypeCode=kind),
        )  # fmt: skip
    for name in row.get("sent_to", {}) if transfer else ():
        to = SubElement(message, "ActiveParticipant", UserID=_clean(name), UserIsRequestor="false")
        _code(to, "RoleIDCode", "110152", "Destination Role ID")


def _study(message: Element, row: Mapping[str, Any], study: str) -> None:
    """Describe the study: Accession number, SOP Classes with their numbers of instances (PS3.15 A.5.2)."""
    described = _object(message, study, _SYSTEM, _REPORT, ("110180", "DCM", "Study Instance UID"))
    SubElement(described, "ParticipantObjectName").text = study
    if row.get("confirmation"):
        _detail(described, "confirmation", row["confirmation"])
    content = SubElement(described, "ParticipantObjectDescription")
    if accession := row.get("accession"):
        SubElement(content, "Accession", Number=_clean(accession))
    for uid, number in row.get("classes", {}).items():
        SubElement(content, "SOPClass", UID=uid, NumberOfInstances=str(number))
    if instances := row.get("instances", []):
        kept = SubElement(content, "SOPClass", NumberOfInstances=str(len(instances)))
        for uid in instances:
            SubElement(kept, "Instance", UID=uid)
    SubElement(SubElement(content, "ParticipantObjectContainsStudy"), "StudyIDs", UID=study)


def _patient(message: Element, row: Mapping[str, Any]) -> None:
    patient = _object(message, row.get("patient_id", ""), _PERSON, _PATIENT, ("2", "RFC-3881", "Patient Number"))
    SubElement(patient, "ParticipantObjectName").text = _clean(row.get("patient_name", ""))


def _security(message: Element, row: Mapping[str, Any]) -> None:
    """Describe what is neither patient nor study: an account, a destination, a query."""
    if query := row.get("query"):
        asked = _object(message, row.get("subject", "query"), _SYSTEM, _QUERY, ("10", "RFC-3881", "Search Criteria"))
        SubElement(asked, "ParticipantObjectQuery").text = base64.b64encode(_clean(query).encode()).decode()
    elif row.get("subject"):
        subject = _object(message, row["subject"], _SYSTEM, _SECURITY_RESOURCE, ("12", "RFC-3881", "URI"))
        SubElement(subject, "ParticipantObjectName").text = _clean(row.get("user") or row["subject"])
        for key in ("role", "destination", "source", "screen"):
            if row.get(key):
                _detail(subject, key, row[key])


def _place_in_chain(message: Element, row: Mapping[str, Any], sha256: str) -> None:
    """Number and hash of the row: whoever has the messages can prove what the box had written."""
    place = _object(
        message, f"audit {row['number']}", _SYSTEM, _SECURITY_RESOURCE, ("12", "RFC-3881", "URI")
    )  # fmt: skip
    SubElement(place, "ParticipantObjectName").text = "row of the audit trail"
    _detail(place, "number", row["number"])
    _detail(place, "sha256", sha256)


def _object(message: Element, name: str, kind: str, role: str, code: tuple[str, str, str]) -> Element:
    made = SubElement(
        message, "ParticipantObjectIdentification",
        ParticipantObjectID=_clean(name), ParticipantObjectTypeCode=kind, ParticipantObjectTypeCodeRole=role,
    )  # fmt: skip
    _code(made, "ParticipantObjectIDTypeCode", code[0], code[2], code[1])
    return made


def _detail(parent: Element, kind: str, value: Any) -> None:
    encoded = base64.b64encode(_clean(value).encode()).decode()
    SubElement(parent, "ParticipantObjectDetail", {"type": kind, "value": encoded})
