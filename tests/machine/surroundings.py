"""What a machine under test is given: our package, the sandbox's RIS and PACS beside it, and a configuration."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

from agent.enrolment import _toml
from tests.machine.machine import Machine
from tests.system.world import wait_for

SANDBOX = """
rm -f /srv/sandbox/config.toml  # of a sandbox before, with other ports
systemd-run --unit=sandbox -q /opt/modality-agent/bin/modality-agent sandbox --folder /srv/sandbox
for i in $(seq 200); do [ -s /srv/sandbox/config.toml ] && break; sleep 0.2; done
"""
SET_UP = """
cp /srv/sandbox/pki/ca.crt /srv/sandbox/pki/agent.crt /srv/sandbox/pki/agent.key /etc/modality-agent/tls/
chmod 644 /etc/modality-agent/tls/*.crt
sed -e 's#"/srv/sandbox/pki/#"tls/#' -e 's#^data_dir.*#data_dir = "/var/lib/modality-agent"#' \
    -e '/^.web.$/,/^port/ s#^port = 0#port = 8443#' \
    -e 's#^driver = "simulator"#driver = "simulator"\\nclip = { output = "video-photographic" }#' \
    -e 's#^modality = "US"#modality = "XC"\\nREGION#' \
    -e 's#REGION#anatomic_region = { value = "39937001", scheme = "SCT", meaning = "Skin" }#' \
    /srv/sandbox/config.toml > /etc/modality-agent/config.toml
systemd-tmpfiles --create modality-agent.conf
"""


def install(machine: Machine, package: Path) -> str:
    """Install our package as a person would, without a network."""
    shutil.copy(package, machine.root / "root" / package.name)
    return machine.run("dpkg", "-i", f"/root/{package.name}", timeout=600)


def set_up(machine: Machine) -> None:
    """Start the sandbox in the machine, write a configuration for it and start the service with it."""
    machine.sh(SANDBOX + SET_UP)
    machine.run("systemctl", "restart", "modality-agent.service")  # after an installation over data it runs already
    picture(machine)


def enrolment_file(machine: Machine, path: str) -> None:
    """Start the sandbox in the machine and put an enrolment file for a box of it at `path`."""
    machine.sh(SANDBOX)
    sandbox = machine.root / "srv/sandbox"
    tables = tomllib.loads((sandbox / "config.toml").read_text(encoding="utf-8"))
    del tables["tls"], tables["box"]["data_dir"]
    named = {"authority": "ca.crt", "certificate": "agent.crt", "key": "agent.key"}
    pem = {name: (sandbox / "pki" / file).read_text(encoding="ascii") for name, file in named.items()}
    told = {"format": 1, "certificates": pem, "configuration": tables}
    machine.put(path, "\n".join(_toml(told, ())) + "\n")


def picture(machine: Machine, limit_s: float = 60) -> None:
    """Wait until the source shows a picture."""
    wait_for("a picture", lambda: _signal(machine) == "present", limit_s)


def _signal(machine: Machine) -> str:
    said = machine.run("modality-agent", "status", "--json", check=False)
    return str(json.loads(said)["sources"][0]["signal"]) if said.startswith("{") else ""


def exam(machine: Machine, *, clip: bool = False, refresh: bool = True) -> None:
    """Open an exam of the first patient, take a picture (and a clip) and finish it."""
    key = machine.agent("worklist", *(["--refresh"] if refresh else []))["entries"][0]["key"]
    machine.run("modality-agent", "exam", "start", key)
    machine.run("modality-agent", "capture")
    if clip:
        machine.run("modality-agent", "clip", "start")
        machine.sh("sleep 2; modality-agent clip stop")
    machine.run("modality-agent", "finish")


def received(machine: Machine) -> int:
    index = machine.root / "srv/sandbox/received/index.jsonl"
    return len(index.read_text().splitlines()) if index.exists() else 0


def alarms(machine: Machine) -> set[str]:
    said: Any = machine.run("modality-agent", "status", "--json", check=False)
    return {a["code"] for a in json.loads(said)["alarms"]} if said.startswith("{") else set()
