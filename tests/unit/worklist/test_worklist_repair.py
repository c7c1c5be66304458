"""Repair of worklist values: one literal row for each defect and what it becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Code, Flag, ScheduledProcedureStep
from agent.repair import RawEntry, repair, repair_list

VALUES = {
    "PatientName": "Коваль^Олена",
    "PatientID": "UA-1",
    "StudyInstanceUID": "2.25.1",
    "AccessionNumber": "A1",
    "RequestedProcedureID": "RP1",
}
STEP = {"Modality": "ES", "ScheduledProcedureStepID": "S1", "ScheduledProcedureStepStartDate": "20261124"}
PATIENT = {
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "PatientSize",
    "PregnancyStatus",
    "MedicalAlerts",
    "PatientComments",
}
FIELDS = {
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "PatientBirthDate": "patient_birth_date",
    "PatientSex": "patient_sex",
    "PatientAge": "patient_age",
    "PatientWeight": "patient_weight",
    "PatientSize": "patient_size",
    "PregnancyStatus": "pregnancy_status",
    "MedicalAlerts": "medical_alerts",
    "PatientComments": "patient_comments",
    "StudyInstanceUID": "study_instance_uid",
    "AccessionNumber": "accession_number",
    "RequestedProcedureID": "requested_procedure_id",
    "RequestedProcedureDescription": "requested_procedure_description",
    "ScheduledProcedureStepID": "scheduled_procedure_step_id",
    "ScheduledProcedureStepLocation": "scheduled_procedure_step_location",
    "ScheduledProcedureStepStartDate": "scheduled_procedure_step_start_date",
    "ScheduledProcedureStepStartTime": "scheduled_procedure_step_start_time",
    "ScheduledStationAETitle": "scheduled_station_ae_title",
    "Modality": "modality",
}


def repaired(keyword: str = "", raw: str = "", **more: object) -> ScheduledProcedureStep:
    in_step = keyword.startswith("Scheduled") or keyword == "Modality"
    values = VALUES if in_step or not keyword else {**VALUES, keyword: raw}
    step = {**STEP, keyword: raw} if in_step else STEP
    entry = RawEntry(**{"values": values, "step": step, "step_count": 1, **more})  # type: ignore[arg-type]
    return repair(entry, today="20261124", station_ae_title="AGENT")


def value(step: ScheduledProcedureStep, keyword: str) -> str:
    return str(getattr(step.patient if keyword in PATIENT else step, FIELDS[keyword]))


GOOD = [
    ("PatientName", "Ґалаґан^Єва^Їжаківна^д-р^"[:-1]),
    ("PatientName", "О’Коннор-Їжакевич^Мар’яна"),
    ("PatientName", "Прокопʼєв"),
    ("PatientName", "Шевченко Тарас Григорович"),
    ("PatientName", "Шевченко, Тарас"),
    ("PatientName", "Shevchenko^Taras=Шевченко^Тарас"),
    ("PatientName", "Ї" * 64),
    ("PatientID", "Я" * 64),
    ("AccessionNumber", "A" * 16),
    ("RequestedProcedureID", "R" * 16),
    ("ScheduledProcedureStepLocation", "каб. 12"),
    ("PatientBirthDate", "19640309"),
    ("PatientBirthDate", "18500101"),
    ("PatientBirthDate", "20261124"),
    ("PatientSex", "O"),
    ("PatientAge", "062Y"),
    ("PatientWeight", "82.5"),
    ("PregnancyStatus", "4"),
    ("ScheduledProcedureStepStartTime", "10"),
    ("ScheduledProcedureStepStartTime", "101500.123456"),
    ("StudyInstanceUID", "1.2.826.0.1.3680043.9.7777.1.2026.1"),
    ("MedicalAlerts", "алергія\\кардіостимулятор"),
    ("PatientComments", "перший\r\nдругий \\ третій"),
]


@pytest.mark.parametrize(("keyword", "raw"), GOOD)
def test_a_good_value_is_used_as_it_is(keyword: str, raw: str) -> None:
    step = repaired(keyword, raw)
    assert value(step, keyword) == raw
    assert step.flags == ()
    assert step.repairs == ()


@pytest.mark.parametrize(
    ("keyword", "raw"), [("PatientID", "UA-1 "), ("PatientName", "Коваль^Олена\0"), ("PatientSex", "F ")]
)
def test_padding_is_no_repair(keyword: str, raw: str) -> None:
    step = repaired(keyword, raw)
    assert value(step, keyword) == raw[:-1]
    assert step.repairs == ()


R, NAME_MISSING, DAMAGED, CHECK = Flag.REPAIRED, Flag.NAME_MISSING, Flag.NAME_DAMAGED, Flag.NAME_SUSPICIOUS
CHANGED: list[tuple[str, str, str, set[Flag]]] = [
    ("AccessionNumber", "ACC-2026-000000001234", "", {R, Flag.ACCESSION_DROPPED}),
    ("AccessionNumber", "A\\B", "", {R, Flag.ACCESSION_DROPPED}),
    ("AccessionNumber", "A\u00a0", "A", {R}),
    ("PatientID", "Я" * 65, "", {R, Flag.PATIENT_ID_TOO_LONG}),
    ("PatientID", "", "", {Flag.NO_PATIENT_ID}),
    ("PatientID", "   ", "", {Flag.NO_PATIENT_ID}),
    ("PatientID", "UA\\1", "", {R, Flag.NO_PATIENT_ID}),
    ("PatientID", "UA\ufffd1", "", {R, Flag.NO_PATIENT_ID}),
    ("PatientID", "UA\u00ad1", "UA1", {R}),
    ("RequestedProcedureID", "R" * 17, "", {R}),
    ("ScheduledProcedureStepID", "S" * 17, "", {R}),
    ("RequestedProcedureDescription", "ї" * 65, "ї" * 64, {R}),
    ("RequestedProcedureDescription", "и" * 63 + "g\u0308", "и" * 63, {R}),
    ("ScheduledProcedureStepLocation", "кабінет номер 120", "кабінет номер 12", {R}),
    ("RequestedProcedureDescription", "УЗД\\печінки\tтерміново", "УЗД печінки терміново", {R}),
    ("RequestedProcedureDescription", "УЗД\u00a0печінки", "УЗД печінки", {R}),
    ("PatientName", "Коваль^Олена^^^", "Коваль^Олена", set()),
    ("PatientName", "Коваль^Олена==", "Коваль^Олена", set()),
    ("PatientName", "Коваль^Олена^І^д-р^мол^ст", "Коваль^Олена^І^д-р^мол ст", {R}),
    ("PatientName", "Ї" * 65, "Ї" * 64, {R, CHECK}),
    ("PatientName", "Коваль\\Олена", "Коваль Олена", {R}),
    ("PatientName", "^^", "", {R, NAME_MISSING}),
    ("PatientName", "^=^", "", {R, NAME_MISSING}),
    ("PatientName", "", "", {NAME_MISSING}),
    ("PatientName", "?удзь^Олена", "?удзь^Олена", {DAMAGED}),
    ("PatientName", "\ufffdудзь", "\ufffdудзь", {DAMAGED}),
    ("PatientName", "Øåâ÷åíêî", "Øåâ÷åíêî", {CHECK}),
    ("PatientBirthDate", "09.03.1964", "19640309", {R}),
    ("PatientBirthDate", "1964-03-09", "19640309", {R}),
    ("PatientBirthDate", "1964.03.09", "19640309", {R}),
    ("PatientBirthDate", "1964", "", {R}),
    ("PatientBirthDate", "19640230", "", {R}),
    ("PatientBirthDate", "20261125", "", {R}),
    ("PatientBirthDate", "18491231", "", {R}),
    ("PatientSex", "Ч", "M", {R}),
    ("PatientSex", "ч", "M", {R}),
    ("PatientSex", "Ж", "F", {R}),
    ("PatientSex", "ж", "F", {R}),
    ("PatientSex", "М", "M", {R}),
    ("PatientSex", "м", "M", {R}),
    ("PatientSex", "f", "F", {R}),
    ("PatientSex", "1", "M", {R}),
    ("PatientSex", "2", "F", {R}),
    ("PatientSex", "U", "", {R}),
    ("PatientSex", "хз", "", {R}),
    ("Modality", "es", "ES", {R}),
    ("Modality", "УЗД", "", {R}),
    ("ScheduledProcedureStepStartTime", "10:15", "1015", {R}),
    ("ScheduledProcedureStepStartTime", "10:15:30.1234567", "101530.123456", {R}),
    ("ScheduledProcedureStepStartTime", "2515", "", {R}),
    ("ScheduledProcedureStepStartDate", "24.11.2026", "20261124", {R}),
    ("ScheduledStationAETitle", "OTHER\\AGENT", "AGENT", set()),
    ("ScheduledStationAETitle", "OTHER\\THIRD", "OTHER", set()),
    ("ScheduledStationAETitle", "A" * 17, "", {R}),
    ("StudyInstanceUID", "", "", {R, Flag.STUDY_UID_REPLACED}),
    ("StudyInstanceUID", "1.2.03", "", {R, Flag.STUDY_UID_REPLACED}),
    ("StudyInstanceUID", "1..2", "", {R, Flag.STUDY_UID_REPLACED}),
    ("StudyInstanceUID", "1.2." + "3" * 61, "", {R, Flag.STUDY_UID_REPLACED}),
    ("StudyInstanceUID", "../../etc", "", {R, Flag.STUDY_UID_REPLACED}),
    ("PatientWeight", "82,5", "82.5", {R}),
    ("PatientWeight", "0", "", {R}),
    ("PatientAge", "62", "", {R}),
    ("PregnancyStatus", "65535", "", {R}),
]


@pytest.mark.parametrize(("keyword", "raw", "used", "flags"), CHANGED)
def test_a_defect_becomes(keyword: str, raw: str, used: str, flags: set[Flag]) -> None:
    step = repaired(keyword, raw)
    assert value(step, keyword) == used
    assert set(step.flags) == flags
    recorded = [(r.keyword, r.raw, r.value) for r in step.repairs]
    assert recorded == ([(keyword, raw, used)] if R in flags else [])


@pytest.mark.parametrize(
    ("flag", "blocks"),
    [
        (Flag.NO_PATIENT_ID, True),
        (Flag.NAME_MISSING, True),
        (Flag.NAME_DAMAGED, True),
        (Flag.PATIENT_ID_TOO_LONG, True),
        (Flag.SHARED_STUDY, True),
        (Flag.ACCESSION_DROPPED, False),
        (Flag.NAME_SUSPICIOUS, False),
    ],
)
def test_which_flags_forbid_the_choice(flag: Flag, blocks: bool) -> None:
    assert bool(replace(repaired(), flags=(flag,)).blocked) is blocks


def test_several_steps_use_the_first_and_say_so() -> None:
    step = repaired(step_count=2)
    assert set(step.flags) == {Flag.SEVERAL_STEPS, Flag.REPAIRED}
    assert step.scheduled_procedure_step_id == "S1"


def test_no_step_is_told() -> None:
    assert repaired(step={}, step_count=0).flags == (Flag.REPAIRED,)


def test_a_code_is_whole_or_absent() -> None:
    whole = {"CodeValue": "76009000", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Ендоскопія"}
    items = (
        whole,
        {**whole, "CodeMeaning": ""},
        {**whole, "CodingSchemeDesignator": ""},
        {**whole, "CodeValue": "7" * 17},
    )
    step = repaired(items={"RequestedProcedureCodeSequence": items})
    assert step.requested_procedure_codes == (Code(value="76009000", scheme="SCT", meaning="Ендоскопія"),)
    assert len(step.repairs) == 3


def test_an_empty_code_item_is_nothing() -> None:
    assert repaired(items={"ScheduledProtocolCodeSequence": ({"CodeValue": "", "CodeMeaning": ""},)}).repairs == ()


def other(step: ScheduledProcedureStep, **changes: object) -> ScheduledProcedureStep:
    patient = {k: v for k, v in changes.items() if k in ("patient_id", "patient_name")}
    rest = {k: v for k, v in changes.items() if k not in patient}
    return replace(step, patient=replace(step.patient, **patient), **rest)  # type: ignore[arg-type]


def test_a_twin_is_dropped() -> None:
    step = repaired()
    assert repair_list([step, other(step, accession_number="A2")]) == (step,)


def test_two_steps_of_one_study_stay() -> None:
    step = repaired()
    both = (step, other(step, scheduled_procedure_step_id="S2", key="k2"))
    assert repair_list(both) == both


@pytest.mark.parametrize("change", [{"patient_id": "UA-2"}, {"patient_name": "Коваль^Ольга"}])
@pytest.mark.parametrize("step_id", ["S1", "S2"])
def test_one_study_for_two_persons_blocks_both(change: dict[str, str], step_id: str) -> None:
    step = repaired()
    innocent = other(step, study_instance_uid="2.25.2", key="k3")
    answer = repair_list([step, other(step, scheduled_procedure_step_id=step_id, key="k2", **change), innocent])
    assert [s.blocked for s in answer] == [(Flag.SHARED_STUDY,), (Flag.SHARED_STUDY,), ()]


def test_entries_without_a_study_are_not_one_study() -> None:
    step = other(repaired(), study_instance_uid="")
    answer = repair_list([step, other(step, patient_id="UA-2", key="k2")])
    assert [s.blocked for s in answer] == [(), ()]


def test_keys_are_stable_and_tell_entries_apart() -> None:
    assert repaired().key == repaired("PatientSex", "F").key
    changed = ("StudyInstanceUID", "ScheduledProcedureStepID", "AccessionNumber", "PatientID")
    assert len({repaired(k, "7").key for k in changed} | {repaired().key}) == 5


def test_entries_that_nothing_identifies_still_have_keys_of_their_own() -> None:
    one = replace(repaired(), study_instance_uid="", scheduled_procedure_step_id="", key="same")
    answer = repair_list([one, replace(one, scheduled_procedure_step_start_time="1200")])
    assert len({s.key for s in answer}) == 2


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=90)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), TEXT), st.integers(0, 3))
def test_whatever_arrives_what_leaves_may_be_written(raw: dict[str, str], count: int) -> None:
    entry = RawEntry(values=raw, step=raw, step_count=count)
    step = repair(entry, today="20261124")
    for keyword, limit in {"PatientID": 64, "AccessionNumber": 16, "RequestedProcedureDescription": 64}.items():
        used = value(step, keyword)
        assert len(used) <= limit
        assert used == used.strip(" ")
        assert not any(c == "\\" or ord(c) < 32 for c in used)
    assert all(len(g) <= 64 and g.count("^") <= 4 for g in step.patient.patient_name.split("="))
    assert step.patient.patient_name.count("=") <= 2
    assert step.patient.patient_sex in ("", "M", "F", "O")
    assert step.patient.patient_birth_date in ("",) or len(step.patient.patient_birth_date) == 8
    assert step.patient.patient_id or step.blocked
    assert repair(entry, today="20261124") == step
