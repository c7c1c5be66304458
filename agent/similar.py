"""Which rows of a list a tired person could confuse (technician.md B3). Pure.

Surnames are compared after transliteration, so that a Latin twin of a Cyrillic name is alike. Two persons born on one
day are alike at a greater distance, and by their given names too. Two orders of one patient are not a warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType

from agent.model import Patient
from agent.transliteration import best_group, cyrillic, folded, latin, skeleton

_FAR = 2
"""So many edits apart are long surnames still alike."""
_SHORT = 5
"""Surnames up to so many letters are alike at one edit."""
_KEPT = 4096
_LISTS = 4


def surname(name: str) -> str:
    """Return the comparable surname of a Person Name: the first component of its best group, folded."""
    return _component(name, 0)


def given(name: str) -> str:
    """Return the comparable given name of a Person Name."""
    return _component(name, 1)


def _component(name: str, position: int) -> str:
    parts = [*best_group(name).split("^"), "", ""]
    return folded(" ".join(parts[position].split()))


def same_surname(surname_alone: str, name: str) -> bool:
    """Return whether a surname is that of the Person Name `name` in any of its groups, Latin or Cyrillic alike."""
    said = latin(surname(surname_alone))
    return any(said == latin(surname(group)) for group in name.split("=") if surname(group))


def near(a: str, b: str) -> bool:
    """Return whether two folded surnames are equal or at most two edits apart (one, when short), in either script."""
    if not a or not b:
        return False
    if a == b or skeleton(a) == skeleton(b) != "":
        return True
    if cyrillic(a) != cyrillic(b):
        a, b = latin(a), latin(b)
    far = _FAR if min(len(a), len(b)) > _SHORT else 1
    return abs(len(a) - len(b)) <= far and _distance(a, b) <= far


def alike(a: Patient, b: Patient) -> bool:
    """Return whether one patient could be taken for the other: never a patient for himself."""
    if same(a, b):
        return False
    if near(surname(a.patient_name), surname(b.patient_name)):
        return True
    born_together = a.patient_birth_date == b.patient_birth_date != ""
    return born_together and _close(a.patient_name, b.patient_name)


def same(a: Patient, b: Patient) -> bool:
    """Return whether two entries are of one patient: number, issuer, name and birth date agree."""
    return _identity(a) == _identity(b) and bool(a.patient_id)


def _identity(p: Patient) -> tuple[str, str, str, str]:
    return p.patient_id, p.issuer_of_patient_id, p.patient_name, p.patient_birth_date


def _close(a: str, b: str) -> bool:
    """Return whether names of people born on one day are confusable: same given name, or the two names exchanged."""
    ours, theirs = (skeleton(surname(a)), skeleton(given(a))), (skeleton(surname(b)), skeleton(given(b)))
    exchanged = ours == theirs[::-1] and all(ours)
    first_letters = bool(ours[0] and theirs[0]) and ours[0][0] == theirs[0][0]
    return exchanged or (bool(ours[1]) and ours[1] == theirs[1] and first_letters)


def rows(names: Sequence[str]) -> set[int]:
    """Return the positions of all names that have a near twin in the list; the same name twice is one."""
    return {i for pair in _pairs([surname(name) for name in names]) for i in pair}


def groups(patients: Iterable[Patient]) -> Mapping[int, tuple[int, ...]]:
    """Return, for each position with look-alikes in the list, the positions of those, in order.

    The last lists are remembered: a page that is asked for again does not measure again.
    """
    return _groups(tuple(patients))


@lru_cache(maxsize=_LISTS)
def _groups(patients: tuple[Patient, ...]) -> Mapping[int, tuple[int, ...]]:
    found: dict[int, set[int]] = defaultdict(set)
    candidates = {*_pairs([surname(p.patient_name) for p in patients]), *_born_together(patients)}
    for i, j in candidates:
        if alike(patients[i], patients[j]):
            found[i].add(j)
            found[j].add(i)
    return MappingProxyType({i: tuple(sorted(twins)) for i, twins in found.items()})


def _born_together(patients: Sequence[Patient]) -> Iterator[tuple[int, int]]:
    by_day: dict[str, list[int]] = defaultdict(list)
    for i, patient in enumerate(patients):
        if patient.patient_birth_date:
            by_day[patient.patient_birth_date].append(i)
    for together in by_day.values():
        yield from combinations(together, 2)


def _pairs(surnames: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of positions whose surnames are near. Not every pair is measured: a page must not wait."""
    where: dict[str, list[int]] = defaultdict(list)
    for i, text in enumerate(surnames):
        if text:
            where[text].append(i)
    buckets: dict[str, set[str]] = defaultdict(set)
    for text in where:
        for mark in _marks(text):
            buckets[mark].add(text)
    met: set[tuple[str, str]] = set()
    for texts in buckets.values():
        if len(texts) > 1:
            met.update(combinations(sorted(texts), 2))
    for a, b in met:
        if near(a, b):
            yield from ((min(i, j), max(i, j)) for i in where[a] for j in where[b])
    for together in where.values():
        yield from combinations(together, 2)


@lru_cache(maxsize=_KEPT)
def _marks(text: str) -> frozenset[str]:
    """Return what two near surnames have in common: their skeleton, or one of the texts with letters left out."""
    forms = {text, latin(text)}
    return frozenset({f"={skeleton(text)}", *(mark for form in forms for mark in _shortened({form}, _FAR))})


def _shortened(texts: Iterable[str], times: int) -> set[str]:
    made = set(texts)
    for _ in range(times):
        made |= {text[:i] + text[i + 1 :] for text in made for i in range(len(text))}
    return made


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]
