"""The acceptance test against the real service, RIS and PACS: what it shows arrived, and what it hides."""

from __future__ import annotations

import json
from pathlib import Path

from tests.system.test_health import command
from tests.system.world import Sandbox, box_in, toml_for, wait_for

LENIENT = "\n[health]\nworklist_min_failing = 1000\n"


def with_test_destination(toml: str) -> str:
    return toml.replace('name = "sandbox-pacs"', 'name = "test-pacs"\ntest = true')


def test_a_good_box_passes_and_its_picture_is_at_the_test_destination(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", with_test_destination(toml_for(sandbox)) + LENIENT) as box:
        wait_for("the worklist", lambda: box.get("/worklist")["fetched_at"])
        said = command(box, "selftest", "--report", str(tmp_path / "report.md"))
        assert said.returncode == 0, said.stdout + said.stderr
        (received,) = sandbox.received()
        assert box.get("/exams")[0]["kind"] == "test"
        names = {e["patient"]["name"].split("^")[0] for e in box.get("/worklist")["entries"]}
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert report == said.stdout
    assert "Result: **passed**" in report
    assert "| picture | us1 | passed | captured passed" in report
    assert "sent to test-pacs passed" in report
    assert "| connection | worklist | passed | name passed, tcp passed, tls passed" in report
    assert not [name for name in names if name in report]
    assert received.patient_name not in names


def test_what_does_not_work_fails_the_test_and_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", with_test_destination(toml_for(sandbox)) + LENIENT) as box:
        wait_for("the worklist", lambda: box.get("/worklist")["fetched_at"])
        sandbox.faults(refuse="PACS")
        said = command(box, "selftest", "--json", "--seconds", "3")
        assert said.returncode == 1
        told = json.loads(said.stdout)
        results = {(line["what"], line["name"]): line["result"] for line in told["lines"]}
        assert told["passed"] is False
        assert results["connection", "test-pacs"] == "failed"
        assert results["connection", "worklist"] == "passed"
        assert results["picture", "us1"] == "failed"


def test_a_box_without_a_destination_for_tests_does_not_pass(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        said = command(box, "selftest", "--seconds", "3")
        assert said.returncode == 1
        assert "test = true" in said.stdout
        assert sandbox.received() == []
    stopped = command(box, "selftest")
    assert (stopped.returncode, "does not answer" in stopped.stderr) == (1, True)
