"""The box is closed: ports, accounts, consoles, writes, core dumps, names in logs; and its figures."""

from __future__ import annotations

import json
import mmap
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.appliance.guest import Guest, fat_stick, from_stick
from tests.appliance.site import BOX
from tests.appliance.story import NAME, PATIENT, Story, slowly

PORTS = {"0.0.0.0:443"}
"""What listens for TCP in a box without a commitment listener; docs/appliance.md has the same list."""
MOST = {"modality-agent": 1.5, "modality-agent-source": 1.0, "modality-agent-peer": 1.5, "modality-agent-build": 1.0}
"""Unit → the highest exposure that `systemd-analyze security` may tell of it."""
OTHERS = 2.5
"""The same for every other unit of ours that keeps running."""
_ERASE = f'[erase]\nbox = "{BOX}"\nwho = "A. Engineer"\nlose_unsent = true\n'
_UNDER_WAY = "/etc/modality-agent/config.toml.clearing"
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
    listens = listening(story.guest)
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


def listening(guest: Guest) -> set[str]:
    """Return the addresses and ports at which a box listens for TCP."""
    return {line.split()[3] for line in guest.sh("ss -Hltn").splitlines()}


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


def unreadable(story: Story) -> str:
    """Who takes the disk out reads no patient; who erases the box by a stick leaves nothing that any key opens."""
    story.guest.sh("sync")
    _no_names_on(story.guest.disk)
    before = story.guest.sh("cat /data/machine-id").strip()
    stick = fat_stick(story.folder, "erase.img", {"modality-agent-erase.toml": _ERASE.encode()})
    story.guest.plug_stick(stick, "erase")
    slowly("the box is another one", lambda: _another(story, before))
    certificate = json.loads(from_stick(stick, "modality-agent-erased.json"))
    assert certificate["finished_at"], certificate
    size = story.guest.disk.stat().st_size >> 20
    story.guest.unplug_stick("erase")
    return f"no name on {size} MiB of disk; erased by a stick: {certificate['files']} files"


def cut_short(story: Story) -> str:
    """The power goes while the box is being erased: it ends it by itself, and the stick gets its certificate later."""
    guest = story.guest
    before = guest.sh("cat /data/machine-id").strip()
    stick = fat_stick(story.folder, "cut.img", {"modality-agent-erase.toml": _ERASE.encode()})
    guest.plug_stick(stick, "cut")
    slowly("the erase is under way", lambda: guest.ask(sh=f"test -e {_UNDER_WAY}")["rc"] == 0)
    guest.cut()
    assert b"erase" in from_stick(stick, "modality-agent-erase.toml"), "the erase was over before the power went"
    guest.boot()
    slowly("the box is another one", lambda: _another(story, before))
    guest.plug_stick(stick, "cut")
    slowly("the certificate", lambda: _finished_on(stick))
    guest.unplug_stick("cut")
    return "ended without the stick; the stick was given its certificate afterwards"


def _another(story: Story, before: str) -> bool:
    """Return whether a box is there that is not enrolled and has another name; starts in between answer nothing."""
    told = {"out": before}
    with suppress(TimeoutError, ConnectionError):
        told = story.guest.ask(60, sh="test ! -e /etc/modality-agent/config.toml && cat /data/machine-id")
    return told["out"].strip() not in ("", before)


def _finished_on(stick: Path) -> bool:
    with suppress(subprocess.CalledProcessError, ValueError):
        return bool(json.loads(from_stick(stick, "modality-agent-erased.json"))["finished_at"])
    return False


def _no_names_on(disk: Path) -> None:
    with disk.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as seen:
        for word in (*NAME.split("^"), PATIENT):
            assert seen.find(word.encode()) < 0, "a name on the disk itself"


def figures(story: Story) -> str:
    """Print times, memory and exposure; the exposure has limits."""
    print(story.guest.sh(_MEMORY), flush=True)
    print(story.guest.sh("systemd-analyze time").strip(), flush=True)
    told = story.guest.sh("systemd-analyze security --no-pager", 600)
    exposure = {row.split()[0].removesuffix(".service"): float(row.split()[1]) for row in _rows(told)}
    mine = {name: exposure[name] for name in exposure if name.startswith("modality-agent")}
    assert mine.keys() >= MOST.keys()
    for name, found in mine.items():
        assert found <= MOST.get(name, OTHERS), f"{name}: {found}"
    return "exposure " + ", ".join(f"{name} {value}" for name, value in sorted(mine.items()))


def _rows(told: str) -> list[str]:
    return [row for row in told.splitlines() if re.match(r"\S+\.service\s+\d", row)]
