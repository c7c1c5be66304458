"""How dates, ages and persons are written for people: months as letters, plural forms, surname in capitals.

Functions of a language's `gettext`, so that a translation is all that differs (technician.md B1, B9).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date

from agent.transliteration import best_group

Plural = Callable[[str, str, int], str]

_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "uk": ("січ", "лют", "бер", "кві", "тра", "чер", "лип", "сер", "вер", "жов", "лис", "гру"),
}
UNKNOWN = "—"
"""Never a question mark: failed character sets print those."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def months(language: str) -> tuple[str, ...]:
    """Return the twelve months in three letters; an unknown language gets English."""
    return _MONTHS.get(language, _MONTHS["en"])


def day(value: str, language: str) -> str:
    """Return a date (DA, or ISO 8601 with anything behind it) as `09-бер-1984`; empty: a dash, not a date: as it is."""
    digits = value[:10].replace("-", "")[:8]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()) or not 1 <= int(digits[4:6]) <= 12:
        return value or UNKNOWN
    return f"{digits[6:]}-{months(language)[int(digits[4:6]) - 1]}-{digits[:4]}"


def minute(value: str) -> str:
    """Return a time (TM, or ISO 8601 date and time) as hours and minutes; empty: nothing."""
    clock = value.partition("T")[2] if "T" in value else value
    digits = clock.replace(":", "")[:4]
    return f"{digits[:2]}:{digits[2:]}" if len(digits) == 4 and digits.isdigit() else value


def lasting(seconds: float, plural: Plural) -> str:
    """Return a duration in its largest whole unit: `7 секунд`, `2 хвилини`, `3 години`, `5 днів`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return plural("%(num)s second", "%(num)s seconds", whole) % {"num": whole}
    if whole < _HOUR:
        return plural("%(num)s minute", "%(num)s minutes", whole // _MINUTE) % {"num": whole // _MINUTE}
    if whole < _DAY:
        return plural("%(num)s hour", "%(num)s hours", whole // _HOUR) % {"num": whole // _HOUR}
    return plural("%(num)s day", "%(num)s days", whole // _DAY) % {"num": whole // _DAY}


def age(birth: str, today: str, plural: Plural) -> str:
    """Return how old somebody is: years, below two years months, below two months days; unknown: nothing. Both DA."""
    born, now = _date(birth), _date(today)
    if born is None or now is None or born > now:
        return ""
    whole = (now.year - born.year) * 12 + now.month - born.month - (now.day < born.day)
    if whole >= 24:
        return plural("%(num)s year", "%(num)s years", whole // 12) % {"num": whole // 12}
    if whole >= 2:
        return plural("%(num)s month", "%(num)s months", whole) % {"num": whole}
    days = (now - born).days
    return plural("%(num)s day", "%(num)s days", days) % {"num": days}


def _date(value: str) -> date | None:
    digits = value[:10].replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None


def shown(text: str) -> str:
    """Return `text` as it may stand on a screen: without controls, zero-width signs and marks of direction."""
    return "".join(" " if c in "\r\n\t\v\f\u2028\u2029" else c for c in text if c in "\r\n\t\v\f" or _visible(c))


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def person(name: str) -> str:
    """Return a Person Name (PN, PS3.5 6.2.1) as `ШЕВЧЕНКО Тарас Григорович`, of its best group; empty: a dash.

    The best group is the first with a Cyrillic letter, else the first that holds anything: a name reads the same in
    every language of the screens. Suffix and prefix follow behind commas, so that father and son differ.
    """
    components = [" ".join(shown(component).split()) for component in best_group(name).split("^")]
    family, given, middle, prefix, suffix = [*components, *[""] * 5][:5]
    whole = " ".join(part for part in (family.upper(), given, middle) if part)
    return ", ".join(part for part in (whole, suffix, prefix) if part) or UNKNOWN
