"""Our own filter: what servers that ignore matching keys must not get onto the list."""

from __future__ import annotations

import pytest

from agent.model import Patient, Repair, ScheduledProcedureStep, WorklistQuery
from agent.refilter import refilter

STEP = ScheduledProcedureStep(
    key="k",
    patient=Patient(patient_name="Shevchenko^Taras=Шевченко^Тарас^Григорович", patient_id="UA-17"),
    accession_number="ACC-1",
    requested_procedure_id="RP-1",
    scheduled_procedure_step_start_date="20261124",
    scheduled_station_ae_title="AGENT",
    modality="ES",
)
UNKNOWN = ScheduledProcedureStep(key="u", patient=Patient(patient_name="", patient_id=""))
MATCHING: list[dict[str, object]] = [
    {},
    {"date_from": "20261123", "date_to": "20261125"},
    {"date_from": "20261124", "date_to": "20261124"},
    {"date_to": "20261124"},
    {"modality": "ES"},
    {"expected_modalities": ("US", "ES")},
    {"station_ae_title": "AGENT"},
    {"patient_name": "Шевч*"},
    {"patient_name": "шевченко^тарас*"},
    {"patient_name": "Shevchenko^Taras"},
    {"patient_name": "Шевченк?^*"},
    {"patient_id": "UA-17"},
    {"accession_number": "ACC-1"},
    {"requested_procedure_id": "RP-1"},
]
NOT_MATCHING: list[dict[str, object]] = [
    {"date_from": "20261125"},
    {"date_to": "20261123"},
    {"modality": "US"},
    {"expected_modalities": ("US",)},
    {"station_ae_title": "ENDO2"},
    {"patient_name": "Коваль*"},
    {"patient_name": "Шевченко^Тарас"},
    {"patient_name": "Шевч.*"},
    {"patient_id": "UA-1"},
    {"accession_number": "ACC-10"},
    {"requested_procedure_id": "RP-2"},
]


@pytest.mark.parametrize("query", MATCHING)
def test_what_was_asked_for_stays(query: dict[str, object]) -> None:
    assert refilter([STEP, UNKNOWN], WorklistQuery(**query)) == ((STEP, UNKNOWN), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("query", NOT_MATCHING)
def test_what_was_not_asked_for_goes_and_is_counted(query: dict[str, object]) -> None:
    assert refilter([STEP, UNKNOWN, STEP], WorklistQuery(**query)) == ((UNKNOWN,), 2)  # type: ignore[arg-type]


def test_a_dropped_number_is_still_found_by_what_was_scanned() -> None:
    raw = Repair(keyword="AccessionNumber", raw="ACC-2026-000000001234", value="", reason="too long")
    dropped = ScheduledProcedureStep(key="d", patient=STEP.patient, repairs=(raw,))
    assert refilter([dropped], WorklistQuery(accession_number="ACC-2026-000000001234")) == ((dropped,), 0)
    assert refilter([dropped], WorklistQuery(accession_number="ACC-9")) == ((), 1)
