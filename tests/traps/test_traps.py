"""Twenty traps of a night shift. Each ends with nothing under the wrong patient and nothing lost, seen at the PACS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent import errors
from agent.errors import AgentError
from tests.system.fake_time import FakeTime
from tests.system.test_identity_safety import asked_for, chosen, row, scan, start, state_of
from tests.system.world import PAUSE, Json, Sandbox, box_in, toml_for, wait_for
from tests.traps.desk import Desk, Order, order
from tests.traps.night import Night

OLENA = order(1, "Коваль^Олена^Іванівна", "UA-00013", PatientBirthDate="19780512")
OLHA = order(2, "Коваль^Ольга^Іванівна", "UA-00031", PatientBirthDate="19780521")
TARAS = order(3, "Шевченко^Тарас", "UA-00017", PatientBirthDate="19840309", PatientSex="M")
PACE = "\n[delivery]\nfirst_retry_s = 0.4\nlongest_retry_s = 1.0\nprobe_s = 1.0\n"


@contextmanager
def night(
    sandbox: Sandbox, folder: Path, *orders: Order, toml: str = "", time: FakeTime | None = None
) -> Iterator[Night]:
    Desk(sandbox.folder).books(*(orders or (OLENA, OLHA, TARAS)))
    with box_in(folder / "box", (toml or toml_for(sandbox)) + PACE, code=time.code if time else "") as box:
        box.post("/worklist/refresh")
        yield Night(box, sandbox)


def begin(n: Night, surname: str, mode: str = "", typed: str = "", **more: str) -> Json:
    return start(n.box, chosen(n.box, surname), mode, typed, **more)


def test_01_twin_names_the_number_of_one_never_opens_the_other(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, toml=asked_for(sandbox, "reenter")) as n:
        view = chosen(n.box, "Коваль^Олена")
        assert [a["patient"]["birth_date"] for a in view["alike"]] == ["19780521"]
        for typed in ("UA-00031", "0031", "19780521"):
            with pytest.raises(errors.NotConfirmed):
                start(n.box, view, "reenter", typed)
        for surname, number in (("Коваль^Олена", "UA-00013"), ("Коваль^Ольга", "UA-00031")):
            exam = begin(n, surname, "reenter", number[-4:])
            n.capture(number)
            n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 2


def test_02_a_forgotten_finish_is_asked_about_with_both_names(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        first = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        view = chosen(n.box, "Шевченко")
        assert (view["open_exam"]["patient"]["patient_id"], view["entry"]["patient"]["patient_id"]) == (
            "UA-00013", "UA-00017",
        )  # fmt: skip
        with pytest.raises(errors.AnotherExamOpen):
            start(n.box, view)
        second = start(n.box, view, finish_open=first["exam_id"])
        n.capture("UA-00017")
        n.finish(second)
        n.quiet()
        assert len(n.morning()) == 2


def test_03_the_pedal_of_the_next_patient_under_an_exam_left_open(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    with night(sandbox, tmp_path, time=time) as n:
        left = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        time.passes(6 * 60.0)
        with pytest.raises(errors.StillThisPatient):
            n.capture("nobody")
        time.passes(40 * 60.0)
        wait_for("closed by itself", lambda: state_of(n.box, left["exam_id"]) == "held", 30)
        second = begin(n, "Шевченко")
        n.capture("UA-00017")
        n.finish(second)
        n.quiet()
        n.morning(on_the_box=1)
        n.box.post(f"/exams/{left['exam_id']}/release")
        n.quiet()
        assert len(n.morning()) == 2


def test_04_first_the_emergency_then_its_order(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        exam = n.box.post("/exams/emergency", {"source": "us1"})
        for _ in range(2):
            n.capture("UA-00017")
        n.box.post(f"/exams/{exam['exam_id']}/finish")
        entry = row(n.box, "Шевченко")
        asked = {"key": entry["key"], "digest": entry["digest"], "reason": "the order came"}
        n.box.post(f"/exams/{exam['exam_id']}/reidentify", asked)
        n.quiet()
        images = n.morning()
        assert {str(ds.AccessionNumber) for ds in images} == {"ACC-0003"}
        assert not [ds for ds in images if str(ds.PatientID).startswith("TMP-")]


def test_05_the_power_goes_in_the_middle_of_an_exam(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        exam = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        n.box.kill()
        n.box.start()
        with pytest.raises(errors.StillThisPatient):
            n.capture("nobody")
        n.box.post(f"/exams/{exam['exam_id']}/resume")
        n.capture("UA-00013", "after the light came back")
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 2


def test_06_the_power_goes_and_another_patient_lies_there(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        exam = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        n.box.kill()
        n.box.start()
        second = begin(n, "Коваль^Ольга", finish_open=exam["exam_id"])
        n.capture("UA-00031", "hers")
        n.finish(second)
        n.quiet()
        assert len(n.morning()) == 2


def test_07_a_list_from_before_the_network_failed(sandbox: Sandbox, tmp_path: Path) -> None:
    time = FakeTime(tmp_path / "time")
    with night(sandbox, tmp_path, toml=asked_for(sandbox, "click"), time=time) as n:
        sandbox.faults(refuse="RIS")
        time.wall(90 * 60.0)
        view = chosen(n.box, "Шевченко")
        with pytest.raises(errors.NotConfirmed):
            start(n.box, view, "click")
        with pytest.raises(errors.IdentityMismatch):
            start(n.box, view, "scan", "UA-00013")
        exam = start(n.box, view, "scan", "UA-00017")
        n.capture("UA-00017")
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 1


def test_08_names_under_a_wrong_character_set(sandbox: Sandbox, tmp_path: Path) -> None:
    garbled = {**OLHA, "mislabelled": "cp1251"}
    with night(sandbox, tmp_path, OLENA, garbled) as n:
        entry = next(e for e in n.box.get("/worklist")["entries"] if e["patient"]["patient_id"] == "UA-00031")
        assert "check spelling" in entry["flags"]
        view = n.box.get(f"/sources/us1/confirm/{entry['key']}")
        exam = start(n.box, view, "reenter", "0031")
        n.capture("UA-00031")
        n.finish(exam)
        n.quiet()
        (image,) = n.morning()
        assert "?" not in str(image.PatientName)
        assert "�" not in str(image.PatientName)


def test_09_two_orders_for_one_study(sandbox: Sandbox, tmp_path: Path) -> None:
    both = ({**TARAS, "study": "77"}, {**TARAS, "AccessionNumber": "ACC-0009", "study": "77", "time": "2300"})
    with night(sandbox, tmp_path, *both) as n:
        for entry in n.box.get("/worklist")["entries"]:
            exam = start(n.box, n.box.get(f"/sources/us1/confirm/{entry['key']}"))
            n.capture("UA-00017")
            n.finish(exam)
        n.quiet()
        one, two = n.morning()
        assert one.StudyInstanceUID == two.StudyInstanceUID
        assert one.SeriesInstanceUID != two.SeriesInstanceUID
        assert {str(one.AccessionNumber), str(two.AccessionNumber)} == {"ACC-0003", "ACC-0009"}


def test_10_one_study_that_two_patients_claim(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, {**OLENA, "study": "78"}, {**TARAS, "study": "78"}) as n:
        for entry in n.box.get("/worklist")["entries"]:
            with suppress(AgentError):
                exam = start(n.box, n.box.get(f"/sources/us1/confirm/{entry['key']}"))
                n.capture(entry["patient"]["patient_id"])
                n.finish(exam)
        exam = n.box.post("/exams/emergency", {"source": "us1"})
        frame = n.capture("emergency")
        n.meant[frame["payload_sha256"]] = exam["patient"]["patient_id"]
        n.finish(exam)
        n.quiet()
        n.morning()


def test_11_the_order_is_cancelled_between_choosing_and_confirming(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        view = chosen(n.box, "Коваль^Олена")
        Desk(sandbox.folder).books(OLHA, TARAS)
        n.box.post("/worklist/refresh")
        with pytest.raises(errors.OrderChanged):
            start(n.box, view)
        with pytest.raises(errors.NoOpenExam):
            n.capture("nobody")
        assert n.morning() == []


def test_12_another_patient_slips_under_the_same_order(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, OLENA) as n:
        view = chosen(n.box, "Коваль^Олена")
        Desk(sandbox.folder).books({**OLHA, "AccessionNumber": OLENA["AccessionNumber"], "time": OLENA["time"]})
        n.box.post("/worklist/refresh")
        with pytest.raises(errors.OrderChanged):
            start(n.box, view)
        exam = begin(n, "Коваль^Ольга")
        n.capture("UA-00031")
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 1


def test_13_the_desk_renames_a_patient_who_is_on_the_table(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, OLENA) as n:
        exam = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        Desk(sandbox.folder).books({**OLENA, "PatientName": "Ткачук^Олена", "PatientID": "UA-00099"})
        n.box.post("/worklist/refresh")
        n.capture("UA-00013")
        n.finish(exam)
        n.quiet()
        images = n.morning()
        assert {str(ds.PatientName) for ds in images} == {OLENA["PatientName"]}


def test_14_an_old_page_on_a_second_tablet(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        first = begin(n, "Коваль^Олена")
        old = n.box.get("/sources")[0]["token"]
        n.capture("UA-00013")
        n.finish(first)
        second = begin(n, "Шевченко")
        for body in ({"exam_id": first["exam_id"]}, {"token": old}):
            with pytest.raises(errors.OutOfDate):
                n.box.post("/sources/us1/capture", {"trigger_id": f"old tablet {len(body)}", **body})
        with pytest.raises(errors.OutOfDate):
            n.box.post(f"/exams/{second['exam_id']}/finish", {"token": old})
        n.capture("UA-00017")
        n.finish(second)
        n.quiet()
        assert len(n.morning()) == 2


def test_15_posts_that_arrive_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        view = chosen(n.box, "Коваль^Олена")
        exam = start(n.box, view)
        with pytest.raises(errors.AnotherExamOpen):
            start(n.box, view)
        assert n.capture("UA-00013", "one press") == n.box.capture("one press")
        n.finish(exam)
        n.quiet()
        second = begin(n, "Шевченко")
        with pytest.raises(errors.ExamClosed):
            n.box.capture("one press")  # the first patient's press, sent again by a tablet that slept
        n.capture("UA-00017")
        n.finish(second)
        n.quiet()
        assert len(n.morning()) == 2


def test_16_a_frame_that_comes_late(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        first = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        n.box.post("/sources/us1/fault", {"fault": "stalled"})
        PAUSE.wait(0.5)
        with pytest.raises(AgentError):
            n.capture("nobody")
        second = begin(n, "Шевченко", finish_open=first["exam_id"])
        n.box.post("/sources/us1/fault", {"fault": "none"})
        n.box.wait_ready()
        n.capture("UA-00017", "the right press")
        n.finish(second)
        n.quiet()
        assert len(n.morning()) == 2


def test_17_the_wrong_wristband(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, toml=asked_for(sandbox, "scan")) as n:
        view = chosen(n.box, "Коваль^Олена")
        scan(n.box, "UA-00031")
        with pytest.raises(errors.IdentityMismatch):
            start(n.box, view, "scan")
        with pytest.raises(errors.NoOpenExam):
            n.capture("nobody")
        scan(n.box, "UA-00013")
        exam = start(n.box, view, "scan")
        n.capture("UA-00013")
        assert scan(n.box, "UA-00031")["fits"] is False  # another patient's band on the table: told, not followed
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 1


def test_18_the_wrong_row_noticed_before_sending(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path, toml=toml_for(sandbox, undo_window_s=60)) as n:
        wrong = begin(n, "Коваль^Олена")
        n.capture("UA-00031")
        n.box.post(f"/exams/{wrong['exam_id']}/finish")
        entry = row(n.box, "Коваль^Ольга")
        asked = {"key": entry["key"], "digest": entry["digest"], "reason": "wrong row"}
        right = n.box.post(f"/exams/{wrong['exam_id']}/reidentify", asked)
        n.box.post(f"/exams/{right['exam_id']}/release")
        n.quiet()
        assert len(n.morning()) == 1


def test_19_the_wrong_row_noticed_after_sending(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        wrong = begin(n, "Коваль^Олена")
        n.capture("UA-00031")
        n.finish(wrong)
        n.quiet()
        entry = row(n.box, "Коваль^Ольга")
        asked = {"key": entry["key"], "digest": entry["digest"], "reason": "wrong row"}
        n.box.post(f"/exams/{wrong['exam_id']}/reidentify", asked)
        wait_for("note and pictures", lambda: len(sandbox.files()) == 3, 60)
        n.quiet()
        (image,) = n.morning()
        assert str(image.PatientID) == "UA-00031"
        assert [task["exam_id"] for task in n.box.get("/removals")] == [wrong["exam_id"]]
        assert n.box.get("/corrections")[0]["removal"] == "asked"


def test_20_orders_without_a_number_or_with_question_marks(sandbox: Sandbox, tmp_path: Path) -> None:
    nameless = order(5, "????????^?????", "UA-00050")
    numberless = order(6, "Мельник^Ія", "")
    with night(sandbox, tmp_path, nameless, numberless, TARAS) as n:
        for entry in n.box.get("/worklist")["entries"]:
            if entry["patient"]["patient_id"] == "UA-00017":
                continue
            assert entry["blocked"]
            with pytest.raises(errors.IdentityError):
                start(n.box, n.box.get(f"/sources/us1/confirm/{entry['key']}"))
        exam = begin(n, "Шевченко")
        n.capture("UA-00017")
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 1


def test_21_a_server_that_answers_with_everybody(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults(ignore_keys=True)
    tomorrow = {**OLHA, "PatientID": OLENA["PatientID"], "day": 5}
    with night(sandbox, tmp_path, OLENA, tomorrow) as n:
        listed = n.box.get("/worklist")
        assert [e["patient"]["name"] for e in listed["entries"]] == [OLENA["PatientName"]]
        assert (listed["received"], listed["filtered_out"]) == (2, 1)
        exam = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        n.finish(exam)
        n.quiet()
        assert len(n.morning()) == 1


def test_22_one_picture_that_the_archive_refuses(sandbox: Sandbox, tmp_path: Path) -> None:
    with night(sandbox, tmp_path) as n:
        first = begin(n, "Коваль^Олена")
        n.capture("UA-00013")
        sandbox.faults(status=0x0117)  # what the archive says is final for this instance
        n.finish(first)
        wait_for("held", lambda: [j["state"] for j in n.box.jobs()] == ["held"], 60)
        sandbox.faults()
        second = begin(n, "Шевченко")
        n.capture("UA-00017")
        n.finish(second)
        wait_for("the other is sent", lambda: state_of(n.box, second["exam_id"]) in ("delivered", "committed"), 60)
        n.morning(on_the_box=1)
        (held,) = [j for j in n.box.jobs() if j["state"] == "held"]
        n.box.post(f"/jobs/{held['job_id']}/retry")
        n.quiet()
        assert len(n.morning()) == 2
