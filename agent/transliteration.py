"""Ukrainian names in Latin letters, and what remains of a name when every way of spelling it is taken away. Pure.

Passports and wristbands follow the Cabinet's resolution № 55 of 27 January 2010; older papers, other countries and
people at a keyboard do not. `spellings` gives what a name may begin with while it is typed; `skeleton` is one coarse
form in which Шевченко, Shevchenko, Ševčenko and Szewczenko are the same. It is for finding and warning, never for
telling that two persons are one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

_KEPT = 8192
_APOSTROPHES = "\u02bc\u2019\u0027\u0060\u2018\u2032\u02b9\u02bb\u00b4"
"""All that people and keyboards put for the one in Мар’яна."""
_DROP = dict.fromkeys(map(ord, _APOSTROPHES))

RESOLUTION_55: Mapping[str, str] = {
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "g", "д": "d", "е": "e", "є": "ie", "ж": "zh", "з": "z", "и": "y",
    "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "ю": "iu",
    "я": "ia", "ы": "y", "э": "e", "ё": "io", "ъ": "",
}  # fmt: skip
"""№ 55, and below it the four letters that only Russian has."""
_FIRST_55 = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}
"""At the beginning of a word."""
_OLD_PASSPORT = {"г": "g", "и": "i", "є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia", "щ": "shch"}
_RUSSIAN = {"г": "g", "и": "i", "є": "e", "ї": "yi", "й": "y", "ю": "yu", "я": "ya", "щ": "shch", "ё": "yo"}
_SCHOLARLY = {
    "г": "h", "ж": "z", "х": "x", "ц": "c", "ч": "c", "ш": "s", "щ": "sc", "й": "j", "є": "je", "ї": "ji", "ю": "ju",
    "я": "ja",
}  # fmt: skip
"""ISO 9 and its kin, without their hooks (ž, č, š)."""
_POLISH = {"в": "w", "ж": "z", "х": "ch", "ц": "c", "ч": "cz", "ш": "sz", "щ": "szcz", "й": "j", "ю": "ju", "я": "ja"}
_SYSTEMS: tuple[tuple[Mapping[str, str], Mapping[str, str]], ...] = (
    (RESOLUTION_55, _FIRST_55),
    ({**RESOLUTION_55, **_OLD_PASSPORT}, {}),
    ({**RESOLUTION_55, **_RUSSIAN}, {}),
    ({**RESOLUTION_55, **_SCHOLARLY}, {}),
    ({**RESOLUTION_55, **_POLISH}, {}),
)
_STROKES = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "e", "œ": "e", "þ": "t", "ð": "d", "ı": "i"})
_HOOKS = str.maketrans({"š": "sh", "ś": "sh", "č": "ch", "ć": "ch", "ž": "zh", "ż": "zh"})
_COARSE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"shch|szcz|sch|sc(?=[^h]|$)", "9"),  # щ
        (r"sh|sz", "8"),  # ш
        (r"kh|ch(?=[^a-z]|$)", "h"),
        (r"ch|cz|tch", "7"),  # ч
        (r"zh", "z"),
        (r"ph", "f"),
        (r"ck|q", "k"),
        (r"x", "ks"),
        (r"ts|tz|c", "6"),  # ц
        (r"w", "v"),
        (r"g", "h"),
        (r"[yij]+", "i"),
        (r"ie|io(?=v|$)", "e"),
        (r"(.)\1+", r"\1"),
    )
)


def folded(text: str) -> str:
    """Return `text` for comparing within one script: NFC, small letters, no apostrophes, ґ as г and ё as е."""
    small = unicodedata.normalize("NFC", text).casefold().translate(_DROP)
    return unicodedata.normalize("NFC", small).replace("ґ", "г").replace("ё", "е")


def cyrillic(text: str) -> bool:
    """Return whether `text` has a Cyrillic letter."""
    return any("\u0400" <= c <= "\u052f" for c in text)


def best_group(name: str) -> str:
    """Return the group of a Person Name (PS3.5 6.2.1) that is shown: the first with Cyrillic letters, else with any."""
    groups = [group for group in name.split("=") if group.strip("^ ")]
    return next((group for group in groups if cyrillic(group)), groups[0] if groups else "")


def latin(text: str) -> str:
    """Return `text` in Latin letters as resolution № 55 writes it, in small letters; Latin text stays."""
    return _by(RESOLUTION_55, _FIRST_55, _small(text))


@lru_cache(maxsize=_KEPT)
def spellings(text: str) -> frozenset[str]:
    """Return the Latin spellings of one word in the systems that are in use; a Latin word is its only one."""
    small = _small(text)
    if not cyrillic(small):
        return frozenset({_plain(small)})
    return frozenset(_plain(_by(table, first, small)) for table, first in _SYSTEMS)


@lru_cache(maxsize=_KEPT)
def skeleton(text: str) -> str:
    """Return what is left of a word when script, system of transliteration, hooks and doubled letters are ignored."""
    word = _plain(latin(text).translate(_HOOKS))
    for pattern, made in _COARSE:
        word = pattern.sub(made, word)
    return word


def _small(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().translate(_DROP)


def _by(table: Mapping[str, str], first: Mapping[str, str], small: str) -> str:
    text = small.replace("зг", "zgh") if table is RESOLUTION_55 else small
    made, before = "", ""
    for letter in text:
        starts = not before.isalpha()
        made += (first.get(letter) if starts else None) or table.get(letter, letter)
        before = letter
    return made


def _plain(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.translate(_STROKES)
