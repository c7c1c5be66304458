"""How the box is, part by part, as numbers against two thresholds each. Pure; nothing of a patient.

A part is what its last use proved, not what its configuration says: a destination by its last answer to an object, the
worklist by its last list, the audit's export by what the repository took. Monitoring reads the words; the numbers
say how far it is to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Word(StrEnum):
    """What is said of a part, from good to bad; the worst part speaks for the box."""

    OK = "ok"
    ATTENTION = "attention"
    """It still works, or another part stands in; somebody should look at it today."""
    FAILING = "failing"
    """Something that the box is for does not happen."""


RANK: Mapping[str, int] = {Word.OK: 0, Word.ATTENTION: 1, Word.FAILING: 2}
"""Also the exit status of `modality-agent health`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of part. `setting`: beginning of its two keys in `[health]`; empty: the words are in the value."""

    unit: str
    measures: str
    setting: str = ""
    falling: bool = False
    """True: little is bad."""
    unit_s: float = 1.0
    """Seconds (or days, or pictures) in the unit of its thresholds."""


KINDS: Mapping[str, Kind] = {
    "disk": Kind(
        unit="pictures", measures="how many pictures fit before capture is refused", setting="disk_images", falling=True
    ),
    "clock": Kind(unit="", measures="who vouches for it: 0 the time service or the host, 1 a person, 2 nobody"),
    "certificate": Kind(
        unit="days", measures="days to the end of each certificate", setting="certificate_days", falling=True
    ),
    "queue": Kind(
        unit="s", measures="age of the oldest object that is not sent", setting="queue_min", unit_s=60.0
    ),
    "source": Kind(
        unit="s", measures="for how long each source is not ready or shows no picture", setting="source_min",
        unit_s=60.0,
    ),
    "destination": Kind(
        unit="s", measures="for how long each destination does not answer", setting="destination_min", unit_s=60.0
    ),
    "worklist": Kind(unit="s", measures="age of the last good list", setting="worklist_min", unit_s=60.0),
    "audit": Kind(
        unit="s", measures="age of the oldest audit row that the repository does not have", setting="audit_min",
        unit_s=60.0,
    ),
}  # fmt: skip
"""Every kind of part, in the order in which it is told."""
_CLOCK = {0: Word.OK, 1: Word.ATTENTION, 2: Word.FAILING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The two thresholds of one kind, in its unit."""

    attention: float
    failing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found of one part; `proven_at` (ISO 8601): when it last did what it is for; empty: not known."""

    kind: str
    name: str
    value: float
    proven_at: str = ""


def limits(settings: Mapping[str, int]) -> dict[str, Limits]:
    """Return the thresholds of every kind that has some, from the keys of `[health]`."""
    return {
        name: Limits(
            attention=settings[f"{kind.setting}_attention"] * kind.unit_s,
            failing=settings[f"{kind.setting}_failing"] * kind.unit_s,
        )
        for name, kind in KINDS.items()
        if kind.setting
    }


def judge(measured: Measured, of: Mapping[str, Limits]) -> Word:
    """Return the word for one part: beyond a threshold, not at it."""
    limit = of.get(measured.kind)
    if limit is None:
        return _CLOCK[int(measured.value)]
    sign = -1.0 if KINDS[measured.kind].falling else 1.0
    if sign * measured.value > sign * limit.failing:
        return Word.FAILING
    return Word.ATTENTION if sign * measured.value > sign * limit.attention else Word.OK


def worst(words: Iterable[str]) -> Word:
    """Return the worst of `words`; ok where there is none."""
    return Word(max(words, key=lambda word: RANK[word], default=Word.OK))
