"""Finding a patient in the list while typing, and putting the list in order. Pure; nothing is asked of a server.

Every word that is typed must fit: the beginning of a part of the name in Cyrillic or in Latin letters, the beginning
or the end of a number, a year or date of birth. A whole number (a scan) finds its rows alone. The order of letters is
the Ukrainian alphabet's, which neither code points nor `locale.strxfrm` of the C locale give (technician.md B9).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.model import Patient, ScheduledProcedureStep
from agent.transliteration import cyrillic, folded, skeleton, spellings

_KEPT = 8192
_ALPHABET = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"
_FOREIGN = {"ё": "е", "ъ": "щ", "ы": "щ", "э": "ь"}
"""Letters that only Russian has stand behind these."""
_END_OF_NUMBER = 3
"""So many characters at the end of a number find it; fewer would find half of the list."""
_SEPARATORS = re.compile(r"[\s^=,;]+")
_NUMBER_SEPARATORS = re.compile(r"[\s\-./_№#]+")
_MONTHS = (
    ("січ", "jan"), ("лют", "feb"), ("бер", "mar"), ("кві", "apr"), ("тра", "may"), ("чер", "jun"),
    ("лип", "jul"), ("сер", "aug"), ("вер", "sep"), ("жов", "oct"), ("лис", "nov"), ("гру", "dec"),
)  # fmt: skip
_DAY_FIRST = re.compile(r"(\d{1,2})[-./](\d{1,2}|[^\W\d]{3,})(?:[-./](\d{4}))?")
_YEAR_FIRST = re.compile(r"(\d{4})[-./](\d{1,2}|[^\W\d]{3,})(?:[-./](\d{1,2}))?")


# --- what is typed ------------------------------------------------------------------------------------------


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a search text; nothing typed: none."""
    shown = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Cc", "Cf"))
    return tuple(word for word in _SEPARATORS.split(shown) if word)


def chosen(steps: Sequence[ScheduledProcedureStep], text: str) -> tuple[ScheduledProcedureStep, ...]:
    """Return the steps that a search text finds, in order; an empty text finds all.

    A text that is exactly a number of somebody finds only whoever bears it: a wristband shows one row, not those too
    whose number begins so.
    """
    whole = _number(text)
    exact = tuple(step for step in steps if whole and whole in {_number(n) for n in numbers(step)})
    words = words_of(text)
    return exact or tuple(step for step in steps if all(fits(step, word) for word in words))


def fits(step: ScheduledProcedureStep, word: str) -> bool:
    """Return whether one typed word fits a step: its name, one of its numbers, its patient's birth."""
    return (
        named(step.patient.patient_name, word)
        or any(_number_fits(number, word) for number in numbers(step))
        or born(step.patient, word)
    )


def numbers(step: ScheduledProcedureStep) -> tuple[str, ...]:
    """Return every number by which people call for this step."""
    patient = step.patient
    ids = (patient.patient_id, *(number for number, _ in patient.other_patient_ids))
    orders = (step.accession_number, step.requested_procedure_id, step.placer_order_number, step.admission_id)
    return tuple(number for number in (*ids, *orders) if number)


def _number(text: str) -> str:
    return _NUMBER_SEPARATORS.sub("", unicodedata.normalize("NFC", text)).casefold()


def _number_fits(number: str, word: str) -> bool:
    has, wanted = _number(number), _number(word)
    return bool(wanted) and (has.startswith(wanted) or (len(wanted) >= _END_OF_NUMBER and has.endswith(wanted)))


# --- names ---------------------------------------------------------------------------------------------------


def named(name: str, word: str) -> bool:
    """Return whether a part of a Person Name, in any of its groups, begins with `word` in either script."""
    return any(_begins(part, word) for part in parts(name))


@lru_cache(maxsize=_KEPT)
def parts(name: str) -> tuple[str, ...]:
    """Return the words of a Person Name; a hyphened one counts whole and by its halves."""
    words = [word for word in _SEPARATORS.split(name) if word]
    return tuple(dict.fromkeys([*words, *(half for word in words for half in word.split("-") if half)]))


def _begins(part: str, word: str) -> bool:
    if cyrillic(part) and cyrillic(word):
        return bool(folded(word)) and folded(part).startswith(folded(word))
    typed = spellings(word)
    if any(have.startswith(want) for have in spellings(part) for want in typed if want):
        return True
    coarse = skeleton(word)
    return len(coarse) > 1 and skeleton(part).startswith(coarse)


# --- birth ---------------------------------------------------------------------------------------------------


def born(patient: Patient, word: str) -> bool:
    """Return whether `word` is the year or the date of birth: `1984`, `09.03.1984`, `09-бер-1984`, `19840309`."""
    birth = patient.patient_birth_date
    if len(birth) != 8:
        return False
    if word.isascii() and word.isdigit():
        return word in (birth, birth[:4], birth[6:] + birth[4:6] + birth[:4])
    return any(_same_day(birth, *told) for told in _dates(word.casefold()))


def _dates(word: str) -> Iterable[tuple[str, str, str]]:
    if found := _DAY_FIRST.fullmatch(word):
        yield found[3] or "", _month(found[2]), found[1].zfill(2)
    elif found := _YEAR_FIRST.fullmatch(word):
        yield found[1], _month(found[2]), (found[3] or "").zfill(2) if found[3] else ""


def _month(word: str) -> str:
    if word.isdigit():
        return word.zfill(2)
    return next((f"{i:02d}" for i, names in enumerate(_MONTHS, 1) if word[:3] in names), "--")


def _same_day(birth: str, year: str, month: str, day: str) -> bool:
    return (not year or birth[:4] == year) and birth[4:6] == month and (not day or birth[6:] == day)


# --- order ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a text stands: by letters first, then by the marks and the size of the letters, then as it is."""

    letters: tuple[tuple[int, int], ...]
    marks: tuple[int, ...]
    text: str


@lru_cache(maxsize=_KEPT)
def collation(text: str) -> Place:
    """Return the key of Ukrainian order: digits, А … Ґ after Г, Є after Е, І Ї after И … Я, then Latin.

    Apostrophes, hyphens and marks of stress count only between texts that are otherwise the same, small letters come
    before capital ones. A Person Name may be given as it is: `^` stands before every letter.
    """
    normal = unicodedata.normalize("NFC", text)
    letters, marks = [], []
    for character in normal:
        weight = _weight(character)
        if weight is not None:
            letters.append(weight)
            marks.append(int(character != character.lower()))
    return Place(tuple(letters), tuple(marks), normal)


def _weight(character: str) -> tuple[int, int] | None:
    small = character.lower()
    if small in _ALPHABET:
        return 3, 2 * _ALPHABET.index(small)
    if small in _FOREIGN:
        return 3, 2 * _ALPHABET.index(_FOREIGN[small]) + 1
    if small in "^= ":
        return 0, 0
    bare = unicodedata.normalize("NFD", small)[0]
    if bare.isdigit():
        return 1, unicodedata.digit(bare, 0)
    if bare.isalpha():
        return (3 if cyrillic(bare) else 4), 100 + ord(bare) if cyrillic(bare) else ord(bare)
    return None
