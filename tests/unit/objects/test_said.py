"""What a person said of a picture stands in its object, in every family, and is part of what is proven."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from agent.annotation import LATERALITIES, Annotation
from agent.errors import ObjectCorrupt, ObjectInvalid
from agent.objects import building
from tests.unit.objects.exam_pictures import BOX, DCIODVFY, FACTS, PICTURES, SNAPSHOTS, Written, never, put, run
from tests.unit.objects.test_families import CASES, a_case

WORDS = "Антральний відділ, ґрунт’я 1/2"


def build(written: Written, told: Annotation) -> Written:
    with written.frame.open("rb") as frame, written.object.open("wb") as target:
        building.build(frame.fileno(), target.fileno(), FACTS, never, told=told)
    return written


def verify(written: Written, told: Annotation) -> object:
    with written.frame.open("rb") as frame, written.object.open("rb") as target:
        return building.verify(frame.fileno(), target.fileno(), never, told=told)


@pytest.mark.parametrize("name", [*CASES, "secondary capture"])
def test_side_and_words_conform_in_every_family(tmp_path: Path, name: str) -> None:
    written = put(tmp_path, SNAPSHOTS["scheduled"], PICTURES["colour"]) if name not in CASES else a_case(name, tmp_path)
    told = Annotation(laterality="L", description=WORDS)
    build(written, told)
    complaints = [line for line in run(DCIODVFY, "-new", written.object, check=False).splitlines() if "Error" in line]
    assert complaints == []
    assert verify(written, told)
    ds = dcmread(written.object)
    assert ds.ImageLaterality == "L"
    assert ds["DocumentTitle" if name == "pdf" else "ImageComments"].value == WORDS
    for other in (Annotation(), Annotation(laterality="R", description=WORDS), Annotation(laterality="L")):
        with pytest.raises(ObjectCorrupt):
            verify(written, other)


@pytest.mark.parametrize("side", LATERALITIES)
def test_every_side_replaces_that_of_the_source(tmp_path: Path, side: str) -> None:
    box = dataclasses.replace(BOX, image_laterality="R")
    written = put(tmp_path, SNAPSHOTS["scheduled"], PICTURES["grey 8"], box)
    build(written, Annotation(laterality=side))
    ds = dcmread(written.object)
    assert (ds.ImageLaterality, "ImageComments" in ds) == (side, False)
    assert dcmread(build(written, Annotation()).object).ImageLaterality == "R"
    assert "Error" not in run(DCIODVFY, "-new", written.object, check=False)


@pytest.mark.parametrize("wrong", [Annotation(laterality="X"), Annotation(description="a\x00b")])
def test_what_cannot_be_said_is_not_built(tmp_path: Path, wrong: Annotation) -> None:
    written = put(tmp_path, SNAPSHOTS["scheduled"], PICTURES["grey 8"])
    with pytest.raises(ObjectInvalid):
        build(written, wrong)


LINE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\\"), max_size=64)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(side=st.sampled_from(("", *LATERALITIES)), words=LINE, other=LINE)
def test_what_is_said_is_read_again_letter_by_letter(tmp_path: Path, side: str, words: str, other: str) -> None:
    written = put(tmp_path, SNAPSHOTS["unscheduled"], PICTURES["grey 8"])
    told = Annotation(laterality=side, description=words)
    build(written, told)
    assert verify(written, told)
    if other != words:
        with pytest.raises(ObjectCorrupt):
            verify(written, dataclasses.replace(told, description=other))
