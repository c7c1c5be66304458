"""Character sets of worklist answers: what each declaration, wrong declaration and missing one comes to."""

from __future__ import annotations

import pytest

from agent.dimse.entry import read_entry
from agent.model import Flag, ScheduledProcedureStep, WorklistQuery
from tests.worklist_bytes import STEP, entry, sequence

CYRILLIC_G1 = b"\x1b-L"
"""ISO 2022 designation of ISO-IR 144 as G1 (PS3.3 table C.12-3)."""


def read(raw: bytes, **query: object) -> ScheduledProcedureStep:
    return read_entry(raw, WorklistQuery(today="20261124", **query), implicit_vr=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("charset", "raw", "name"),
    [
        (b"ISO_IR 192", "Ґалаґан^Єва^Їжаківна".encode(), "Ґалаґан^Єва^Їжаківна"),
        (b"ISO_IR 192", "О’Коннор-Їжакевич^Іван".encode(), "О’Коннор-Їжакевич^Іван"),
        (b"ISO_IR 192", "Прокопʼєв^Ґ".encode(), "Прокопʼєв^Ґ"),
        (b"ISO_IR 192", "И\u0306жак".encode(), "Йжак"),
        (b"ISO_IR 144", b"\xc8\xd5\xd2\xe7\xd5\xdd\xda\xde^\xa4\xa6\xa7", "Шевченко^ЄІЇ"),
        (
            b"\\ISO 2022 IR 144",
            b"Shevchenko^Taras="
            + CYRILLIC_G1
            + b"\xc8\xd5\xd2\xe7\xd5\xdd\xda\xde^"
            + CYRILLIC_G1
            + b"\xc2\xd0\xe0\xd0\xe1",
            "Shevchenko^Taras=Шевченко^Тарас",
        ),
        (b"", b"Shevchenko^Taras", "Shevchenko^Taras"),
        (b"ISO_IR 100", b"M\xfcller^Anna", "Müller^Anna"),
    ],
)
def test_declared_sets_are_read_as_declared(charset: bytes, raw: bytes, name: str) -> None:
    step = read(entry(SpecificCharacterSet=charset, PatientName=raw))
    assert step.patient.patient_name == name
    assert step.flags == ()
    assert step.repairs == ()


def test_a_name_of_64_characters_is_whole() -> None:
    name = "Ґ" * 40 + "^" + "ї" * 23
    assert len(name) == 64
    step = read(entry(PatientName=name.encode()))
    assert step.patient.patient_name == name
    assert step.flags == ()


def test_cp1251_labelled_latin_1_is_suspicious() -> None:
    step = read(entry(SpecificCharacterSet=b"ISO_IR 100", PatientName="Шевченко^Тарас".encode("cp1251")))
    assert step.patient.patient_name == "Øåâ÷åíêî^Òàðàñ"
    assert step.flags == (Flag.NAME_SUSPICIOUS,)


def test_cp1251_labelled_latin_1_is_read_right_when_the_server_is_known_for_it() -> None:
    raw = entry(SpecificCharacterSet=b"ISO_IR 100", PatientName="Ґудзь^Їванна".encode("cp1251"))
    step = read(raw, assume_charset="cp1251", assume_for=("ISO_IR 100",))
    assert step.patient.patient_name == "Ґудзь^Їванна"
    assert step.flags == (Flag.CHARSET_ASSUMED,)


def test_utf_8_labelled_latin_1_is_suspicious() -> None:
    step = read(entry(SpecificCharacterSet=b"ISO_IR 100"))
    assert Flag.NAME_SUSPICIOUS in step.flags


def test_undeclared_utf_8_is_recognised_and_told() -> None:
    step = read(entry(SpecificCharacterSet=None))
    assert step.patient.patient_name == "Шевченко^Тарас"
    assert step.flags == (Flag.CHARSET_ASSUMED,)


@pytest.mark.parametrize("assume", ["cp1251", "koi8-u"])
def test_undeclared_bytes_are_read_as_the_server_is_configured(assume: str) -> None:
    raw = entry(SpecificCharacterSet=None, PatientName="Ґудзь^Єлисей".encode(assume))
    step = read(raw, assume_charset=assume)
    assert step.patient.patient_name == "Ґудзь^Єлисей"
    assert step.flags == (Flag.CHARSET_ASSUMED,)


def test_undeclared_bytes_that_are_not_utf_8_block() -> None:
    step = read(entry(SpecificCharacterSet=None, PatientName="Ґудзь^Єлисей".encode("cp1251")))
    assert step.blocked == (Flag.NAME_DAMAGED,)


def test_ascii_without_a_declaration_needs_no_guess() -> None:
    assert read(entry(SpecificCharacterSet=None, PatientName=b"Shevchenko"), assume_charset="cp1251").flags == ()


@pytest.mark.parametrize(("charset", "name"), [(b"UTF-8", "Ґалаґан"), (b"ISO_IR 999", "Ґалаґан")])
def test_wrong_terms_are_told(charset: bytes, name: str) -> None:
    step = read(entry(SpecificCharacterSet=charset, PatientName=name.encode()))
    assert step.patient.patient_name == name
    assert step.flags == (Flag.CHARSET_ASSUMED,)


def test_broken_utf_8_blocks() -> None:
    assert read(entry(PatientName=b"\xd0\xa8\xd0")).blocked == (Flag.NAME_DAMAGED,)


def test_an_item_may_have_a_set_of_its_own() -> None:
    inner = {**STEP, "SpecificCharacterSet": b"ISO_IR 144", "ScheduledProcedureStepDescription": b"\xc3\xb7\xb4"}
    step = read(entry(ScheduledProcedureStepSequence=sequence(inner)))
    assert step.scheduled_procedure_step_description == "УЗД"
    assert step.patient.patient_name == "Шевченко^Тарас"


def test_an_item_without_a_set_has_its_parents() -> None:
    inner = {**STEP, "ScheduledProcedureStepDescription": "ФГДС".encode()}
    assert read(entry(inner)).scheduled_procedure_step_description == "ФГДС"
