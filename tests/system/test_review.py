"""Review through the real service: what was deleted, said, marked and ordered, as the PACS sees it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from time import monotonic

import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from agent.errors import AgentError
from tests.system.world import Box, Json, Sandbox, box_in, toml_for, wait_for

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
PRESETS = 'description_presets = ["Антральний відділ", "Цибулина ДПК"]\n'


def toml(sandbox: Sandbox, undo_window_s: int = 60, release: str = "finish") -> str:
    text = toml_for(sandbox, undo_window_s=undo_window_s)
    assert 'name = "us1"\n' in text
    text = text.replace('name = "us1"\n', 'name = "us1"\n' + PRESETS, 1)
    return text.replace("[exam]\n", f'[exam]\nrelease = "{release}"\n') if release != "finish" else text


def at_pacs(sandbox: Sandbox) -> list[Dataset]:
    index = Path(sandbox.description["received"]) / "index.jsonl"
    rows = [json.loads(line) for line in index.read_text().splitlines()] if index.exists() else []
    return [dcmread(index.parent / row["file"]) for row in rows]


def images(sandbox: Sandbox) -> list[Dataset]:
    return [ds for ds in at_pacs(sandbox) if ds.SOPClassUID != KEY_OBJECT]


def documents(sandbox: Sandbox) -> list[Dataset]:
    return [ds for ds in at_pacs(sandbox) if ds.SOPClassUID == KEY_OBJECT]


def named(ds: Dataset) -> set[str]:
    return {str(row.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
            for row in ds.ContentSequence if "ReferencedSOPSequence" in row}  # fmt: skip


def an_exam(box: Box, pictures: int) -> tuple[str, list[Json]]:
    exam = box.open_exam("Ґалаґан")
    return exam["exam_id"], [box.capture(f"{exam['exam_id']}-{n}") for n in range(pictures)]


def release(box: Box, exam: str) -> None:
    """Finish; with a long undo window hold and release, which is what a person does who does not want to wait."""
    box.post(f"/exams/{exam}/finish")
    box.post(f"/exams/{exam}/hold", {"reason": "sent now"})
    box.post(f"/exams/{exam}/release")


def refused(box: Box, path: str, body: Json | None = None) -> str:
    with pytest.raises(AgentError) as caught:
        box.post(path, body)
    return caught.value.code


def test_delete_describe_mark_and_what_arrives(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam, (first, second, third, fourth) = an_exam(box, 4)
        assert box.post(f"/frames/{second['frame_id']}/delete")["state"] == "tombstoned"
        assert box.post(f"/frames/{third['frame_id']}/delete")["state"] == "tombstoned"
        assert box.post(f"/frames/{third['frame_id']}/restore")["state"] == "captured"
        said = box.post(f"/frames/{first['frame_id']}/describe", {"laterality": "L", "description": "Цибулина ДПК"})
        assert (said["laterality"], said["description"]) == ("L", "Цибулина ДПК")
        assert refused(box, f"/frames/{first['frame_id']}/describe", {"description": "ШЕВЧЕНКО"}) == "R-04"
        assert refused(box, f"/frames/{first['frame_id']}/describe", {"laterality": "X"}) == "R-04"
        for frame in (first, second, fourth):
            if frame is not second:
                assert box.post(f"/frames/{frame['frame_id']}/key", {"on": True})["key"]
        assert refused(box, f"/frames/{second['frame_id']}/key", {"on": True}) == "S-07"
        box.post(f"/frames/{fourth['frame_id']}/key", {"on": False})
        box.post(f"/frames/{third['frame_id']}/key", {"on": True})
        release(box, exam)
        wait_for("sent", lambda: len(images(sandbox)) == 3 and len(documents(sandbox)) == 1)
        wait_for("delivered", lambda: box.get(f"/exams/{exam}")["state"] == "delivered")
        view = box.get(f"/exams/{exam}")
        assert (view["captured"], view["sent"], view["state"]) == (3, 3, "delivered")
        tiles = {f["frame_id"]: f for f in view["frames"]}
        assert tiles[second["frame_id"]]["state"] == "tombstoned"
        assert tiles[first["frame_id"]]["sent"]
        assert not tiles[second["frame_id"]]["sent"]
        for path in ("delete", "restore", "describe"):
            assert refused(box, f"/frames/{first['frame_id']}/{path}") == "R-01"
        assert refused(box, f"/frames/{first['frame_id']}/key", {"on": True}) == "R-01"
        assert refused(box, f"/frames/{second['frame_id']}/restore") == "R-01"
        events = box.get(f"/jobs/{box.jobs()[0]['job_id']}/attempts")
        assert events
    by_uid = {str(ds.SOPInstanceUID): ds for ds in images(sandbox)}
    assert set(by_uid) == {f["sop_instance_uid"] for f in (first, third, fourth)}
    assert (by_uid[first["sop_instance_uid"]].ImageLaterality, by_uid[first["sop_instance_uid"]].ImageComments) == (
        "L", "Цибулина ДПК")  # fmt: skip
    assert "ImageComments" not in by_uid[third["sop_instance_uid"]]
    (document,) = documents(sandbox)
    assert named(document) == {first["sop_instance_uid"], third["sop_instance_uid"]}
    assert document.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert document.StudyInstanceUID == view["study_instance_uid"]
    assert document.SeriesInstanceUID != view["series_instance_uid"]


def test_the_step_names_the_document_apart_and_the_deleted_picture_not_at_all(sandbox: Sandbox, tmp_path: Path) -> None:
    from tests.system.test_procedure_steps import steps

    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam, (first, second) = an_exam(box, 2)
        box.post(f"/frames/{second['frame_id']}/delete")
        box.post(f"/frames/{first['frame_id']}/key", {"on": True})
        release(box, exam)
        wait_for("completed", lambda: steps(sandbox) and steps(sandbox)[0].PerformedProcedureStepStatus == "COMPLETED")
    (series,) = steps(sandbox)[0].PerformedSeriesSequence
    assert [r.ReferencedSOPInstanceUID for r in series.ReferencedImageSequence] == [first["sop_instance_uid"]]
    (document,) = series.ReferencedNonImageCompositeSOPInstanceSequence
    assert document.ReferencedSOPClassUID == KEY_OBJECT


def test_marks_that_were_taken_back_make_no_document(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        exam, (first, second) = an_exam(box, 2)
        box.post(f"/frames/{first['frame_id']}/key", {"on": True})
        box.post(f"/frames/{second['frame_id']}/key", {"on": True})
        box.post(f"/frames/{first['frame_id']}/key", {"on": False})
        box.post(f"/frames/{second['frame_id']}/delete")
        release(box, exam)
        wait_for("delivered", lambda: box.get(f"/exams/{exam}")["state"] == "delivered")
    assert documents(sandbox) == []
    assert [ds.SOPInstanceUID for ds in images(sandbox)] == [first["sop_instance_uid"]]


def test_an_exam_whose_last_picture_is_deleted_in_the_undo_window_is_discarded(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with box_in(tmp_path / "box", toml(sandbox, undo_window_s=2)) as box:
        exam, (first,) = an_exam(box, 1)
        box.post(f"/exams/{exam}/finish")
        box.post(f"/frames/{first['frame_id']}/delete")
        wait_for("discarded", lambda: box.get(f"/exams/{exam}")["state"] == "discarded")
    assert at_pacs(sandbox) == []


def test_sent_picture_by_picture_a_sent_one_is_past_review_and_marks_last_until_release(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with box_in(tmp_path / "box", toml(sandbox, undo_window_s=1, release="picture")) as box:
        exam, (first,) = an_exam(box, 1)
        wait_for("sent by itself", lambda: len(images(sandbox)) == 1)
        assert refused(box, f"/frames/{first['frame_id']}/delete") == "R-01"
        assert refused(box, f"/frames/{first['frame_id']}/describe", {"laterality": "L"}) == "R-01"
        second = box.capture("the second")
        box.post(f"/frames/{second['frame_id']}/delete")
        assert box.post(f"/frames/{first['frame_id']}/key", {"on": True})["key"]
        box.post(f"/exams/{exam}/finish")
        wait_for("the document", lambda: len(documents(sandbox)) == 1)
        assert refused(box, f"/frames/{first['frame_id']}/key", {"on": False}) == "R-01"
    assert len(images(sandbox)) == 1
    assert named(documents(sandbox)[0]) == {first["sop_instance_uid"]}


@pytest.mark.alone
def test_pictures_come_from_the_payload_fast_while_captures_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml(sandbox)) as box:
        _, frames = an_exam(box, 3)
        for frame in frames:
            for width in (160, 320, 4096):
                made = box.client.raw(f"/frames/{frame['frame_id']}/picture?width={width}")
                with Image.open(io.BytesIO(made)) as picture:
                    picture.load()
                    assert picture.width == min(width, frame["columns"]) or width == 4096
        began = monotonic()
        box.client.raw(f"/frames/{frames[0]['frame_id']}/picture?width=320")
        assert monotonic() - began < 1.0, "a second look is kept in memory"
        clip = box.post("/sources/us1/clip/start", {"trigger_id": "clip"})
        wait_for("recorded a moment", lambda: box.get("/sources")[0]["recording"])
        box.capture("while recording")
        ended = box.post("/sources/us1/clip/stop")
        assert ended["frame_id"] == clip["frame_id"]
        box.client.raw(f"/frames/{clip['frame_id']}/picture?width=320&frame={ended['frames']}")
        played = box.client.raw(f"/frames/{clip['frame_id']}/play")
        assert played.endswith(b"--frame--\r\n")
        assert 1 <= played.count(b"Content-Type: image/jpeg") <= ended["frames"]
        for path in (f"/frames/{frames[0]['frame_id']}/play", f"/frames/{frames[0]['frame_id']}/picture?frame=2"):
            with pytest.raises(AgentError) as caught:
                box.client.raw(path)
            assert caught.value.code == "R-06"
        with pytest.raises(AgentError):
            box.client.raw(f"/frames/{frames[0]['frame_id']}/picture?width=x")
