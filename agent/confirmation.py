"""Which acts may confirm a patient now, as one table, and whether one does (ruling 10, technician.md B1). Pure.

Three acts: `scan` the wristband, `reenter` the end of the number or the date of birth, `click` a deliberate button. A
site that asks for more takes `click` away; a list too old takes it away, too. What found the row never confirms it: a
row found by scanning needs another act, so one wrong wristband alone can never open an exam.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from agent import wristband
from agent.errors import BadRequest, IdentityMismatch, NotConfirmed
from agent.model import Patient

Mode = Literal["scan", "reenter", "click"]
MODES: tuple[Mode, ...] = get_args(Mode)
DIGITS = 4
"""So many last characters of the patient's number are enough to re-enter."""

_ALLOWED: Mapping[tuple[str, bool], tuple[Mode, ...]] = {
    ("scan", False): ("scan", "reenter"),
    ("scan", True): ("reenter", "click"),
    ("reenter", False): ("scan", "reenter"),
    ("reenter", True): ("reenter", "click"),
    ("click", False): ("scan", "reenter", "click"),
    ("click", True): ("reenter", "click"),
}
"""(what the site asks for, whether a scan found the row) -> what may confirm it."""

FOUND_BY_SCAN, LIST_OLD = "found-by-scan", "list-old"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAges:
    """When a list is told to be old, and when a click on it is no longer enough."""

    amber_s: float
    click_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may confirm a row now, and why not more (`found-by-scan`, `list-old`; empty: nothing was taken away)."""

    modes: tuple[Mode, ...]
    why: str = ""


def allowed(site: str, *, found_by_scan: bool, list_age_s: float | None, ages: ListAges) -> Allowed:
    """Return what may confirm a row of a list of that age (None: unknown, treated as old)."""
    modes = _ALLOWED[(site, found_by_scan)]
    old = list_age_s is None or list_age_s > ages.click_s
    if old and "click" in modes:
        return Allowed(modes=tuple(m for m in modes if m != "click"), why=LIST_OLD)
    return Allowed(modes=modes, why=FOUND_BY_SCAN if found_by_scan else "")


def assert_confirmed(
    patient: Patient, mode: str, typed: str, may: Allowed, prefixes: tuple[str, ...] = ()
) -> None:
    """Raise unless `typed` confirms the patient by `mode`, which has to be one of those that may.

    Raises `NotConfirmed` for a mode that is not enough now or a wrong re-entry, `IdentityMismatch` when the scanned
    wristband is another patient's: number, date of birth and surname are compared, as far as both sides know them.
    """
    if mode not in MODES:
        raise BadRequest("A patient is confirmed by scan, reenter or click.")
    if mode not in may.modes:
        raise _refusal(may.why)
    if mode == "scan":
        assert_band(patient, typed, prefixes)
    if mode == "reenter" and not re_entered(patient, typed):
        raise NotConfirmed


def _refusal(why: str) -> NotConfirmed:
    """Return why the act that was offered is not enough now."""
    if why == FOUND_BY_SCAN:
        return NotConfirmed("The scan found the row and cannot confirm it as well.")
    if why == LIST_OLD:
        return NotConfirmed("The list is too old for a click.")
    return NotConfirmed("A click is not enough here.")


def assert_band(patient: Patient, text: str, prefixes: tuple[str, ...]) -> None:
    """Raise `NotConfirmed` without a scan, `IdentityMismatch` for the wristband of another patient."""
    if not text.strip():
        raise NotConfirmed("Nothing was scanned.")
    if wrong := wristband.differences(wristband.read(text, prefixes), patient):
        raise IdentityMismatch(differs=" ".join(wrong))


def re_entered(patient: Patient, typed: str) -> bool:
    """Return whether `typed` is the patient's number, its last characters or the date of birth (YYYYMMDD)."""
    said, number = _folded(typed), _folded(patient.patient_id)
    return bool(said) and said in {number, number[-DIGITS:], patient.patient_birth_date}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()
