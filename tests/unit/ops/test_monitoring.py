"""The files for a monitoring server: rules and dashboard name what the box tells, and Prometheus's own tool agrees."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.metrics import HELP
from agent.tally import BUCKETS

ROOT = Path(__file__).parents[3]
OPS = ROOT / "ops"
RULES, TESTS, BOARD = OPS / "alerts.yml", OPS / "alerts_test.yml", OPS / "grafana.json"
KNOWN = {*HELP, *(f"{name}{end}" for name in BUCKETS for end in ("_bucket", "_sum", "_count"))}
NAME = re.compile(r"\bagent_[a-z_]+\b")
NAMED = {
    # fleet of one kind, names that other software relies on
    "agent_build_info", "agent_up_seconds", "agent_study_open", "agent_frames_captured_total",
    "agent_frame_commit_seconds", "agent_queue_objects", "agent_queue_bytes", "agent_queue_oldest_seconds",
    "agent_send_attempts_total", "agent_send_seconds", "agent_commitment_pending", "agent_commitment_oldest_seconds",
    "agent_hold_objects", "agent_corrupt_objects", "agent_ack_lost_total", "agent_identity_mismatch_total",
    "agent_confirm_total", "agent_emergency_total", "agent_worklist_age_seconds", "agent_worklist_entries",
    "agent_worklist_unreadable_total", "agent_signal_present", "agent_capture_restarts_total", "agent_clock_synced",
    "agent_clock_offset_seconds", "agent_cert_expiry_timestamp_seconds", "agent_disk_free_bytes",
    "agent_disk_images_left", "agent_mmc_life_used_ratio", "agent_db_check_ok", "agent_http_requests_total",
    "agent_login_failures_total", "agent_rss_bytes",
}  # fmt: skip


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> Iterator[str]:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (variable["definition"] for variable in board["templating"]["list"] if "definition" in variable)


def alerts() -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_name_that_others_rely_on_is_told() -> None:
    assert set(HELP) >= NAMED


def test_prometheus_reads_the_rules_and_their_tests_hold() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", str(RULES))
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


def test_a_rule_that_is_wrong_fails_its_test(tmp_path: Path) -> None:
    rules = RULES.read_text(encoding="utf-8")
    for before, after in (("> 1800", "> 3600"), ("for: 30m", "for: 3h"), ("== 0 or abs", "== 2 or abs")):
        assert before in rules
        (tmp_path / RULES.name).write_text(rules.replace(before, after), encoding="utf-8")
        (tmp_path / TESTS.name).write_text(TESTS.read_text(encoding="utf-8"), encoding="utf-8")
        with pytest.raises(AssertionError, match="FAILED"):
            promtool("test", "rules", str(tmp_path / TESTS.name))


def test_every_alert_is_tested_where_it_must_be_raised_and_where_it_must_not() -> None:
    quiet, *loud = TESTS.read_text(encoding="utf-8").split("\n  - name: ")[1:]
    raised = re.findall(r"alertname: (\w+)\n +exp_alerts:", "".join(loud))
    for alert in alerts():
        assert f"alertname: {alert}}}" in quiet, alert
        assert alert in raised, alert


@pytest.mark.parametrize("file", [RULES, TESTS, BOARD], ids=lambda file: file.name)
def test_every_metric_that_a_file_names_exists(file: Path) -> None:
    named = set(NAME.findall(file.read_text(encoding="utf-8")))
    assert named
    assert named <= KNOWN


def test_the_dashboard_asks_for_what_the_rules_judge() -> None:
    shown = {name for expression in expressions() for name in NAME.findall(expression)}
    judged = set(NAME.findall(RULES.read_text(encoding="utf-8")))
    elsewhere = {"agent_destination_up", "agent_disk_free_bytes", "agent_corrupt_objects", "agent_up_seconds"}
    assert judged - shown <= elsewhere


def test_every_question_of_the_dashboard_is_one_that_prometheus_understands(tmp_path: Path) -> None:
    asked = [e.replace("$box", ".*") for e in expressions() if not e.startswith("label_values")]
    rules = [{"record": f"q{number}", "expr": expression} for number, expression in enumerate(asked)]
    told: dict[str, Any] = {"groups": [{"name": "dashboard", "rules": rules}]}
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps(told), encoding="utf-8")  # JSON is YAML
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_panels_do_not_cover_each_other() -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_guide_tells_every_metric() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(agent_\w+)` \| ([^|]+) \|$", guide, re.MULTILINE))
    assert rows == HELP
