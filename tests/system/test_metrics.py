"""Metrics of the real service after real work: what a Prometheus server scrapes, read by its own library."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.errors import AgentError
from agent.metrics import HELP
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

ONLY_SOMETIMES = {
    "agent_hold_objects",  # nothing is held
    "agent_mmc_life_used_ratio",  # where a card says so
    "agent_alerts_waiting",  # where alarms are told to somebody
    "agent_alerts_given_up_total",
    "agent_cert_expiry_timestamp_seconds",  # read some seconds after the start
    "agent_queue_objects",  # everything is sent
}


def metrics(box: Box) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = box.administrator().get("/metrics").text
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def test_a_running_box_tells_every_metric_and_counts_what_happened(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        exam = box.open_exam()
        for number in range(3):
            box.capture(f"press-{number}")
        box.capture("press-0")  # the same press again is no other picture
        box.post(f"/exams/{exam['exam_id']}/finish")
        wait_for("delivery", box.all_sent)
        with pytest.raises(AgentError):
            box.page().api("POST", "/me/login", {"name": "Test administrator", "password": "wrong"})
        told = metrics(box)
    names = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name, _ in told}
    assert set(HELP) - names <= ONLY_SOMETIMES
    assert names <= set(HELP)
    one = {name: value for (name, labels), value in told.items() if not labels}
    assert one["agent_frame_commit_seconds_count"] == one["agent_frames_captured_total"] == 3
    assert 0 < one["agent_frame_commit_seconds_sum"] < 30
    assert one["agent_send_seconds_count"] == 3
    assert one["agent_login_failures_total"] == 1
    assert one["agent_ack_lost_total"] == 0
    assert told["agent_confirm_total", frozenset({("mode", "click")})] == 1
    route = frozenset({("route", "/api/exams/{exam_id}/finish"), ("code", "200")})
    assert told["agent_http_requests_total", route] == 1
