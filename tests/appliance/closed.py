"""The box is closed: ports, accounts, consoles, writes, core dumps, names in logs; and its figures."""

from __future__ import annotations

import re

from tests.appliance.story import NAME, PATIENT, Story

PORTS = {"127.0.0.1:8443"}
"""What listens for TCP in a box without a commitment listener; docs/appliance.md has the same list."""
MOST = {"modality-agent": 1.5, "modality-agent-source": 1.0, "modality-agent-peer": 1.5, "modality-agent-build": 1.0}
"""Unit → the highest exposure that `systemd-analyze security` may tell of it."""
_COMMANDS = "for p in /proc/[0-9]*; do cat $p/comm; done 2>/dev/null"
_LOGS = "/var/lib/modality-agent/journal /var/log /run/log"
_WHERE = f"{_LOGS} /var/lib/systemd /run/systemd /tmp /var/tmp /run/modality-agent-image"
_MEMORY = """for p in /proc/[0-9]*; do
  rss=$(awk '/^VmRSS/{print $2}' $p/status 2>/dev/null); [ -n "$rss" ] || continue
  echo "$((rss/1024)) MiB $(tr '\\0' ' ' < $p/cmdline | cut -c1-70)"
done | sort -rn | head -16"""


def closed(story: Story) -> str:
    """Everything that is closed, each with the fact that shows it."""
    sh, ask = story.guest.sh, story.guest.ask
    listens = {line.split()[3] for line in sh("ss -Hltn").splitlines()}
    assert listens == PORTS, f"listening: {sorted(listens)}"
    rules = sh("nft list ruleset")
    assert "policy drop" in rules
    assert "tcp dport @doors accept" in rules
    passwords = {row.split(":")[1] for row in sh("cat /etc/shadow").splitlines()}
    assert passwords == {"!*"}, "an account has a password"
    running = sh(_COMMANDS).split()
    assert "systemd" in running
    assert not [name for name in running if "getty" in name or name in ("login", "sshd")], "a door for people"
    assert ask(sh="touch /usr/x")["rc"] != 0, "the system can be written to"
    _no_core_dumps(story)
    assert not sh("cat /proc/swaps").splitlines()[1:], "there is swap"
    _no_names(story)
    watched = sh("systemctl show -p RuntimeWatchdogUSec --value").strip()
    assert watched not in ("", "0"), "no hardware watchdog"
    ports = ", ".join(sorted(listens))
    return f"TCP {ports} and nothing else; no account, console, core dump, swap, name in a log; watchdog {watched}"


def _no_core_dumps(story: Story) -> None:
    sh = story.guest.sh
    assert sh("cat /proc/sys/kernel/core_pattern").strip() == "|/bin/false"
    limits = "for p in /proc/[0-9]*; do grep -aq modality $p/cmdline && grep 'core file' $p/limits; done; true"
    told = sh(limits).splitlines()
    assert told
    assert all(re.split(r"\s{2,}", line)[1] == "0" for line in told), told


def _no_names(story: Story) -> None:
    """The patient's name and number are in no log, neither in the journal nor in a file of the system."""
    assert story.guest.sh("journalctl -o export --no-pager | grep -c -a modality-agent").strip() != "0"
    for word in (*NAME.split("^"), PATIENT):
        found = story.guest.sh(f"journalctl -o export --no-pager | grep -c -a -- '{word}'; true").strip()
        assert found == "0", f"a name in {found} rows of the journal"
        files = story.guest.sh(f"grep -rla -- '{word}' {_WHERE} 2>/dev/null; true", 300).split()
        assert not files, f"a name in {files}"


def figures(story: Story) -> str:
    """Print times, memory and exposure; the exposure has limits."""
    print(story.guest.sh(_MEMORY), flush=True)
    print(story.guest.sh("systemd-analyze time").strip(), flush=True)
    told = story.guest.sh("systemd-analyze security --no-pager", 600)
    exposure = {row.split()[0].removesuffix(".service"): float(row.split()[1]) for row in _rows(told)}
    mine = {name: exposure[name] for name in exposure if name.startswith("modality-agent")}
    for name, limit in MOST.items():
        assert mine[name] <= limit, f"{name}: {mine[name]}"
    return "exposure " + ", ".join(f"{name} {value}" for name, value in sorted(mine.items()))


def _rows(told: str) -> list[str]:
    return [row for row in told.splitlines() if re.match(r"\S+\.service\s+\d", row)]
