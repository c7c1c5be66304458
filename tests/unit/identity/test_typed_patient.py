"""What may be typed for a patient without an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidPatient
from agent.model import Patient
from agent.typed_patient import checked

TODAY = date(2026, 11, 25)
GOOD = Patient(
    patient_name="О’Коннор-Їжакевич^Ґалина", patient_id="UA-7", patient_birth_date="19840309", patient_sex="F"
)


def test_a_good_one_passes_in_nfc_without_outer_spaces() -> None:
    assert checked(GOOD, today=TODAY) == GOOD
    loose = replace(GOOD, patient_id=" UA-7 ", patient_name="И\u0306ван^Петро")
    assert checked(loose, today=TODAY).patient_name == "Йван^Петро"
    assert checked(loose, today=TODAY).patient_id == "UA-7"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient_name", ""),
        ("patient_name", "^"),
        ("patient_name", "^Тарас"),
        ("patient_name", "Шев?енко"),
        ("patient_name", "Шев\ufffdенко"),
        ("patient_name", "А\\Б"),
        ("patient_name", "Ш" * 65),
        ("patient_name", "А^Б^В^Г^Ґ^Д"),
        ("patient_name", "А=Б=В=Г"),
        ("patient_name", "Шев\nченко"),
        ("patient_id", ""),
        ("patient_id", "   "),
        ("patient_id", "1" * 65),
        ("patient_id", "12?4"),
        ("patient_id", "12\x074"),
        ("issuer_of_patient_id", "1" * 65),
        ("patient_birth_date", "1984"),
        ("patient_birth_date", "19840230"),
        ("patient_birth_date", "20270101"),
        ("patient_birth_date", "18001231"),
        ("patient_sex", "Ч"),
    ],
)
def test_a_bad_value_is_refused_and_its_field_named(field: str, value: str) -> None:
    with pytest.raises(InvalidPatient) as refused:
        checked(replace(GOOD, **{field: value}), today=TODAY)
    assert refused.value.facts["field"] == field
    assert len(value.strip()) < 3 or value not in str(refused.value)


def test_64_letters_are_letters_not_bytes() -> None:
    assert checked(replace(GOOD, patient_name="Ї" * 64), today=TODAY)
    assert checked(replace(GOOD, patient_id="Ї" * 64), today=TODAY)


@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=9))
def test_what_passes_is_fit_for_dicom(name: str, number: str, born: str) -> None:
    try:
        patient = checked(Patient(patient_name=name, patient_id=number, patient_birth_date=born), today=TODAY)
    except InvalidPatient:
        return
    for text in (patient.patient_name, patient.patient_id):
        assert not set(text) & set("?\\\ufffd\n\r\t\x1b")
        text.encode()
    assert patient.patient_id.strip()
    assert all(len(group) <= 64 for group in patient.patient_name.split("="))
