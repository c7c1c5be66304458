"""What a running box listens on is what `modality-agent ports` lists, and nothing else (security.md H11)."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.peers.process import free_port
from tests.system.test_health import command
from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

_LISTEN = "0A"


def listening(box: Box) -> set[int]:
    """The TCP ports of the core and its children that accept, from the kernel's own tables."""
    assert box.process is not None
    pids = [box.process.pid, *(pid for _, pid in box.children())]
    inodes = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes |= set(re.findall(r"socket:\[(\d+)\]", str(fd.readlink())))
            except OSError:
                continue  # closed meanwhile
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table]
    return {int(words[1].rpartition(":")[2], 16) for words in lines if words[3] == _LISTEN and words[9] in inodes}


def test_the_box_listens_on_what_is_listed(sandbox: Sandbox, tmp_path: Path) -> None:
    page, pointer = free_port(), free_port()
    toml = toml_for(sandbox).replace("[web]\nport = 0", f"[web]\nport = {page}\nredirect_port = {pointer}")
    with box_in(tmp_path / "box", toml) as box:
        told = json.loads(command(box, "ports", "--json").stdout)
        inbound = {row["port"] for row in told if row["direction"] == "in"}
        assert {page, pointer} < inbound
        wait_for("every listed port and no other", lambda: listening(box) == inbound)
        outbound = {(row["peer"], row["port"]) for row in told if row["direction"] == "out"}
        ris, pacs = sandbox.description["ris"], sandbox.description["pacs"]
        assert {(ris["host"], ris["port"]), (pacs["host"], pacs["port"])} < outbound
