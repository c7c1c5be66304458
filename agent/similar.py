"""Which rows of a list carry names that a tired person could confuse (technician.md B3). Pure."""

from __future__ import annotations

import unicodedata

_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "`": "'", "‘": "'"})


def surname(name: str) -> str:
    """Return the comparable surname of a Person Name: first component of the first group, folded."""
    first = name.split("=", maxsplit=1)[0].split("^", maxsplit=1)[0]
    return unicodedata.normalize("NFC", first).translate(_APOSTROPHES).strip().casefold()


def near(a: str, b: str) -> bool:
    """Return whether two folded surnames are equal or at most two edits apart (one, when short)."""
    if not a or not b or abs(len(a) - len(b)) > 2:
        return False
    return a == b or _distance(a, b) <= (2 if min(len(a), len(b)) > 5 else 1)


def rows(names: list[str]) -> set[int]:
    """Return the positions of all names that have a near twin in the list."""
    folded = [surname(name) for name in names]
    return {
        i for i, a in enumerate(folded) for j, b in enumerate(folded) if i != j and near(a, b)
    }


def _distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]
