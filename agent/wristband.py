"""What a wristband's barcode says of its wearer: a plain number, or GS1 element strings (AI 8017/8018, DCB1077). Pure.

A hospital's own band often holds nothing but the patient's number. A GS1 DataMatrix carries element strings, each
an Application Identifier and its value: (8018) the Global Service Relation Number of the patient, with a check digit,
(91) provider and local identifier, (93) family name, given name, date and time of birth. The whole is compared, not
the number alone: two patients were given one number before (technician.md B1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.model import Patient
from agent.similar import same_surname

_GS = "\x1d"
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_SHOWN = re.compile(r"\((\d{2,4})\)([^(]*)")
_FIXED = {"8017": 18, "8018": 18}
_VARIABLE = ("8019", "90", "91", "92", "93", "94", "95", "96", "97", "98", "99")
_PARTS = re.compile(r"[\^|~]")
_HOSPITAL, _PERSON = "91", "93"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DIGITS, _WORDS = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:\d{4})?"), re.compile(r"(\d{1,2})[-/. ](\w+)[-/. ](\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What was read. `numbers` are all that may be the patient's; name and date of birth are empty where not told."""

    numbers: tuple[str, ...]
    family: str = ""
    given: str = ""
    birth_date: str = ""
    """DA."""


def read(text: str, prefixes: tuple[str, ...] = ()) -> Band:
    """Return what a scanned text says; anything that is no GS1 is one plain number.

    `prefixes` are company prefixes of Global Service Relation Numbers whose next digits are the patient's number.
    """
    text = text.strip("\r\n \t")
    elements = _elements(text)
    if not elements:
        return Band(numbers=(text,))
    relation = elements.get("8018") or elements.get("8017", "")
    hospital, person = (_PARTS.split(elements.get(ai, "")) for ai in (_HOSPITAL, _PERSON))
    inner = [relation[len(p) : -1] for p in prefixes if relation.startswith(p)]
    numbers = [relation, *inner, *hospital[1:2]] if len(hospital) > 1 else [relation, *inner, *hospital]
    family, given, born = (*(part.strip() for part in person), "", "", "")[:3]
    return Band(numbers=tuple(n for n in numbers if n), family=family, given=given, birth_date=birth_date(born))


def _elements(text: str) -> dict[str, str]:
    """Return Application Identifier -> value; empty: this is no GS1 content."""
    marked = _SYMBOLOGY.match(text) is not None
    body = _SYMBOLOGY.sub("", text, count=1) if marked else text
    if body.startswith("("):
        found = {ai: value.rstrip(_GS) for ai, value in _SHOWN.findall(body)}
    else:
        found = _raw(body.lstrip(_GS))
    relation = found.get("8018") or found.get("8017")
    return found if relation and len(relation) == 18 and check_digit(relation[:-1]) == relation[-1] else {}


def _raw(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    while body:
        ai = next((a for a in (*_FIXED, *_VARIABLE) if body.startswith(a)), "")
        if not ai:
            return {}
        rest = body[len(ai) :]
        length = _FIXED.get(ai, rest.find(_GS) if _GS in rest else len(rest))
        found[ai], body = rest[:length], rest[length:].lstrip(_GS)
    return found


def check_digit(digits: str) -> str:
    """Return the GS1 check digit (modulo 10, weights 3 and 1 from the right); empty: these are no digits."""
    if not (digits.isascii() and digits.isdigit()):
        return ""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return str(-total % 10)


def birth_date(text: str) -> str:
    """Return a date of birth as DA, from `19800118`, `1980-01-18`, `18-Jan-1980` or `18/01/1980`; empty: none."""
    if found := _DIGITS.fullmatch(text):
        return "".join(found.groups())
    if found := _WORDS.fullmatch(text):
        day, month, year = found.groups()
        number = _MONTHS.index(month[:3].casefold()) + 1 if month[:3].casefold() in _MONTHS else month
        return f"{year}{int(number):02}{int(day):02}" if str(number).isdigit() else ""
    return ""


def numbers_of(patient: Patient) -> frozenset[str]:
    """Return the numbers that a wristband may carry for this patient."""
    return frozenset({patient.patient_id, *(number for number, _ in patient.other_patient_ids)}) - {""}


def differences(band: Band, patient: Patient) -> tuple[str, ...]:
    """Return which attributes of `patient` the band contradicts; empty: it is this patient's.

    What either side does not know is not compared; the number must be known and equal.
    """
    wrong = [] if numbers_of(patient) & set(band.numbers) else ["patient_id"]
    if band.birth_date and patient.patient_birth_date and band.birth_date != patient.patient_birth_date:
        wrong.append("patient_birth_date")
    if band.family and not same_surname(band.family, patient.patient_name):
        wrong.append("patient_name")
    return tuple(wrong)
