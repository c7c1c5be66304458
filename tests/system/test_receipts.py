"""Delivery receipts from the real service: what the archive has is what they say, and nothing of a patient."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import BadRequest
from agent.receipts import as_csv, days
from agent.store.receipts import Receipt
from tests.system.test_health import command
from tests.system.world import Sandbox, box_in, toml_for, wait_for


def test_receipts_say_what_the_archive_has_and_when_it_took_responsibility(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.open_exam()
        for number in range(2):
            box.capture(f"press-{number}")
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("commitment", lambda: {job["state"] for job in box.jobs()} == {"confirmed"}, 60)
        held = box.post("/exams/emergency", {"source": "us1"})
        box.capture("not-sent")
        today = datetime.now().astimezone().date()
        span = ("--from", str(today - timedelta(days=1)), "--to", str(today + timedelta(days=1)))
        said = command(box, "receipts", *span)
        assert said.returncode == 0, said.stderr
        rows = list(csv.DictReader(io.StringIO(said.stdout)))
        assert {row["sop_instance_uid"] for row in rows} == {r.sop_instance_uid for r in sandbox.received()}
        assert len(rows) == 2
        for row in rows:
            assert (row["exam_id"], row["destination"], row["status"]) == (exam["exam_id"], "sandbox-pacs", "0x0000")
            assert row["study_instance_uid"] == exam["study_instance_uid"]
            sent, committed = (datetime.fromisoformat(row[key]) for key in ("sent_at", "committed_at"))
            assert sent <= committed
        assert held["exam_id"] not in said.stdout
        patient = exam["patient"]
        for told in (patient["patient_id"], *patient["name"].split("^")):
            assert not told or told not in said.stdout
        page = box.administrator().get(f"/api/receipts?first={span[1]}&last={span[3]}")
        assert page.headers["Content-Type"].startswith("text/csv")
        assert page.text.replace("\r\n", "\n") == said.stdout
        assert box.technician().get("/api/receipts").status == 403
        assert command(box, "receipts", "--from", "2020-01-01", "--to", "2020-01-02").stdout.count("\n") == 1
        wrong = command(box, "receipts", "--from", "yesterday")
        assert (wrong.returncode, "as 2026-11-24" in wrong.stderr) == (1, True)


def test_the_days_of_receipts_are_both_included_and_bounded() -> None:
    today = date(2026, 11, 24)
    assert days("", "", today) == ("2026-11-24", "2026-11-25")
    assert days("2026-02-28", "2026-02-28", today) == ("2026-02-28", "2026-03-01")
    for wrong in (("2026-11-25", "2026-11-24"), ("2020-01-01", "2026-01-01"), ("x", ""), ("", "20261")):
        with pytest.raises(BadRequest):
            days(*wrong, today)


def test_no_field_is_a_formula() -> None:
    made = as_csv([
        Receipt(exam_id="=1+1", study_instance_uid="2.25.1", sop_class_uid="1", sop_instance_uid="2", destination="@x",
                sent_at="-", status='"q"', committed_at="")
    ])  # fmt: skip
    (row,) = csv.reader(io.StringIO(made.decode().splitlines()[1]))
    assert row == ["'=1+1", "2.25.1", "1", "2", "'@x", "'-", '"q"', ""]
