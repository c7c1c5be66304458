"""Ports below 1024 by the configuration alone, and the nightly copy, under a real systemd (`make machine-test`)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import machine as machines
from tests.machine.machine import Machine
from tests.machine.surroundings import alarms, exam, install, picture, received, set_up
from tests.system.world import wait_for

CORE = "modality-agent.service"
KEEPER = "modality-agent-port.service"
COPY = "modality-agent-backup.service"
PLACE = "/var/backups/modality-agent"
CONFIG = "etc/modality-agent/config.toml"
pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    base, package = machines.plain("bookworm"), machines.package("bookworm")
    with (
        tempfile.TemporaryDirectory(prefix="agent-ports-") as folder,
        machines.layer(base, Path(folder)) as root,
        machines.booted(root) as machine,
    ):
        machine.limits()
        install(machine, package)
        set_up(machine)
        yield machine


def listening(machine: Machine) -> dict[int, str]:
    """Port → address, of what accepts on TCP."""
    told = machine.sh("cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" { print $2 }'").split()
    return {int(word.rpartition(":")[2], 16): word.partition(":")[0] for word in told}


def change(machine: Machine, before: str, after: str) -> None:
    file = machine.root / CONFIG
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    machine.run("systemctl", "restart", CORE)
    picture(machine)


FETCH = """
import http.client, ssl, sys
port = int(sys.argv[1])
kind = http.client.HTTPSConnection if port == 443 else http.client.HTTPConnection
more = {"context": ssl._create_unverified_context()} if port == 443 else {}
asked = kind("127.0.0.1", port, timeout=20, **more)
asked.request("GET", "/health")
answer = asked.getresponse()
print(answer.status, answer.getheader("Location") or "")
"""


def test_the_configuration_says_where_the_page_is(machine: Machine) -> None:
    change(machine, "[web]\nport = 8443\n", '[web]\nlisten = "0.0.0.0"\nredirect_port = 80\nport = 443\n')
    found = listening(machine)
    assert {443: "00000000", 80: "00000000"}.items() <= found.items()
    assert 8443 not in found
    machine.put("/etc/fetch.py", FETCH)
    assert machine.sh("python3 /etc/fetch.py 443").split()[0] in ("200", "503"), "the health without a login"
    status, location = machine.sh("python3 /etc/fetch.py 80").split()
    assert (status[0], location.startswith("https://")) == ("3", True)
    ports = {p["port"] for p in machine.agent("ports") if p["direction"] == "in"}
    assert {443, 80} <= ports, "the list for the firewall says the same"


ASK = """
import socket
socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect("/run/modality-agent/port.sock")
"""


def test_the_keeper_has_one_privilege_and_accepts_nothing(machine: Machine) -> None:
    (pid,) = machine.pids(KEEPER)
    fields = dict(line.split(":\t", 1) for line in machine.sh(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 1 << 10, "CAP_NET_BIND_SERVICE"
    assert fields["Uid"].split()[0] == machine.sh("id -u modality-agent-port")
    print(f"\nthe port keeper takes {int(fields['VmRSS'].split()[0]) // 1024} MiB")
    machine.put("/etc/ask.py", ASK)
    refused = machine.sh("runuser -u modality-agent-peer -- /usr/bin/python3 /etc/ask.py 2>&1 | tail -1")
    assert "PermissionError" in refused


def test_a_caller_waits_while_the_core_is_away(machine: Machine) -> None:
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", CORE)
    assert 443 in listening(machine)
    picture(machine)
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", KEEPER)
    machine.run("systemctl", "restart", CORE)
    picture(machine)
    assert 443 in listening(machine)


def test_reports_of_commitment_come_to_port_104(machine: Machine) -> None:
    text = (machine.root / CONFIG).read_text()
    old = next(line for line in text.partition("[listener]")[2].splitlines() if line.startswith("port"))
    number = old.partition("=")[2].strip()
    head, table, rest = text.partition("[listener]")
    change(machine, text, head + table + rest.replace(old, "port = 104", 1))
    assert 104 in listening(machine)
    assert int(number) not in listening(machine)
    assert "P-08" not in alarms(machine)
    # the archive still reports to the number that it knows
    machine.put("/etc/bridge.py", BRIDGE)
    machine.sh(f"systemd-run -q --unit=bridge /usr/bin/python3 /etc/bridge.py {number}")
    before = received(machine)
    exam(machine)
    wait_for("the picture", lambda: received(machine) > before, 60)
    wait_for("its confirmation over 104", lambda: _stored(machine) == {"confirmed"}, 90)


def _stored(machine: Machine) -> set[str]:
    return {job["state"] for job in machine.agent("queue") if job["kind"] == "store"}


BRIDGE = """
import socket, sys, threading
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    one, _ = server.accept()
    two = socket.create_connection(("127.0.0.1", 104))
    for pair in ((one, two), (two, one)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


def test_a_port_that_somebody_has_is_told(machine: Machine) -> None:
    machine.put("/etc/taker.py", 'import socket, time\ns = socket.create_server(("", 8444))\ntime.sleep(600)\n')
    machine.sh("systemd-run -q --unit=taker /usr/bin/python3 /etc/taker.py")
    wait_for("the taker", lambda: 8444 in listening(machine))
    file = machine.root / CONFIG
    good = file.read_text()
    file.write_text(good.replace("port = 443", "port = 8444"))
    machine.run("systemctl", "restart", "--no-block", CORE)
    said = "journalctl -u modality-agent.service -o cat -n 40"
    wait_for("words", lambda: "B-15" in machine.sh(said) and "0.0.0.0:8444" in machine.sh(said), 60)
    file.write_text(good)
    machine.sh("systemctl stop taker; systemctl reset-failed; systemctl restart modality-agent")
    picture(machine)


def test_without_the_table_the_timer_does_nothing(machine: Machine) -> None:
    assert machine.show("modality-agent-backup.timer", "ActiveState") == "active"
    machine.run("systemctl", "start", COPY)
    assert "nothing was done" in machine.sh(f"journalctl -u {COPY} -o cat -n 5")
    assert machine.sh(f"ls {PLACE}") == ""


def test_every_night_a_copy_and_trouble_is_told(machine: Machine) -> None:
    file = machine.root / CONFIG
    file.write_text(file.read_text() + "\n[backup]\nkeep = 2\n")
    machine.run("systemctl", "restart", CORE)
    picture(machine)
    machine.run("systemctl", "start", COPY, check=False)
    assert machine.show(COPY, "Result") == "exit-code", "nothing is mounted there"
    wait_for("the alarm", lambda: "D-17" in alarms(machine), 90)
    machine.sh(f"mount -t tmpfs -o mode=0700,uid=$(id -u modality-agent) share {PLACE}")
    for _ in range(3):
        machine.run("systemctl", "start", COPY)
        machine.sh("sleep 1")
    copies = machine.sh(f"ls {PLACE}").split()
    assert len(copies) == 2
    told = json.loads(machine.sh(f"cat {PLACE}/{copies[-1]}/manifest.json"))
    assert any(name.endswith(".dcm") for name in told["files"])
    wait_for("its end", lambda: "D-17" not in alarms(machine), 90)
    assert machine.sh(f"stat -c '%U %a' {PLACE}/{copies[-1]}") == "modality-agent 700"


def test_a_copy_brings_a_lost_box_back(machine: Machine) -> None:
    newest = machine.sh(f"ls {PLACE} | tail -1")
    machine.run("systemctl", "stop", CORE)
    machine.sh("rm -rf /var/lib/modality-agent/agent.sqlite3* /var/lib/modality-agent/spool/objects/*")
    machine.sh(f"runuser -u modality-agent -- modality-agent restore {PLACE}/{newest}")
    machine.sh("systemd-tmpfiles --create modality-agent.conf; systemctl start modality-agent")
    picture(machine)
    assert machine.agent("exam", "list")
