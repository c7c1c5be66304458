"""What a value of each VR may look like (PS3.5 table 6.2-1): characters, lengths in characters, syntax.

pydicom checks some of this, with other edges; this table is ours, and it is applied to every value of every
item before an object may be queued (promise P4).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?")
_DATE_TIME = re.compile(r"[0-9]{8}[0-9]{6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?")
_CODE = re.compile(r"[A-Z0-9_](?:[A-Z0-9 _]*[A-Z0-9_])?")
_AGE = re.compile(r"[0-9]{3}[DWMY]")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_LAYOUT = frozenset("\t\n\f\r")
_FIRST_ARC, _SECOND_ARC = 2, 39


def _date(text: str) -> bool:
    try:
        return len(text) == 8 and text.isascii() and text.isdigit() and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _uid(text: str) -> bool:
    if len(text) > 64 or not _UID.fullmatch(text):
        return False
    first, second = (int(arc) for arc in text.split(".")[:2])
    return first < _FIRST_ARC and second <= _SECOND_ARC if first != _FIRST_ARC else True


def _plain(text: str) -> bool:
    return "\\" not in text and not any(unicodedata.category(letter) == "Cc" for letter in text)


def _line(limit: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit and _plain(text) and text == text.strip()


def _paragraph(limit: int) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        controls = {letter for letter in text if unicodedata.category(letter) == "Cc"}
        return len(text) <= limit and controls <= _LAYOUT and text == text.rstrip()

    return holds


def _matching(pattern: re.Pattern[str], limit: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= limit and pattern.fullmatch(text) is not None


def _integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and -(2**31) <= int(text) < 2**31


def _person_name(text: str) -> bool:
    groups = text.split("=")
    return (
        _plain(text)
        and len(groups) <= 3
        and not text.endswith(("^", "="))
        and all(len(group) <= 64 and group.count("^") < 5 and group == group.strip() for group in groups)
        and any(group.strip("^ ") for group in groups)
    )


SYNTAX: dict[str, Callable[[str], bool]] = {
    "AS": _matching(_AGE, 4),
    "CS": _matching(_CODE, 16),
    "DA": _date,
    "DS": _matching(_DECIMAL, 16),
    "DT": _matching(_DATE_TIME, 26),
    "IS": _integer,
    "LO": _line(64),
    "LT": _paragraph(10240),
    "PN": _person_name,
    "SH": _line(16),
    "ST": _paragraph(1024),
    "TM": _matching(_TIME, 14),
    "UC": _line(2**32 - 2),
    "UI": _uid,
    "UT": _paragraph(2**32 - 2),
}
"""VR to: does this one value, not empty, obey? A VR that is not named here has no text."""

BINARY = frozenset({"AT", "OB", "OW", "SQ", "UL", "US"})
"""VRs without text that our objects use."""
