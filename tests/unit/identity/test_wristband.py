"""What a wristband says, and whether it is the chosen patient's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import wristband
from agent.model import Patient

PREFIX = ("5050898",)
NHS = "9999999484"
GSRN = f"5050898{NHS}" + wristband.check_digit(f"5050898{NHS}")
GS = "\x1d"
PATIENT = Patient(patient_name="Коваль^Олена", patient_id=NHS, patient_birth_date="19710212")


def content(family: str = "Коваль", given: str = "Олена", born: str = "19710212") -> str:
    return f"]d28018{GSRN}91RXX^0012345^5050898000000{GS}93{family}^{given}^{born}"


def test_a_plain_barcode_is_one_number() -> None:
    assert wristband.read(" UA-00001\r\n") == wristband.Band(numbers=("UA-00001",))


def test_a_data_matrix_tells_numbers_name_and_birth() -> None:
    band = wristband.read(content(), PREFIX)
    assert band.numbers == (GSRN, NHS, "0012345")
    assert (band.family, band.given, band.birth_date) == ("Коваль", "Олена", "19710212")


def test_the_text_below_the_symbol_reads_the_same() -> None:
    shown = f"(8018){GSRN}(91)RXX^0012345^5050898000000(93)Коваль^Олена^19710212"
    assert wristband.read(shown, PREFIX) == wristband.read(content(), PREFIX)


def test_elements_in_another_order_read_the_same() -> None:
    turned = f"93Коваль^Олена^19710212{GS}8018{GSRN}91RXX^0012345^5050898000000"
    assert wristband.read(turned, PREFIX) == wristband.read(content(), PREFIX)


def test_a_number_that_only_looks_like_gs1_stays_a_number() -> None:
    wrong = GSRN[:-1] + str((int(GSRN[-1]) + 1) % 10)
    assert wristband.read(f"8018{wrong}", PREFIX).numbers == (f"8018{wrong}",)


@pytest.mark.parametrize(
    ("text", "da"),
    [("19800118", "19800118"), ("198001181410", "19800118"), ("1980-01-18", "19800118"), ("18-Jan-1980", "19800118"),
     ("8/1/1980", "19800108"), ("", ""), ("soon", ""), ("18-Foo-1980", "")],
)  # fmt: skip
def test_dates_of_birth(text: str, da: str) -> None:
    assert wristband.birth_date(text) == da


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (content(), ()),
        (content(family="KOVAL"), ()),
        (content(born="12-Feb-1971"), ()),
        (content(born=""), ()),
        (content(given="Ольга", born="02-Feb-1971"), ("patient_birth_date",)),
        (content(family="Ковальчук"), ("patient_name",)),
        (NHS, ()),
        (NHS[:-1], ("patient_id",)),
    ],
)
def test_number_birth_and_surname_are_compared(text: str, wrong: tuple[str, ...]) -> None:
    assert wristband.differences(wristband.read(text, PREFIX), PATIENT) == wrong


@given(st.text(max_size=256))
def test_anything_that_is_scanned_is_read(text: str) -> None:
    band = wristband.read(text, PREFIX)
    wristband.differences(band, PATIENT)
    assert all(number for number in band.numbers) or not text.strip("\r\n \t")


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_another_number_is_never_this_patients(number: str) -> None:
    fits = not wristband.differences(wristband.read(number, PREFIX), PATIENT)
    assert fits == (number == NHS)
