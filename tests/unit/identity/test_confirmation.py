"""Which acts may confirm a patient: the whole table, and the acts themselves."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import errors
from agent.confirmation import MODES, ListAges, allowed, assert_confirmed, re_entered
from agent.model import Patient

AGES = ListAges(amber_s=900, click_s=3600)
PATIENT = Patient(patient_name="Коваль^Олена", patient_id="UA-00012345", patient_birth_date="19710212")
YOUNG, OLD = 60.0, 3601.0

TABLE = {
    # site, found by a scan, list: what may confirm, why not more
    ("scan", False, YOUNG): (("scan", "reenter"), ""),
    ("scan", False, OLD): (("scan", "reenter"), ""),
    ("scan", True, YOUNG): (("reenter", "click"), "found-by-scan"),
    ("scan", True, OLD): (("reenter",), "list-old"),
    ("reenter", False, YOUNG): (("scan", "reenter"), ""),
    ("reenter", False, OLD): (("scan", "reenter"), ""),
    ("reenter", True, YOUNG): (("reenter", "click"), "found-by-scan"),
    ("reenter", True, OLD): (("reenter",), "list-old"),
    ("click", False, YOUNG): (("scan", "reenter", "click"), ""),
    ("click", False, OLD): (("scan", "reenter"), "list-old"),
    ("click", True, YOUNG): (("reenter", "click"), "found-by-scan"),
    ("click", True, OLD): (("reenter",), "list-old"),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_whole_table(case: tuple[str, bool, float]) -> None:
    site, found, age_s = case
    may = allowed(site, found_by_scan=found, list_age_s=age_s, ages=AGES)
    assert (may.modes, may.why) == TABLE[case]


@pytest.mark.parametrize(("site", "found"), [*product(MODES, (False, True))])
def test_a_list_of_unknown_age_is_old_and_something_is_always_possible(site: str, *, found: bool) -> None:
    unknown = allowed(site, found_by_scan=found, list_age_s=None, ages=AGES)
    assert unknown == allowed(site, found_by_scan=found, list_age_s=OLD, ages=AGES)
    assert "click" not in unknown.modes
    assert "reenter" in unknown.modes


@pytest.mark.parametrize(("site", "age_s"), [*product(MODES, (YOUNG, OLD, None))])
def test_the_scan_that_found_a_row_never_confirms_it(site: str, age_s: float | None) -> None:
    assert "scan" not in allowed(site, found_by_scan=True, list_age_s=age_s, ages=AGES).modes


def test_acts() -> None:
    may = allowed("click", found_by_scan=False, list_age_s=YOUNG, ages=AGES)
    assert_confirmed(PATIENT, "click", "", may)
    for typed in ("UA-00012345", "ua-00012345", "2345", " 19710212 "):
        assert_confirmed(PATIENT, "reenter", typed, may)
    for typed in ("", "12345", "0212", "345"):
        with pytest.raises(errors.NotConfirmed):
            assert_confirmed(PATIENT, "reenter", typed, may)
    assert_confirmed(PATIENT, "scan", "UA-00012345", may)
    with pytest.raises(errors.NotConfirmed):
        assert_confirmed(PATIENT, "scan", "", may)
    with pytest.raises(errors.IdentityMismatch) as stop:
        assert_confirmed(PATIENT, "scan", "UA-00012346", may)
    assert "UA-0001234" not in str(stop.value)
    with pytest.raises(errors.BadRequest):
        assert_confirmed(PATIENT, "", "", may)


def test_a_mode_that_may_not_is_refused_whatever_was_typed() -> None:
    for site, found, age_s in TABLE:
        may = allowed(site, found_by_scan=found, list_age_s=age_s, ages=AGES)
        for mode in set(MODES) - set(may.modes):
            with pytest.raises(errors.NotConfirmed):
                assert_confirmed(PATIENT, mode, PATIENT.patient_id, may)


def test_a_patient_without_birth_date_is_not_confirmed_by_nothing() -> None:
    nobody = Patient(patient_name="A", patient_id="")
    assert not re_entered(nobody, "")
    assert not re_entered(nobody, " ")


@given(st.text(max_size=40))
def test_nothing_but_the_patients_own_confirms(typed: str) -> None:
    said = typed.strip().casefold()
    assert re_entered(PATIENT, typed) == (said in {"ua-00012345", "2345", "19710212"})


@given(st.text(max_size=80))
def test_a_wrong_scan_never_confirms(text: str) -> None:
    may = allowed("scan", found_by_scan=False, list_age_s=YOUNG, ages=AGES)
    with suppress(errors.NotConfirmed, errors.IdentityMismatch):
        assert_confirmed(PATIENT, "scan", text, may)
        assert text.strip() == PATIENT.patient_id
