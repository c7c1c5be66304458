"""The service under a real systemd, from our package on a plain Debian (`make machine-test`; needs root).

One machine for all; each test leaves it working.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from agent.child import KINDS
from tests.machine import machine as machines
from tests.machine.machine import ROOT, Machine
from tests.machine.surroundings import alarms, exam, install, picture, received, set_up
from tests.system.world import PAUSE, wait_for

CORE = "modality-agent.service"
PLACES = ("source", "screen", "peer", "build")
UNITS = {"core": CORE, **{place: f"modality-agent-{place}.service" for place in PLACES}}
pytestmark = [pytest.mark.machine, pytest.mark.timeout(1200)]  # the first one makes the root
READY_S, STOP_S = 60.0, 5.0
PAGE = 8443

PROBE = """
import ctypes, json, os, socket, sys
def tried(what):
    try:
        what()
        return "ok"
    except OSError as e:
        return os.strerror(e.errno) if e.errno else str(e)
def write(path):
    with open(path, "w") as f:
        f.write("x")
    os.unlink(path)
def connect():
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=3):
        pass
libc = ctypes.CDLL(None, use_errno=True)
told = {
    "uid": os.getuid(), "network": tried(connect), "devices": sorted(os.listdir("/dev")),
    "adjtimex": libc.adjtimex(ctypes.create_string_buffer(512)),
    "writes": {p: tried(lambda: write(p + "/probe")) for p in json.loads(sys.argv[2])},
    "reads": {p: tried(lambda: open(p, "rb").read(1)) for p in json.loads(sys.argv[3])},
    "status": dict(l.split(":\\t", 1) for l in open("/proc/self/status").read().splitlines() if ":\\t" in l),
}
print("PROBE", json.dumps(told))
"""
FOLDERS = ("/", "/etc/modality-agent", "/opt/modality-agent", "/usr", "/var/lib", "/var/lib/modality-agent",
           "/var/lib/modality-agent/spool/objects", "/var/lib/modality-agent/inbox", "/run", "/tmp")  # fmt: skip
DATABASE, KEY = "/var/lib/modality-agent/agent.sqlite3", "/etc/modality-agent/tls/agent.key"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    base, package = machines.plain("bookworm"), machines.package("bookworm")
    with (
        tempfile.TemporaryDirectory(prefix="agent-host-") as folder,
        machines.layer(base, Path(folder)) as root,
        machines.booted(root) as machine,
    ):
        machine.limits()
        install(machine, package)
        assert machine.run("systemctl", "is-active", CORE, check=False).strip() == "inactive", "not set up yet"
        set_up(machine)
        yield machine


def fresh(machine: Machine) -> float:
    """Start anew; return how long it took to be ready, seconds."""
    begun = monotonic()
    machine.run("systemctl", "restart", CORE)
    took = monotonic() - begun
    picture(machine)
    return took


def starts(machine: Machine) -> int:
    return int(machine.show(CORE, "NRestarts"))


def main_pid(machine: Machine, unit: str) -> str:
    return machine.show(unit, "MainPID")


def test_an_exam_travels_through_all_places(machine: Machine) -> None:
    before = received(machine)
    exam(machine, clip=True)
    wait_for("picture and video at the PACS", lambda: received(machine) == before + 2, 60)
    wait_for("confirmation", lambda: all(_done(job) for job in machine.agent("queue")), 60)
    for place in ("source", "peer", "build"):
        assert machine.show(UNITS[place], "ActiveState") == "active"


def _done(job: dict[str, Any]) -> bool:
    return job["state"] in ("sent", "confirmed", "done")


def test_every_process_has_its_user_and_nothing_more(machine: Machine) -> None:
    exam(machine)
    for name in ("core", "source", "peer"):
        wanted = machine.sh(f"id -u modality-agent{'' if name == 'core' else '-' + name}")
        pids = machine.pids(UNITS[name])
        assert pids, name
        for pid in pids:
            status = machine.sh(f"cat /proc/{pid}/status")
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert fields["Uid"].split() == [wanted] * 4, name
            assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0, name
            assert fields["NoNewPrivs"] == "1", name
            assert fields["Seccomp"] == "2", name


@pytest.fixture(scope="module")
def probes(machine: Machine) -> dict[str, dict[str, Any]]:
    """What a process finds possible inside each unit's own sandbox."""
    machine.put("/etc/probe.py", PROBE)
    found = {}
    for name, unit in UNITS.items():
        lines = (ROOT / "systemd" / unit).read_text().splitlines()
        dropped = ("ExecStart=", "Type=", "WatchdogSec=", "Restart", "Sockets=", "Requires=", "After=", "Wants=")
        kept = [line for line in lines if not line.startswith((*dropped, "NotifyAccess", "ConditionPath"))]
        objects = machine.sh("ls -d /var/lib/modality-agent/spool/objects/*.dcm | head -1")
        words = f"{PAGE} '{json.dumps(FOLDERS)}' '{json.dumps([DATABASE, KEY, objects])}'"
        run = ["Type=oneshot", f"ExecStart=/opt/modality-agent/bin/python -I /etc/probe.py {words}"]
        at = kept.index("[Service]") + 1
        machine.put(f"/etc/systemd/system/probe-{name}.service", "\n".join([*kept[:at], *run, *kept[at:]]))
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", f"probe-{name}.service")
        said = machine.sh(f"journalctl -o cat -u probe-{name}.service | grep ^PROBE | tail -1")
        found[name] = json.loads(said.removeprefix("PROBE "))
        found[name]["object"] = found[name]["reads"].pop(objects)
    return found


@pytest.mark.parametrize("place", UNITS)
def test_who_has_a_network(probes: dict[str, Any], place: str) -> None:
    assert (probes[place]["network"] == "ok") == (place in ("peer", "screen"))


WRITABLE = {
    "core": {"/etc/modality-agent", "/var/lib/modality-agent", "/var/lib/modality-agent/spool/objects", "/tmp"},
    "source": {"/var/lib/modality-agent/inbox", "/tmp"},
    "screen": {"/tmp"},
    "peer": {"/tmp"},
    "build": {"/tmp"},
}


@pytest.mark.parametrize("place", UNITS)
def test_where_it_may_write(probes: dict[str, Any], place: str) -> None:
    assert {p for p, said in probes[place]["writes"].items() if said == "ok"} == WRITABLE[place]


@pytest.mark.parametrize("place", UNITS)
def test_what_it_may_read(probes: dict[str, Any], place: str) -> None:
    told = probes[place]
    assert (told["reads"][DATABASE] == "ok") == (place == "core")
    assert (told["object"] == "ok") == (place in ("core", "peer"))
    assert (told["reads"][KEY] == "ok") == (place in ("core", "peer"))


@pytest.mark.parametrize("place", [p for p in UNITS if p != "source"])
def test_only_the_sources_see_devices(probes: dict[str, Any], place: str) -> None:
    usual = {"char", "core", "fd", "full", "hugepages", "initctl", "log", "mqueue", "null", "ptmx", "pts", "random",
             "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}  # fmt: skip
    assert set(probes[place]["devices"]) <= usual


def test_the_core_may_ask_whether_the_clock_is_right(probes: dict[str, Any]) -> None:
    assert probes["core"]["adjtimex"] != -1, "without an answer no dated object would ever leave"


def test_a_kill_is_over_within_a_minute(machine: Machine) -> None:
    key = machine.agent("worklist")["entries"][0]["key"]
    machine.run("modality-agent", "exam", "start", key)
    machine.run("modality-agent", "capture")
    before, begun = starts(machine), monotonic()
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", CORE)
    wait_for("another start", lambda: starts(machine) > before, 20)
    picture(machine)
    took = monotonic() - begun
    print(f"\nkill -9 of the core to a live picture: {took:.1f} s")
    assert took < READY_S
    machine.run("modality-agent", "exam", "resume", check=False)
    assert machine.agent("exam", "list")[0]["captured"] >= 1
    machine.run("modality-agent", "finish")


@pytest.mark.parametrize("place", ["source", "peer", "build"])
def test_a_spawner_that_dies_is_replaced_and_its_children_too(machine: Machine, place: str) -> None:
    before, core = received(machine), main_pid(machine, CORE)
    machine.run("systemctl", "start", UNITS[place])
    old = machine.pids(UNITS[place])
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", UNITS[place])
    wait_for("their end", lambda: not set(old) & set(machine.pids(UNITS[place])), 10)
    picture(machine)
    exam(machine)
    wait_for("the picture at the PACS", lambda: received(machine) == before + 1, 90)
    assert main_pid(machine, CORE) == core


BLOCKED = """
import os, threading
import agent.assembly, agent.supervisor
from agent.building import Building
agent.assembly.ALLOWED_TURN_S = 4.0
import agent.building, agent.certificates, agent.delivery, agent.devices, agent.listening
import agent.retention, agent.triggers, agent.worklist, agent.tray
for room in (agent.building, agent.certificates, agent.delivery, agent.devices, agent.listening, agent.retention,
             agent.triggers, agent.worklist, agent.tray):
    room._TURN_S = min(room._TURN_S, 1.0)
real = Building._remind
def remind(self):
    while os.path.exists("/run/block"):
        threading.Event().wait(0.1)
    real(self)
Building._remind = remind
from agent.cli import main
main()
"""


def test_a_worker_that_hangs_is_restarted_by_the_watchdog(machine: Machine) -> None:
    machine.put("/etc/blocked.py", BLOCKED)
    line = "/opt/modality-agent/bin/python -I /etc/blocked.py --config /etc/modality-agent/config.toml run"
    machine.drop_in(CORE, f"[Service]\nWatchdogSec=4\nExecStart=\nExecStart={line}\n")
    fresh(machine)
    before, begun = starts(machine), monotonic()
    machine.sh("touch /run/block")
    wait_for("the restart", lambda: starts(machine) > before, 40)
    print(f"\na hung worker to its restart: {monotonic() - begun:.1f} s (turn 4 s, watchdog 4 s, pause 5 s)")
    machine.sh("rm /run/block")
    assert "watchdog" in machine.sh(f"journalctl -u {CORE} -o cat -n 60").lower()
    picture(machine)
    machine.drop_out(CORE)
    fresh(machine)


def test_a_spawner_that_hangs_is_restarted(machine: Machine) -> None:
    machine.drop_in(UNITS["source"], "[Service]\nWatchdogSec=7\n")
    machine.run("systemctl", "restart", UNITS["source"])
    picture(machine)
    old = main_pid(machine, UNITS["source"])
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "STOP", UNITS["source"])
    wait_for("another", lambda: main_pid(machine, UNITS["source"]) not in (old, "0"), 60)
    machine.drop_out(UNITS["source"])
    picture(machine)


OOM_KILLS = """
group=$(systemctl show modality-agent-source.service --value -p ControlGroup)
cat /sys/fs/cgroup$group/memory.events /sys/fs/cgroup/memory$group/memory.oom_control 2>/dev/null |
    awk '$1 == "oom_kill" { print $2 }'
"""


def test_memory_has_a_limit_for_each_place(machine: Machine) -> None:
    core = main_pid(machine, CORE)
    machine.drop_in(UNITS["source"], "[Service]\nMemoryMax=30M\nMemorySwapMax=0\n")
    try:
        machine.run("systemctl", "restart", UNITS["source"])
        spawner = main_pid(machine, UNITS["source"])
        wait_for("a child that took too much", lambda: int(machine.sh(OOM_KILLS) or 0) > 0, 60)
        assert main_pid(machine, UNITS["source"]) == spawner, "the child dies alone"
        assert machine.show(CORE, "ActiveState") == "active"
        assert main_pid(machine, CORE) == core, "the core is not disturbed"
    finally:
        machine.drop_out(UNITS["source"])
        machine.run("systemctl", "restart", UNITS["source"])
    picture(machine, 90)


def test_tasks_have_a_limit(machine: Machine) -> None:
    for unit in UNITS.values():
        assert 0 < int(machine.show(unit, "TasksMax")) <= 128


def test_no_death_leaves_a_core_file(machine: Machine) -> None:
    for name in ("core", "source", "peer"):
        for pid in machine.pids(UNITS[name]):
            line = machine.sh(f"grep '^Max core file' /proc/{pid}/limits")
            assert line.split()[4:6] == ["0", "0"], (name, line)
    machine.run("systemctl", "kill", "--kill-whom=all", "-s", "SEGV", UNITS["source"])
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "SEGV", CORE)
    PAUSE.wait(6)
    picture(machine)
    found = "find / -xdev \\( -name core -o -name 'core.*' -o -name '*.core' \\) -type f -size +0 -newer /etc/probe.py"
    assert machine.sh(f"{found} -not -path '/proc/*' -not -path '/sys/*'", check=False) == ""


def test_a_stop_is_clean_and_quick(machine: Machine) -> None:
    key = machine.agent("worklist")["entries"][0]["key"]
    machine.run("modality-agent", "exam", "start", key)
    machine.run("modality-agent", "capture")
    begun = monotonic()
    machine.run("systemctl", "stop", CORE)
    took = monotonic() - begun
    print(f"\nstop with an open exam: {took:.1f} s")
    assert took <= STOP_S
    assert machine.show(CORE, "Result") == "success"
    begun = monotonic()
    machine.run("systemctl", "start", CORE)
    print(f"start to ready: {monotonic() - begun:.1f} s")
    picture(machine)
    fields = machine.sh("journalctl -o json -t modality-agent MESSAGE='boot scan' -n 1")
    assert json.loads(fields)["AGENT_AFTER_CRASH"] == "0", "native fields, and the run before ended well"
    machine.run("modality-agent", "exam", "resume", check=False)
    machine.run("modality-agent", "finish")
    wait_for("everything sent", lambda: machine.agent("status")["unsent"] == 0, 60)


def test_a_configuration_that_fails_gives_way_to_the_last_good_one(machine: Machine) -> None:
    file = machine.root / "etc/modality-agent/config.toml"
    wait_for("a minute of work", file.with_name("config.toml.last-good").exists, 90)
    good = file.read_text()
    bad = good.replace("[box]", "[boks]")
    file.write_text(bad)
    begun = monotonic()
    machine.run("systemctl", "restart", CORE, check=False)
    wait_for("the last good one", lambda: "C-11" in alarms(machine), 60)
    print(f"\na broken configuration to work with the last good one: {monotonic() - begun:.1f} s")
    assert monotonic() - begun < READY_S
    assert (file.read_text(), file.with_name("config.toml.failed").read_text()) == (good, bad)
    file.write_text(good + "\n# mended\n")
    fresh(machine)
    wait_for("no alarm", lambda: "C-11" not in alarms(machine), 20)


def asked(machine: Machine, path: str = "/") -> str:
    """Open the page as a browser in the machine would; return head and body."""
    return machine.run("python3", "-c", ASK, str(PAGE), path, check=False)


ASK = """
import http.client, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
page = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20, context=context)
page.request("GET", sys.argv[2])
answer = page.getresponse()
print(answer.status, answer.read().decode())
"""
FAILURE = "modality-agent-failure.service"


def test_whoever_opens_the_page_of_a_box_that_does_not_come_up_is_told_why(machine: Machine) -> None:
    assert not asked(machine).startswith("503"), "while it serves, the core answers"
    assert machine.show(FAILURE, "ActiveState") == "active"
    file = machine.root / "etc/modality-agent/config.toml"
    good, kept = file.read_text(), file.with_name("config.toml.last-good")
    if kept.exists():
        kept.unlink()  # a box that never came up has none
    file.write_text(good.replace("[box]", "[boks]"))
    try:
        machine.run("systemctl", "restart", CORE, check=False)
        wait_for("the reason", lambda: "C-01" in asked(machine), 30)
        told = asked(machine)
        assert told.startswith("503")
        assert "У конфігурації є помилки" in told
        assert "The configuration has mistakes" in told
        assert "safe on this box" in told
        assert asked(machine, "/health").startswith('503 {"state": "failing"')
    finally:
        file.write_text(good)
    fresh(machine)
    wait_for("the box's own page", lambda: not asked(machine).startswith("503"), 20)


def test_a_box_that_starts_again_says_so_meanwhile(machine: Machine) -> None:
    machine.run("systemctl", "kill", "-s", "SIGKILL", "--kill-who=main", CORE)
    begun = monotonic()
    told = asked(machine)
    assert told.startswith("503"), told
    assert monotonic() - begun < 5
    assert "Пристрій запускається." in told
    wait_for("the box's own page", lambda: not asked(machine).startswith("503"), READY_S)
    picture(machine)
    (pid,) = machine.pids(FAILURE)
    said = machine.sh(f"grep -E '^VmRSS' /proc/{pid}/status; ls /proc/{pid}/root/var/lib/modality-agent")
    print(f"\nfailure page: {said.splitlines()[0]}; sees of the data {said.splitlines()[1:]}")
    assert said.splitlines()[1:] == ["failure"]
    assert int(said.split()[1]) < 40_000


def test_messages_of_a_journal_in_memory_are_copied(machine: Machine) -> None:
    example = "/usr/share/doc/modality-agent/examples/journald.conf.d/50-modality-agent.conf"
    machine.sh(f"mkdir -p /etc/systemd/journald.conf.d; cp {example} /etc/systemd/journald.conf.d/")
    machine.sh("rm -rf /var/log/journal; systemctl restart systemd-journald")
    fresh(machine)
    assert machine.show("modality-agent-journal.timer", "ActiveState") == "active"
    machine.run("systemctl", "start", "modality-agent-journal.service")
    kept = machine.root / "var/lib/modality-agent/journal/journal.0.log"
    once = kept.read_text()
    assert "boot scan" in once
    assert kept.stat().st_mode & 0o777 == 0o600
    machine.run("systemctl", "start", "modality-agent-journal.service")
    assert kept.read_text().count("boot scan") == once.count("boot scan"), "each message once"


def test_exactly_the_page_and_the_listener_listen(machine: Machine) -> None:
    told = machine.sh("cat /proc/net/tcp /proc/net/tcp6 | awk '$4 == \"0A\" { print $2 }'").splitlines()
    ports = {int(word.rpartition(":")[2], 16) for word in told}
    config = (machine.root / "etc/modality-agent/config.toml").read_text()
    sandbox = {int(line.split("=")[1]) for line in config.splitlines() if line.startswith("port =")}
    assert ports - sandbox <= {PAGE, 6566}, "6566: Debian's saned.socket, which is not ours"
    assert PAGE in ports


def test_what_each_process_takes(machine: Machine) -> None:
    exam(machine)
    for name, unit in UNITS.items():
        for pid in machine.pids(unit):
            said = machine.sh(f"grep -E '^(VmRSS|RssAnon)' /proc/{pid}/status; tr '\\0' ' ' < /proc/{pid}/cmdline")
            fields = said.split()
            print(f"{name:7} {' '.join(fields[6:])[-60:]:60} RSS {int(fields[1]) // 1024} MiB")
    assert {kind.place for kind in KINDS} == set(PLACES)
