"""A patient whom a person typed: what each value may be (PS3.5 6.2); errors name the field, never its value. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date

from agent.errors import InvalidPatient
from agent.model import Patient

_LONGEST = 64
"""Characters of LO, and of each component group of PN."""
_GROUPS, _COMPONENTS = 3, 5
_FORBIDDEN = ("?", "\ufffd", "\\")
"""`?` is what a failed character set prints and a wildcard in a query; a backslash separates values."""


def _(text: str) -> str:
    """Mark a text that is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    words: str


_NAME, _ID, _ISSUER = (
    _Field("patient_name", _("The name")),
    _Field("patient_id", _("The patient's number")),
    _Field("issuer_of_patient_id", _("The issuer of the number")),
)
_BORN, _SEX = _Field("patient_birth_date", _("The date of birth")), _Field("patient_sex", _("The sex"))


def checked(patient: Patient, *, today: date) -> Patient:
    """Return `patient` in NFC without outer spaces; raises `InvalidPatient`, whose fact `field` names the attribute."""
    patient = replace(
        patient,
        patient_name=_tidy(patient.patient_name),
        patient_id=_tidy(patient.patient_id),
        issuer_of_patient_id=_tidy(patient.issuer_of_patient_id),
    )
    _check_name(patient.patient_name)
    _check_text(_ID, patient.patient_id)
    _check_text(_ISSUER, patient.issuer_of_patient_id, required=False)
    _check_birth_date(patient.patient_birth_date, today)
    if patient.patient_sex not in ("", "M", "F", "O"):
        raise _invalid(_SEX, _("is M, F, O or empty"))
    return patient


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" ")


def _check_text(field: _Field, text: str, *, required: bool = True) -> None:
    if required and not text.strip("^= "):
        raise _invalid(field, _("is missing"))
    if any(mark in text for mark in _FORBIDDEN):
        raise _invalid(field, _("may not contain `?` or `\\`"))
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in text):
        raise _invalid(field, _("may not contain control characters"))
    if len(text) > _LONGEST and field is not _NAME:
        raise _too_long(field, len(text))


def _check_name(name: str) -> None:
    _check_text(_NAME, name)
    groups = name.split("=")
    if len(groups) > _GROUPS or any(group.count("^") >= _COMPONENTS for group in groups):
        raise _invalid(_NAME, _("has family, given, middle name, prefix and suffix, no more"))
    if not groups[0].split("^")[0].strip() and not any(g.split("^")[0].strip() for g in groups):
        raise _invalid(_NAME, _("needs a family name"))
    if longest := max((len(g) for g in groups if len(g) > _LONGEST), default=0):
        raise _too_long(_NAME, longest)


def _check_birth_date(text: str, today: date) -> None:
    if not text:
        return
    if not re.fullmatch(r"[0-9]{8}", text):
        raise _invalid(_BORN, _("has eight digits: year, month, day"))
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise _invalid(_BORN, _("is no day of the calendar")) from None
    if not born.year >= 1850 or born > today:
        raise _invalid(_BORN, _("cannot be right"))


def _invalid(field: _Field, why: str) -> InvalidPatient:
    return InvalidPatient(f"What was typed cannot be used: {field.words}: {why}.", field=field.name)


def _too_long(field: _Field, length: int) -> InvalidPatient:
    return InvalidPatient(f"{field.words} may have {_LONGEST} characters, not {length}.", field=field.name)
