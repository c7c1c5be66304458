"""The rules of `agent.repair`: text as it arrived in, text that may be written out (PS3.5 6.2).

Each rule is a function from text to `Fixed`; a rule with settings is made by a function that returns one.
A rule never raises. Padding at the end (space, null) is no repair, it is how DICOM makes lengths even.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as calendar_date

from agent.model import Flag


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a rule made of a value; an empty reason means that nothing was wrong."""

    value: str
    reason: str = ""
    flags: tuple[Flag, ...] = ()


Rule = Callable[[str], Fixed]

_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])
"""Soft hyphen, zero width spaces and joiners, byte order mark: removed."""
_SPACES = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\\]")
_CONTROL = re.compile(r"[\u0000-\u001f\u007f-\u009f\\\ufffd]")
_LONG_TEXT_CONTROL = re.compile(r"[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f]")
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_MOJIBAKE = re.compile("[\u00c0-\u00ff]{2}|[\u00c2-\u00f4][\u0080-\u00bf]|[\u0080-\u009f]")
"""CP1251 or KOI8 bytes read as Latin-1, UTF-8 bytes read as Latin-1, C1 control characters."""


def _padded(raw: str) -> str:
    return raw.rstrip(" \0").lstrip(" ")


def _clean(raw: str) -> str:
    """Return NFC text without control characters, `\\`, invisible characters and outer spaces."""
    text = unicodedata.normalize("NFC", raw.translate(_INVISIBLE))
    return _SPACES.sub(" ", text).strip(" ")


def is_uid(value: str) -> bool:
    """Tell whether `value` is a UID (PS3.5 9.1): digits and dots, at most 64, no leading zeros."""
    return len(value) <= 64 and value.isascii() and _UID.fullmatch(value) is not None


def text(limit: int) -> Rule:
    """Make the rule for a description: cleaned, cut at `limit` characters (SH 16, LO 64)."""

    def rule(raw: str) -> Fixed:
        value = _clean(raw)
        if len(value) > limit:
            return Fixed(_cut(value, limit), f"longer than {limit} characters")
        return Fixed(value, "" if value == _padded(raw) else "illegal characters")

    return rule


def _cut(value: str, limit: int) -> str:
    """Cut at `limit` code points, never between a letter and its combining mark."""
    end = limit
    while end > 0 and end < len(value) and unicodedata.combining(value[end]):
        end -= 1
    return value[:end].rstrip(" ")


def texts(limit: int) -> Rule:
    """Make the rule for a description with several values, separated by `\\`."""

    def rule(raw: str) -> Fixed:
        parts = [text(limit)(part) for part in raw.split("\\")]
        values = [p.value for p in parts if p.value][:16]
        return Fixed("\\".join(values), next((p.reason for p in parts if p.reason), ""))

    return rule


def long_text(limit: int) -> Rule:
    """Make the rule for ST and LT: line ends and `\\` stay."""

    def rule(raw: str) -> Fixed:
        value = unicodedata.normalize("NFC", _LONG_TEXT_CONTROL.sub(" ", raw.rstrip(" \0"))).rstrip(" ")
        if len(value) > limit:
            return Fixed(_cut(value, limit), f"longer than {limit} characters")
        return Fixed(value, "" if value == raw.rstrip(" \0") else "illegal characters")

    return rule


def identifier(limit: int, flags: tuple[Flag, ...] = ()) -> Rule:
    """Make the rule for a number that names something: used whole or not at all."""

    def rule(raw: str) -> Fixed:
        padded = _padded(raw)
        value = _clean(raw)
        if len(value) > limit:
            return Fixed("", f"longer than {limit} characters; a part of a number is another number", flags)
        if _CONTROL.search(padded):
            return Fixed("", "holds characters that a number cannot hold", flags)
        return Fixed(value, "" if value == padded else "illegal characters")

    return rule


accession_number: Rule = identifier(16, (Flag.ACCESSION_DROPPED,))


def patient_id(raw: str) -> Fixed:
    """PatientID: without it, or with a damaged or too long one, nobody can be chosen."""
    fixed = identifier(64)(raw)
    if len(_clean(raw)) > 64:
        return Fixed("", fixed.reason, (Flag.PATIENT_ID_TOO_LONG,))
    return fixed if fixed.value else Fixed("", fixed.reason, (Flag.NO_PATIENT_ID,))


def study_uid(raw: str) -> Fixed:
    """StudyInstanceUID: byte-exact, or a new one is made later."""
    value = raw.strip(" \0")
    if is_uid(value):
        return Fixed(value)
    return Fixed("", "not a valid UID" if value else "missing", (Flag.STUDY_UID_REPLACED,))


def person_name(raw: str) -> Fixed:
    """PN: at most 3 groups of 5 components and 64 characters; empty tails go, nothing else is guessed."""
    groups = [_name_group(group) for group in _clean(raw).split("=")[:3]]
    value = "=".join(groups).rstrip("=")
    if value == _padded(raw):
        return Fixed(value)
    if any(len(group) > 64 for group in raw.split("=")[:3]):
        return Fixed(value, "longer than 64 characters")
    harmless = value == _padded(raw).rstrip("^=")
    return Fixed(value, "" if harmless else "illegal characters or components")


def _name_group(group: str) -> str:
    parts = [part.strip(" ") for part in group.split("^")]
    if len(parts) > 5:
        parts = [*parts[:4], " ".join(p for p in parts[4:] if p)]
    return _cut("^".join(parts).rstrip("^"), 64).rstrip("^")


def patient_name(raw: str) -> Fixed:
    """PatientName: as `person_name`, and every doubt about its letters is told (dicom.md 3.3)."""
    fixed = person_name(raw)
    flags: list[Flag] = []
    if not fixed.value.strip("^= "):
        return Fixed("", fixed.reason or ("empty" if raw.strip(" \0") else ""), (Flag.NAME_MISSING,))
    if "?" in fixed.value or "\ufffd" in fixed.value:
        flags.append(Flag.NAME_DAMAGED)
    if _MOJIBAKE.search(raw) or fixed.reason.startswith("longer"):
        flags.append(Flag.NAME_SUSPICIOUS)
    return Fixed(fixed.value, fixed.reason, tuple(flags))


def code_string(raw: str) -> Fixed:
    """CS: upper case letters, digits, space and underscore."""
    padded = _padded(raw)
    value = padded.upper()
    if value and not _CODE_STRING.fullmatch(value):
        return Fixed("", "not a code string")
    return Fixed(value, "" if value == padded else "lower case")


def ae_title(raw: str, preferred: str) -> Fixed:
    """AE: of several titles the preferred one, else the first (a step may name several stations)."""
    titles = [t.strip(" \0") for t in raw.split("\\")]
    usable = [t for t in titles if t and len(t) <= 16 and t.isascii() and t.isprintable()]
    if not usable:
        return Fixed("", "not an AE title" if any(titles) else "")
    return Fixed(preferred if preferred in usable else usable[0])


_SEX = {
    **dict.fromkeys(["M", "MALE", "1", "М", "Ч", "ЧОЛ", "ЧОЛ."], "M"),
    **dict.fromkeys(["F", "FEMALE", "2", "W", "Ж", "ЖІН", "ЖІН."], "F"),
    **dict.fromkeys(["O", "OTHER"], "O"),
    **dict.fromkeys(["", "U", "UNKNOWN", "N", "0", "9"], ""),
}
"""What servers send for PatientSex, upper case; М, Ч and Ж are Cyrillic."""


def sex(raw: str) -> Fixed:
    """PatientSex: M, F, O or empty."""
    padded = _padded(raw)
    value = _SEX.get(padded.upper(), "")
    return Fixed(value, "" if value == padded else "not M, F or O")


_DATES = (
    (re.compile(r"(\d{4})(\d{2})(\d{2})"), (1, 2, 3)),
    (re.compile(r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4})"), (3, 2, 1)),
)
"""How dates are written, and which group is year, month and day."""


def date(raw: str) -> Fixed:
    """DA: a day that exists, in whatever usual notation; anything else is dropped."""
    padded = _padded(raw)
    if not padded:
        return Fixed("")
    for pattern, order in _DATES:
        if padded.isascii() and (found := pattern.fullmatch(padded)):
            value = _day(*(int(found[i]) for i in order))
            return Fixed(value, "" if value == padded else "not written as a DICOM date")
    return Fixed("", "not a date")


def _day(year: int, month: int, day: int) -> str:
    try:
        return calendar_date(year, month, day).strftime("%Y%m%d").zfill(8)
    except ValueError:
        return ""


def birth_date(raw: str, today: str) -> Fixed:
    """PatientBirthDate: not before 1850 and not after `today` (DA; empty: not checked)."""
    fixed = date(raw)
    if fixed.value and (fixed.value < "18500101" or (today and fixed.value > today)):
        return Fixed("", "nobody alive was born on that day")
    return fixed


_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:[.,](\d+))?")


def time(raw: str) -> Fixed:
    """TM: colons go, fractions are cut at six digits, an impossible time is dropped."""
    padded = _padded(raw)
    found = _TIME.fullmatch(padded) if padded.isascii() else None
    if not padded or not found:
        return Fixed("", "not a time" if padded else "")
    hour, minute, second, fraction = found.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60 or (fraction and not second):
        return Fixed("", "not a time")
    value = hour + (minute or "") + (second or "") + (f".{fraction[:6]}" if fraction else "")
    return Fixed(value, "" if value == padded else "not written as a DICOM time")


def age(raw: str) -> Fixed:
    """PatientAge (AS): three digits and D, W, M or Y."""
    padded = _padded(raw)
    good = not padded or re.fullmatch(r"[0-9]{3}[DWMY]", padded)
    return Fixed(padded) if good else Fixed("", "not an age")


def decimal(raw: str) -> Fixed:
    """DS that cannot be negative or zero (weight, height); a decimal comma becomes a point."""
    padded = _padded(raw)
    value = padded.replace(",", ".")
    if not padded:
        return Fixed("")
    if len(value) > 16 or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) or not float(value):
        return Fixed("", "not a number")
    return Fixed(value, "" if value == padded else "decimal comma")


def pregnancy_status(raw: str) -> Fixed:
    """PregnancyStatus (PS3.3 C.2.3): 1 not, 2 possibly, 3 definitely, 4 unknown."""
    padded = _padded(raw)
    return Fixed(padded) if padded in ("", "1", "2", "3", "4") else Fixed("", "not 1 to 4")
