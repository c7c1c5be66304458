"""The JSON codec gives back exactly what it was given, and refuses everything else (promise P2)."""

import json
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import (
    BuiltObject,
    Equipment,
    ExamKind,
    FrameRecord,
    IdentitySnapshot,
    Patient,
    ScheduledProcedureStep,
)
from agent.plain import from_plain, to_plain


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    word: str
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    count: int
    sure: bool
    colour: Colour
    inner: Inner
    maybe: Inner | None
    many: tuple[Inner, ...]
    pair: tuple[str, int]
    facts: dict[str, int]


PLAIN = {
    "name": "Ґ’ʼЇ",
    "count": 3,
    "sure": True,
    "colour": "blue",
    "inner": {"word": "a", "ratio": 1.5},
    "maybe": None,
    "many": [{"word": "b", "ratio": 2.0}],
    "pair": ["x", 7],
    "facts": {"k": 1},
}
VALUE = Outer(
    name="Ґ’ʼЇ",
    count=3,
    sure=True,
    colour=Colour.BLUE,
    inner=Inner(word="a", ratio=1.5),
    maybe=None,
    many=(Inner(word="b", ratio=2.0),),
    pair=("x", 7),
    facts={"k": 1},
)


def test_known_value():
    assert to_plain(VALUE) == PLAIN
    assert from_plain(Outer, json.loads(json.dumps(PLAIN))) == VALUE


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"name": 1}, "Outer.name"),
        ({"name": "\ud800"}, "Outer.name"),
        ({"count": True}, "Outer.count"),
        ({"count": 1.0}, "Outer.count"),
        ({"sure": 1}, "Outer.sure"),
        ({"colour": "green"}, "Outer.colour"),
        ({"inner": None}, "Outer.inner"),
        ({"inner": {"word": "a"}}, "ratio is missing"),
        ({"inner": {"word": "a", "ratio": float("nan")}}, "Outer.inner.ratio"),
        ({"inner": {"word": "a", "ratio": 10**400}}, r"Outer\.inner\.ratio"),
        ({"inner": {"word": "a", "ratio": True}}, r"Outer\.inner\.ratio"),
        ({"inner": {"word": "a", "ratio": 1, "more": 2}}, "Outer.inner: there are unknown keys"),
        ({"maybe": 0}, "Outer.maybe"),
        ({"many": {}}, "Outer.many"),
        ({"many": [3]}, r"Outer.many\[0\]"),
        ({"pair": ["x"]}, "Outer.pair"),
        ({"pair": ["x", 7, 8]}, "Outer.pair"),
        ({"facts": {"k": "v"}}, "Outer.facts"),
        ({"facts": []}, "Outer.facts"),
        ({"extra": 1}, "unknown"),
    ],
)
def test_refused(change, where):
    with pytest.raises(ValueError, match=where):
        from_plain(Outer, {**PLAIN, **change})


@pytest.mark.parametrize("missing", sorted(PLAIN))
def test_missing_key(missing):
    with pytest.raises(ValueError, match=f"{missing} is missing"):
        from_plain(Outer, {k: v for k, v in PLAIN.items() if k != missing})


@pytest.mark.parametrize("value", [None, 1, "text", [], {}])
def test_not_an_object(value):
    with pytest.raises(ValueError):
        from_plain(Outer, value)


def test_messages_hold_no_values():
    with pytest.raises(ValueError) as caught:
        from_plain(Outer, {**PLAIN, "colour": "Шевченко", "Тарас": 1})
    assert "Шевченко" not in str(caught.value)
    assert "Тарас" not in str(caught.value)


def test_what_cannot_be_read_is_not_written():
    with pytest.raises(ValueError, match=r"Inner\.ratio"):
        to_plain(Inner(word="a", ratio=float("inf")))
    with pytest.raises(ValueError, match=r"Patient\.patient_name"):
        to_plain(Patient(patient_name=None, patient_id="1"))  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        to_plain({"a": 1})


MODELS = [Patient, ScheduledProcedureStep, IdentitySnapshot, Equipment, FrameRecord, BuiltObject]


@pytest.mark.parametrize("model", MODELS)
@given(data=st.data())
def test_every_model_comes_back(model, data):
    value = data.draw(st.builds(model))
    text = json.dumps(to_plain(value), ensure_ascii=False)
    assert from_plain(model, json.loads(text)) == value


KEYS = st.text() | st.sampled_from(sorted(PLAIN))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    )
)
def test_anything_else_is_only_a_value_error(value):
    with pytest.raises(ValueError):
        from_plain(Outer, value)


def test_snapshot_digest_survives():
    snapshot = IdentitySnapshot(
        kind=ExamKind.EMERGENCY,
        patient=Patient(patient_name="НЕВІДОМИЙ^1", patient_id="TMP-1"),
        study_instance_uid="2.25.1",
        study_id="1",
    )
    assert from_plain(IdentitySnapshot, to_plain(snapshot)).digest() == snapshot.digest()
