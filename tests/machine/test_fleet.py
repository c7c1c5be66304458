"""Two boxes from one inventory: the shipped playbook over SSH against real Debian machines (`make fleet-test`; root).

SSH is real but for its network: the machines have none, so the client's proxy command starts the daemon inside them.
The tests are one story; each goes on from the one before it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import pki
from tests.fleet.tools import Run, play
from tests.machine import machine as machines
from tests.machine.machine import Machine
from tests.system.world import wait_for

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1800)]  # the first one makes the root and the package
CORE = "modality-agent.service"
OWN = "! -name '*.last-good' ! -name '*.change'"
"""What the service writes by itself."""
FILES = f"find /etc/modality-agent /opt/modality-agent/lib -maxdepth 3 -type f {OWN} -printf '%p %T@ %m %u %g\\n'|sort"
Tables = dict[str, Any]


def box_layer(title: str) -> Tables:
    source = {"name": "us", "driver": "simulator", "object": {"modality": "US"}}
    return {"box": {"name": f"Room of {title}", "ae_title": title}, "source": [source]}


class Fleet:
    """The controller's folder and the machines."""

    def __init__(self, folder: Path, boxes: dict[str, Machine], package: Path) -> None:
        self.folder, self.boxes = folder, boxes
        self.variables: Tables = {
            "modality_agent_deb": str(package),
            "modality_agent_authority": str(folder / "ca.crt"),
            "modality_agent_secrets": {"webhook": "a token"},
            "modality_agent_site": {
                "box": {"institution_name": "Центральна лікарня", "clock": "host"},
                "retention": {"keep_days": 14},
                "destination": [{"name": "pacs", "host": "127.0.0.1", "port": 2762, "called_ae_title": "PACS"}],
                "alerts": {"webhook": {"host": "127.0.0.1", "port": 9, "token_file": "secrets/webhook"}},
            },
        }
        self.titles = {name: name.upper() for name in boxes}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
        public = (folder / "key.pub").read_text()
        for machine in boxes.values():
            machine.put("/root/.ssh/authorized_keys", public, 0o600)
            machine.sh("chmod 700 /root/.ssh; mkdir -p /run/sshd")
        now = datetime.now(UTC)
        year = pki.Validity(not_before=now - timedelta(hours=1), not_after=now + timedelta(days=365))
        self.authority = pki.make_authority(folder, "ca", "Hospital", year)

    def play(self, *words: str) -> Run:
        """Write the inventory as it is now and run the playbook over it."""
        hosts = {name: self._host(name, machine) for name, machine in self.boxes.items()}
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps({"boxes": {"hosts": hosts, "vars": self.variables}}))
        return play(inventory, *words)

    def _host(self, name: str, machine: Machine) -> Tables:
        proxy = " ".join([*machine.inside, "/usr/sbin/sshd", "-i"])
        ssh = f"-o ProxyCommand='{proxy}' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        return {
            "ansible_user": "root", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(self.folder / "key"), "ansible_ssh_common_args": ssh,
            "modality_agent_names": [f"{name}.hospital.example"], "modality_agent_box": box_layer(self.titles[name]),
        }  # fmt: skip

    def sign(self) -> None:
        """What the hospital's authority does with the collected requests."""
        answers = self.folder / "answers"
        answers.mkdir(exist_ok=True)
        for request in sorted((self.folder / "requests").iterdir()):
            argv = ["openssl", "x509", "-req", "-in", str(request), "-CA", str(self.authority.certificate),
                    "-CAkey", str(self.authority.key), "-days", "90", "-copy_extensions", "copy",
                    "-out", str(answers / f"{request.stem}.crt")]  # fmt: skip
            subprocess.run(argv, check=True, capture_output=True)

    def state(self) -> dict[str, tuple[str, str]]:
        """What a run could change: files of the configuration and the program, and which process serves."""
        return {name: (m.sh(FILES, check=False), m.show(CORE, "MainPID")) for name, m in self.boxes.items()}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    base = machines.plain("bookworm", "openssh-server", "python3-apt", "systemd-journal-remote")
    package = machines.package("bookworm")
    with ExitStack() as stack:
        boxes = {}
        for name in ("us2", "endo1"):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agent-fleet-")))
            root = stack.enter_context(machines.layer(base, folder))
            boxes[name] = stack.enter_context(machines.booted(root, name=name))
        controller = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agent-fleet-")))
        yield Fleet(controller, boxes, package)


def show(machine: Machine) -> dict[str, str]:
    lines = machine.run("modality-agent", "config", "show").splitlines()[1:]
    return {line.split()[0]: line.split(maxsplit=1)[1].rsplit(maxsplit=1)[0].strip() for line in lines}


def test_check_mode_tells_of_bare_boxes_and_changes_nothing(fleet: Fleet) -> None:
    before = fleet.state()
    done = fleet.play("--check")
    assert done.status == 0, done.text
    assert set(done.changed) == {"us2", "endo1"}
    assert all(done.changed.values()), "the package would be installed"
    assert fleet.state() == before
    assert not (fleet.folder / "requests").exists()


def test_the_first_run_installs_and_collects_the_requests(fleet: Fleet) -> None:
    done = fleet.play()
    assert done.status == 0, done.text
    assert done.text.count("lay the answer into") == 2
    for name, machine in fleet.boxes.items():
        assert machine.show(CORE, "ActiveState") == "inactive"
        assert (fleet.folder / "requests" / f"{name}.csr").read_text().startswith("-----BEGIN CERTIFICATE REQUEST")
        assert machine.sh("stat -c '%a %U %G' /etc/modality-agent/tls/box.key") == "640 root modality-agent-peer"
        assert machine.sh("stat -c '%a %U %G' /etc/modality-agent/secrets/webhook") == "640 root modality-agent-peer"
    assert "a token" not in done.text
    keys = {m.sh("sha256sum /etc/modality-agent/tls/box.key") for m in fleet.boxes.values()}
    assert len(keys) == 2, "each box has made its own"


def test_answers_are_placed_and_the_boxes_run(fleet: Fleet) -> None:
    fleet.sign()
    done = fleet.play()
    assert done.status == 0, done.text
    for name, machine in fleet.boxes.items():
        assert machine.show(CORE, "ActiveState") == "active"
        told = show(machine)
        assert told["box.ae_title"] == f'"{name.upper()}"'
        assert told["retention.keep_days"] == "14"
        assert told["web.names"] == f'["{name}.hospital.example"]'
        assert "C-11" not in {a["code"] for a in machine.agent("status")["alarms"]}
        assert machine.show("modality-agent-journal.timer", "ActiveState") == "active"


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    before = fleet.state()
    done = fleet.play()
    assert done.status == 0, done.text
    assert done.changed == {"us2": 0, "endo1": 0}, done.text
    assert fleet.state() == before


def test_check_mode_tells_what_would_change_and_changes_nothing(fleet: Fleet) -> None:
    before = fleet.state()
    fleet.variables["modality_agent_site"]["retention"]["keep_days"] = 21
    done = fleet.play("--check", "-v")
    assert done.status == 0, done.text
    assert done.text.count("site: retention.keep_days: 14 → 21") >= 2
    assert all(done.changed.values())
    assert fleet.state() == before


def test_an_open_exam_is_not_disturbed(fleet: Fleet) -> None:
    first = next(iter(fleet.boxes.values()))
    wait_for("a picture", lambda: first.agent("status")["sources"][0]["signal"] == "present", 60)
    first.run("modality-agent", "exam", "emergency")
    first.run("modality-agent", "capture")
    before = fleet.state()
    done = fleet.play()
    assert done.status != 0
    assert "An exam is open on us. Nothing was changed." in done.text
    assert fleet.state() == before, "and the rest of the site was not begun"


def test_with_a_word_it_is_and_the_exam_is_still_there(fleet: Fleet) -> None:
    before = fleet.state()
    done = fleet.play("-e", "modality_agent_interrupt_exam=true")
    assert done.status == 0, done.text
    for name, machine in fleet.boxes.items():
        assert show(machine)["retention.keep_days"] == "21"
        assert machine.show(CORE, "MainPID") != before[name][1], "started anew"
    first = next(iter(fleet.boxes.values()))
    exam = first.agent("exam", "list")[0]
    assert exam["captured"] == 1
    first.run("modality-agent", "exam", "discard", exam["exam_id"], "--reason", "test")
    assert fleet.play().changed == {"us2": 0, "endo1": 0}


@pytest.mark.parametrize(
    ("table", "key", "value", "words"),
    [("retention", "keep_days", -1, "retention.keep_days"), ("box", "timezone", "Mars/Olympus", "Mars/Olympus")],
)
def test_what_the_box_finds_wrong_reaches_no_box(fleet: Fleet, table: str, key: str, value: Any, words: str) -> None:
    before = fleet.state()
    site = fleet.variables["modality_agent_site"]
    kept = dict(site[table])
    site[table][key] = value
    try:
        done = fleet.play()
    finally:
        site[table] = kept
    assert done.status != 0
    assert words in done.text
    assert fleet.state() == before


def test_a_strange_answer_is_not_placed(fleet: Fleet) -> None:
    before = fleet.state()
    answer = fleet.folder / "answers" / "us2.crt"
    own = answer.read_text()
    answer.write_text((fleet.folder / "answers" / "endo1.crt").read_text())
    done = fleet.play()
    assert done.status != 0
    assert "was not made for the request of this box" in done.text
    answer.write_text(own)
    after = fleet.state()
    assert {name: pid for name, (_, pid) in after.items()} == {name: pid for name, (_, pid) in before.items()}
    assert fleet.play().changed == {"us2": 0, "endo1": 0}


def test_one_box_that_is_changed_by_hand_is_brought_back(fleet: Fleet) -> None:
    last = fleet.boxes["endo1"]
    config = last.root / "etc/modality-agent/config.toml"
    wanted = hashlib.sha256(config.read_bytes()).hexdigest()
    last.sh("sed -i 's/ENDO1/ENDO9/' /etc/modality-agent/config.toml")
    done = fleet.play()
    assert done.status == 0, done.text
    assert (done.changed["us2"], done.changed["endo1"] > 0) == (0, True)
    assert hashlib.sha256(config.read_bytes()).hexdigest() == wanted


COLLECTOR = """
install -d /srv/logs /run/systemd/system/systemd-journal-upload.service.d
systemd-run -q --unit=collector /lib/systemd/systemd-journal-remote --listen-https=127.0.0.1:19532 \\
    --key=/srv/collector.key --cert=/srv/collector.crt \\
    --output=/srv/logs/box.journal --split-mode=none
"""


def shown(guide: str, first: str) -> dict[str, str]:
    """The files that a block of a guide shows: each named by a comment."""
    text = (machines.ROOT / "docs" / guide).read_text(encoding="utf-8")
    block = next(part for part in text.split("```") if part.strip().startswith(first))
    files: dict[str, str] = {}
    for line in block.strip().splitlines():
        if line.startswith("# /"):
            name = line[2:]
            files[name] = ""
        elif not line.startswith("systemctl"):
            files[name] += f"{line}\n"
    return files


def test_the_log_is_shipped_with_the_boxs_own_certificate(fleet: Fleet) -> None:
    machine = fleet.boxes["us2"]
    now = datetime.now(UTC)
    day = pki.Validity(not_before=now - timedelta(hours=1), not_after=now + timedelta(days=1))
    made = pki.issue(fleet.folder, "collector", pki.Names(common_name="c", dns=("localhost",)), day, fleet.authority)
    machine.put("/srv/collector.crt", made.certificate.read_text())
    machine.put("/srv/collector.key", made.key.read_text())
    machine.sh(COLLECTOR)
    for name, text in shown("operations.md", "# /etc/systemd/journal-upload.conf").items():
        machine.put(name, text.replace("logs.hospital.example", "localhost"))
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "systemd-journal-upload")
    machine.run("systemctl", "restart", CORE)
    read = "journalctl --file /srv/logs/box.journal -t modality-agent -o json MESSAGE=ready -n 1"
    line = wait_for("our message at the collector", lambda: machine.sh(read, check=False), 60)
    assert json.loads(line)["AGENT_PAGE"].startswith("https://")
    machine.sh("systemctl stop systemd-journal-upload collector")


def test_a_new_version_judges_a_configuration_before_it_is_installed(fleet: Fleet) -> None:
    machine, package = fleet.boxes["us2"], Path(fleet.variables["modality_agent_deb"])
    machine.put("/root/new.deb", "")
    (machine.root / "root/new.deb").write_bytes(package.read_bytes())
    guide = (machines.ROOT / "docs" / "update.md").read_text(encoding="utf-8")
    unpack, judge = (line.strip() for line in guide.splitlines() if "/tmp/new" in line)
    machine.sh(f"{unpack.replace('modality-agent_….deb', '/root/new.deb')}; mv /opt/modality-agent /opt/old")
    try:
        assert "no mistakes" in machine.sh(judge)
    finally:
        machine.sh("mv /opt/old /opt/modality-agent")
