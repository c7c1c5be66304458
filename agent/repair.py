"""What becomes of the values of a worklist entry as they arrived: a table with one rule for each attribute.

Servers send too long, mistyped and impossible values. A value is used, repaired or dropped; what changed is
recorded with the raw value for the person at the box. An identifier is never shortened: a wrong number is
worse than none. Limits: PS3.5 table 6.2-1. Pure: standard library only, no clock (today is passed in).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent import repair_rules as rules
from agent.model import Code, Flag, Patient, Repair, ScheduledProcedureStep

Values = Mapping[str, str]
RAW_LIMIT = 256
ITEMS_LIMIT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEntry:
    """One answer as text, by keyword, before any rule; sequences as tuples of their items."""

    values: Values
    step: Values
    step_count: int
    items: Mapping[str, tuple[Values, ...]] = field(default_factory=dict)
    """Sequences of the answer and, under the same names, of its first step."""
    charset_assumed: bool = False


RULES: dict[str, tuple[str, rules.Rule]] = {
    "StudyInstanceUID": ("study_instance_uid", rules.study_uid),
    "StudyDate": ("study_date", rules.date),
    "StudyTime": ("study_time", rules.time),
    "AccessionNumber": ("accession_number", rules.accession_number),
    "RequestedProcedureID": ("requested_procedure_id", rules.identifier(16)),
    "RequestedProcedureDescription": ("requested_procedure_description", rules.text(64)),
    "ReasonForTheRequestedProcedure": ("reason_for_the_requested_procedure", rules.text(64)),
    "RequestedProcedurePriority": ("requested_procedure_priority", rules.code_string),
    "ReferringPhysicianName": ("referring_physician_name", rules.person_name),
    "RequestingPhysician": ("requesting_physician", rules.person_name),
    "RequestingService": ("requesting_service", rules.text(64)),
    "PlacerOrderNumberImagingServiceRequest": ("placer_order_number", rules.identifier(64)),
    "FillerOrderNumberImagingServiceRequest": ("filler_order_number", rules.identifier(64)),
    "AdmissionID": ("admission_id", rules.identifier(64)),
    "CurrentPatientLocation": ("current_patient_location", rules.text(64)),
    "InstitutionName": ("institution_name", rules.text(64)),
}
STEP_RULES: dict[str, tuple[str, rules.Rule]] = {
    "ScheduledProcedureStepID": ("scheduled_procedure_step_id", rules.identifier(16)),
    "ScheduledProcedureStepDescription": ("scheduled_procedure_step_description", rules.text(64)),
    "ScheduledProcedureStepStartDate": ("scheduled_procedure_step_start_date", rules.date),
    "ScheduledProcedureStepStartTime": ("scheduled_procedure_step_start_time", rules.time),
    "ScheduledProcedureStepStatus": ("scheduled_procedure_step_status", rules.code_string),
    "ScheduledStationName": ("scheduled_station_name", rules.text(16)),
    "ScheduledProcedureStepLocation": ("scheduled_procedure_step_location", rules.text(16)),
    "Modality": ("modality", rules.code_string),
    "ScheduledPerformingPhysicianName": ("scheduled_performing_physician_name", rules.person_name),
}
PATIENT_RULES: dict[str, tuple[str, rules.Rule]] = {
    "PatientName": ("patient_name", rules.patient_name),
    "PatientID": ("patient_id", rules.patient_id),
    "IssuerOfPatientID": ("issuer_of_patient_id", rules.identifier(64)),
    "PatientSex": ("patient_sex", rules.sex),
    "PatientAge": ("patient_age", rules.age),
    "PatientSize": ("patient_size", rules.decimal),
    "PatientWeight": ("patient_weight", rules.decimal),
    "PregnancyStatus": ("pregnancy_status", rules.pregnancy_status),
    "MedicalAlerts": ("medical_alerts", rules.texts(64)),
    "Allergies": ("allergies", rules.texts(64)),
    "SpecialNeeds": ("special_needs", rules.text(64)),
    "PatientComments": ("patient_comments", rules.long_text(10240)),
}
_CODES = {
    "RequestedProcedureCodeSequence": "requested_procedure_codes",
    "ScheduledProtocolCodeSequence": "scheduled_protocol_codes",
}
_ISSUERS = {
    "IssuerOfAccessionNumberSequence": "issuer_of_accession_number",
    "IssuerOfAdmissionIDSequence": "issuer_of_admission_id",
}


class _Record:
    """Collects what was changed while one entry is repaired."""

    def __init__(self) -> None:
        self.flags: set[Flag] = set()
        self.repairs: list[Repair] = []

    def note(self, keyword: str, raw: str, fixed: rules.Fixed) -> str:
        self.flags.update(fixed.flags)
        if fixed.reason:
            raw = raw[:RAW_LIMIT]
            self.repairs.append(
                Repair(keyword=keyword, raw=raw, value=fixed.value[:RAW_LIMIT], reason=fixed.reason)
            )
            self.flags.add(Flag.REPAIRED)
        return fixed.value

    def apply(self, table: Mapping[str, tuple[str, rules.Rule]], values: Values) -> dict[str, str]:
        """Return the field of each keyword in `table`, repaired."""
        return {
            name: self.note(keyword, values.get(keyword, ""), rule(values.get(keyword, "")))
            for keyword, (name, rule) in table.items()
        }


def repair(entry: RawEntry, *, today: str = "", station_ae_title: str = "") -> ScheduledProcedureStep:
    """Return the worklist entry that can be made of `entry`; never raises, whatever the values are.

    `today` (DA) bounds dates of birth; of several scheduled stations `station_ae_title` is preferred.
    """
    record = _Record()
    if entry.charset_assumed:
        record.flags.add(Flag.CHARSET_ASSUMED)
    _note_steps(record, entry.step_count)
    patient = _patient(record, entry, today)
    fields: dict[str, Any] = record.apply(RULES, entry.values) | record.apply(STEP_RULES, entry.step)
    fields["scheduled_station_ae_title"] = record.note(
        "ScheduledStationAETitle",
        entry.step.get("ScheduledStationAETitle", ""),
        rules.ae_title(entry.step.get("ScheduledStationAETitle", ""), station_ae_title),
    )
    fields |= {name: _issuer(record, keyword, entry) for keyword, name in _ISSUERS.items()}
    codes: dict[str, Any] = {name: _codes(record, keyword, entry) for keyword, name in _CODES.items()}
    return ScheduledProcedureStep(
        key=_key(entry),
        patient=patient,
        referenced_studies=_references(record, entry),
        **fields,
        **codes,
        flags=tuple(f for f in Flag if f in record.flags),
        repairs=tuple(record.repairs),
    )


def _note_steps(record: _Record, count: int) -> None:
    if count > 1:
        record.flags.add(Flag.SEVERAL_STEPS)
    if count != 1:
        fixed = rules.Fixed("1" if count else "", "the entry must hold exactly one step")
        record.note("ScheduledProcedureStepSequence", str(count), fixed)


def _patient(record: _Record, entry: RawEntry, today: str) -> Patient:
    born = entry.values.get("PatientBirthDate", "")
    return Patient(
        **record.apply(PATIENT_RULES, entry.values),
        patient_birth_date=record.note("PatientBirthDate", born, rules.birth_date(born, today)),
        other_patient_ids=_other_ids(record, entry),
    )


def _limited(record: _Record, keyword: str, entry: RawEntry) -> tuple[Values, ...]:
    items = entry.items.get(keyword, ())
    if len(items) > ITEMS_LIMIT:
        record.note(keyword, str(len(items)), rules.Fixed(str(ITEMS_LIMIT), "too many items"))
    return items[:ITEMS_LIMIT]


def _codes(record: _Record, keyword: str, entry: RawEntry) -> tuple[Code, ...]:
    made = []
    for item in _limited(record, keyword, entry):
        value, scheme, version = (
            rules.identifier(16)(item.get(k, "")).value
            for k in ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion")
        )
        meaning = rules.text(64)(item.get("CodeMeaning", "")).value
        if value and scheme and meaning:
            made.append(Code(value=value, scheme=scheme, meaning=meaning, version=version))
        elif any(v.strip(" \0") for v in item.values()):
            record.note(keyword, " | ".join(item.values()), rules.Fixed("", "the code is not complete"))
    return tuple(made)


def _references(record: _Record, entry: RawEntry) -> tuple[tuple[str, str], ...]:
    keyword = "ReferencedStudySequence"
    pairs = []
    for item in _limited(record, keyword, entry):
        pair = tuple(
            item.get(k, "").strip(" \0") for k in ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")
        )
        if all(rules.is_uid(u) for u in pair):
            pairs.append((pair[0], pair[1]))
        elif any(pair):
            record.note(keyword, " ".join(pair), rules.Fixed("", "the reference is not valid"))
    return tuple(pairs)


def _other_ids(record: _Record, entry: RawEntry) -> tuple[tuple[str, str], ...]:
    keyword = "OtherPatientIDsSequence"
    pairs = []
    for item in _limited(record, keyword, entry):
        number = record.note(
            keyword, item.get("PatientID", ""), rules.identifier(64)(item.get("PatientID", ""))
        )
        issuer = rules.identifier(64)(item.get("IssuerOfPatientID", "")).value
        if number:
            pairs.append((number, issuer))
    return tuple(pairs)


def _issuer(record: _Record, keyword: str, entry: RawEntry) -> str:
    for item in _limited(record, keyword, entry)[:1]:
        raw = item.get("LocalNamespaceEntityID", "") or item.get("UniversalEntityID", "")
        return record.note(keyword, raw, rules.identifier(64)(raw))
    return ""


def _digest(*parts: str) -> str:
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _key(entry: RawEntry) -> str:
    """Name the entry by what identifies it at the server, unrepaired: stable between queries."""
    study, accession, patient = (
        entry.values.get(k, "").strip(" \0") for k in ("StudyInstanceUID", "AccessionNumber", "PatientID")
    )
    return _digest(study, entry.step.get("ScheduledProcedureStepID", "").strip(" \0"), accession, patient)


def _person(step: ScheduledProcedureStep) -> tuple[str, str, str]:
    patient = step.patient
    return patient.patient_id, patient.issuer_of_patient_id, patient.patient_name.casefold()


def repair_list(steps: Iterable[ScheduledProcedureStep]) -> tuple[ScheduledProcedureStep, ...]:
    """Return the whole list repaired: twins dropped, shared studies flagged on every entry, keys unique.

    A twin has the same Study Instance UID, Scheduled Procedure Step ID and person; the first one stays. A
    study that is listed for two different persons blocks all its entries (promise P2).
    """
    kept = tuple(_first_of(steps, _twin))
    persons: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for step in kept:
        persons[step.study_instance_uid].add(_person(step))
    shared = {uid for uid, who in persons.items() if uid and len(who) > 1}
    flagged = [_flag(s, Flag.SHARED_STUDY) if s.study_instance_uid in shared else s for s in kept]
    return _unique_keys(flagged)


def _twin(step: ScheduledProcedureStep) -> object:
    if step.study_instance_uid and step.scheduled_procedure_step_id:
        return step.study_instance_uid, step.scheduled_procedure_step_id, _person(step)
    return step


def _first_of(
    steps: Iterable[ScheduledProcedureStep], name: Callable[[ScheduledProcedureStep], object]
) -> Iterable[ScheduledProcedureStep]:
    seen: set[object] = set()
    for step in steps:
        if (mark := name(step)) not in seen:
            seen.add(mark)
            yield step


def _flag(step: ScheduledProcedureStep, flag: Flag) -> ScheduledProcedureStep:
    return replace(step, flags=tuple(f for f in Flag if f in {*step.flags, flag}))


def _unique_keys(steps: Sequence[ScheduledProcedureStep]) -> tuple[ScheduledProcedureStep, ...]:
    """Different entries that nothing identifies get keys from their whole content."""
    count: dict[str, int] = defaultdict(int)
    for step in steps:
        count[step.key] += 1
    return tuple(replace(s, key=_digest(s.key, repr(s))) if count[s.key] > 1 else s for s in steps)
