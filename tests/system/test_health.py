"""Health as monitoring asks for it: the real service, the page's door without a login, the command's exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NotLoggedIn
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

NAMES = ("us1", "sandbox-pacs", "Sandbox box", "page.crt")


def command(box: Box, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "agent.cli", "--config", str(box.config), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def parts(box: Box) -> dict[tuple[str, str], dict[str, Any]]:
    return {(p["part"], p["name"]): p for p in box.get("/health")["parts"]}


def test_a_box_is_as_well_as_its_last_traffic_proved(sandbox: Sandbox, tmp_path: Path) -> None:
    more = "\n[health]\ndestination_min_attention = 0\ndestination_min_failing = 1000\nworklist_min_failing = 1000\n"
    with box_in(tmp_path / "box", toml_for(sandbox) + more) as box:
        wait_for("the worklist", lambda: parts(box)["worklist", ""]["proven_at"])
        told = parts(box)
        assert told["destination", "sandbox-pacs"]["proven_at"] == "", "nothing was sent yet"
        assert {key for key, part in told.items() if part["state"] != "ok"} == set()
        box.emergency(1)
        wait_for("delivery", box.all_sent)
        wait_for("proof", lambda: parts(box)["destination", "sandbox-pacs"]["proven_at"])
        asked = command(box, "health")
        assert (asked.returncode, asked.stdout.split(";")[0]) == (0, "ok"), asked.stdout

        bare = box.page().get("/health")
        assert bare.status == 200
        assert bare.json["state"] == "ok"
        assert {"disk", "clock", "queue", "source", "destination", "worklist"} <= set(bare.json["parts"])
        assert not [name for name in NAMES if name in bare.text], "numbers and words only"
        with pytest.raises(NotLoggedIn):
            box.page().api("GET", "/health")

        sandbox.faults(refuse_association=True)
        box.emergency(1)
        wait_for("attention", lambda: parts(box)["destination", "sandbox-pacs"]["state"] == "attention")
        assert command(box, "health").returncode == 1
        assert box.page().get("/health").status == 200
    stopped = command(box, "health", "--json")
    assert stopped.returncode == 2
    assert json.loads(stopped.stdout)["state"] == "failing"


def test_what_fails_is_told_to_a_load_balancer_as_a_status(sandbox: Sandbox, tmp_path: Path) -> None:
    more = "\n[health]\ndisk_images_attention = 10000000\ndisk_images_failing = 10000000\n"
    with box_in(tmp_path / "box", toml_for(sandbox) + more) as box:
        page = box.page()
        answer = wait_for("failing", lambda: (a := page.get("/health")).status == 503 and a)
        assert answer.json["parts"]["disk"]["state"] == "failing"
        asked = command(box, "health")
        assert asked.returncode == 2
        assert asked.stdout.startswith("failing")
