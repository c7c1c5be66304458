"""One answer as bytes: read whole, or counted as unreadable, never anything else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.dimse.entry import UnreadableAnswer, read_entry
from agent.model import Code, Flag, ScheduledProcedureStep, WorklistQuery
from agent.plain import from_plain, to_plain
from tests.worklist_bytes import STEP, entry, sequence

CANARY = "Ґалаґан"
QUERY = WorklistQuery(today="20261124")


def read(raw: bytes, *, implicit_vr: bool = True) -> ScheduledProcedureStep | UnreadableAnswer:
    try:
        return read_entry(raw, QUERY, implicit_vr=implicit_vr)
    except UnreadableAnswer as e:
        return e


def test_a_plain_entry() -> None:
    step = read(entry(PregnancyStatus=struct.pack("<H", 4)))
    assert isinstance(step, ScheduledProcedureStep)
    assert step.patient.patient_name == "Шевченко^Тарас"
    assert step.patient.patient_id == "UA-00017"
    assert step.patient.pregnancy_status == "4"
    assert step.study_instance_uid == "2.25.1001"
    assert step.modality == "ES"
    assert step.scheduled_procedure_step_start_date == "20261123"
    assert step.flags == ()


def test_codes_and_two_steps() -> None:
    code = {"CodeValue": b"76009000", "CodingSchemeDesignator": b"SCT", "CodeMeaning": "ФГДС".encode()}
    second = {**STEP, "ScheduledProcedureStepID": b"SPS-002"}
    step = read(entry(STEP, second, RequestedProcedureCodeSequence=sequence(code)))
    assert isinstance(step, ScheduledProcedureStep)
    assert step.requested_procedure_codes == (Code(value="76009000", scheme="SCT", meaning="ФГДС"),)
    assert step.scheduled_procedure_step_id == "SPS-001"
    assert Flag.SEVERAL_STEPS in step.flags


def deep(levels: int) -> bytes:
    """Nested sequences of undefined length, deeper than any recursion limit."""
    return b"".join(
        struct.pack("<HHIHHI", 0x0040, 0x0100, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) for _ in range(levels)
    )


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"\xff" * 100, deep(2000), b"x" * 40_000, struct.pack("<HHI", 0x0010, 0x0010, 0xFFFFFFFF) + b"x" * 50],
    ids=["empty", "one byte", "ones", "deep", "too large", "name of undefined length"],
)
def test_what_is_no_entry_is_unreadable(raw: bytes) -> None:
    assert isinstance(read(raw), UnreadableAnswer)


def test_a_huge_length_costs_nothing() -> None:
    raw = entry() + struct.pack("<HHI", 0x4010, 0x0010, 0x7FFFFFF0) + b"abc"
    assert isinstance(read(raw), (ScheduledProcedureStep, UnreadableAnswer))


def test_the_reason_holds_nothing_of_the_answer() -> None:
    raw = entry(PatientName=CANARY.encode()) + b"\x10\x00\x10\x00\xff\xff\xff\xff" + CANARY.encode()
    answer = read(raw)
    assert CANARY not in repr(answer) if isinstance(answer, UnreadableAnswer) else True
    with pytest.raises(UnreadableAnswer) as unreadable:
        read_entry(deep(2000), QUERY, implicit_vr=True)
    assert unreadable.value.__cause__ is None
    assert unreadable.value.__suppress_context__


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_never_raise(raw: bytes, implicit_vr: bool) -> None:
    read(raw, implicit_vr=implicit_vr)


MUTATIONS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=12)


@settings(max_examples=500, deadline=None)
@given(MUTATIONS, st.integers(0, 400), st.booleans())
def test_damaged_entries_never_raise_and_cross_the_wire(
    mutations: list[tuple[int, int]], cut: int, shorten: bool
) -> None:
    raw = bytearray(entry(STEP, STEP))
    for place, byte in mutations:
        raw[place % len(raw)] = byte
    answer = read(bytes(raw[: cut % len(raw)] if shorten else raw))
    if isinstance(answer, ScheduledProcedureStep):
        assert from_plain(ScheduledProcedureStep, to_plain(answer)) == answer
