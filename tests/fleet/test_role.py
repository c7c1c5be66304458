"""The role without a box: it can be read, its variables are checked, its example is a configuration that is right.

The role against real boxes: `make fleet-test` (tests/machine/test_fleet.py).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.config.exchange import apply, layers_of
from agent.config.load import load
from tests.fleet.tools import ANSIBLE, ROOT, environment, play, tool

EXAMPLE = ANSIBLE / "example" / "inventory.yml"
ROLE = ANSIBLE / "roles" / "modality_agent"


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["nice", tool(words[0]), *words[1:]]
    told = environment(tmp_path)
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=told, cwd=ANSIBLE, timeout=300)


def test_the_playbook_can_be_read(tmp_path: Path) -> None:
    done = run(tmp_path, "ansible-playbook", "-i", str(EXAMPLE), "site.yml", "--syntax-check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_role_keeps_to_the_rules_of_its_trade(tmp_path: Path) -> None:
    done = run(tmp_path, "ansible-lint", "--offline", "--nocolor", "-q", "roles", "site.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_has_a_default_and_a_sentence(tmp_path: Path) -> None:
    told = run(tmp_path, "ansible-doc", "-t", "role", "-r", "roles", "--json", "modality_agent")
    options = json.loads(told.stdout)["modality_agent"]["entry_points"]["main"]["options"]
    given = [line.partition(":")[0] for line in (ROLE / "defaults" / "main.yml").read_text().splitlines()]
    assert sorted(options) == sorted(name for name in given if name.startswith("modality_agent_"))
    assert all(option["description"] for option in options.values())


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    argv = [tool("ansible-inventory"), "-i", str(EXAMPLE), "--list"]
    told = environment(tmp_path_factory.mktemp("home"))
    listed = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, env=told).stdout)
    return dict(listed["_meta"]["hostvars"])


def test_the_example_is_right_for_each_of_its_boxes(boxes: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    titles = set()
    for name, told in boxes.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "profiles").symlink_to(ROOT / "config" / "profiles")
        site = told["modality_agent_site"]
        site["box"]["data_dir"] = "/var/lib/modality-agent"
        site["tls"] = {"ca_file": "tls/ca.crt", "certificate_file": "tls/box.crt", "key_file": "tls/box.key"}
        apply(folder / "config.toml", layers_of(json.dumps({"site": site, "box": told["modality_agent_box"]})))
        titles.add(load(folder / "config.toml").box.ae_title)
    assert len(titles) == len(boxes) == 2


WRONG = {
    "one AE title twice": ({"modality_agent_box": {"box": {"ae_title": "SAME"}}}, "An AE title is used twice: SAME"),
    "a word that is none of the choices": ({"modality_agent_certificate": "maybe"}, "modality_agent_certificate"),
    "a text for a table": ({"modality_agent_site": "site.toml"}, "modality_agent_site"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_right_is_told_before_a_box_is_asked(wrong: str, tmp_path: Path) -> None:
    variables, words = WRONG[wrong]
    hosts = {name: {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"} for name in ("a", "b")}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(json.dumps({"boxes": {"hosts": hosts, "vars": {"modality_agent_names": ["a"], **variables}}}))
    done = play(inventory, limit_s=60)
    assert done.status != 0
    assert words in done.text
    assert "UNREACHABLE" not in done.text
