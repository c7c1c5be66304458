"""SIGKILL proves no fsync, so one capture is traced: write, fsync, rename, folder fsync, WAL fsync, then the tick.

A test of the test: with each call taken away in the running service, the same check fails and names it.
"""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.system.world import Box, Sandbox, box_in, toml_for, wait_for

CALLS = "write,pwrite64,pwritev,sendfile,fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg"
STEPS = (
    ("frame written", re.compile(r"(sendfile|write|pwrite64)\(\d+<[^>]*/incoming/[^>]*\.part>")),
    ("frame fsynced", re.compile(r"fsync\(\d+<[^>]*/incoming/[^>]*\.part>")),
    ("renamed", re.compile(r"rename\w*\(.*incoming/[^\"]*\.part.*frames/[^\"]*\.frm")),
    ("folder fsynced", re.compile(r"fsync\(\d+<[^>]*/spool/frames>")),
    ("row written", re.compile(r"pwrite64\(\d+<[^>]*agent\.sqlite3-wal>")),
    ("WAL fsynced", re.compile(r"f(data)?sync\(\d+<[^>]*agent\.sqlite3-wal>")),
    ("tick", re.compile(r"send(to|msg)\(\d+<[^>]*>, .*HTTP/1\.1 200")),
)
TAKEN_AWAY = {
    "frame fsynced": "import agent.spool as s; s.fsync_file = lambda fd: None",
    "folder fsynced": "import agent.spool as s; s.fsync_folder = lambda folder: None",
    "renamed": "import agent.spool as s, shutil; s.rename = lambda a, b: (shutil.copyfile(a, b), a.unlink())",
    "WAL fsynced": (
        "import agent.store.database as d\n"
        "d._assert_durable = lambda c: (c.execute('PRAGMA journal_mode = WAL'), c.execute('PRAGMA synchronous = OFF'))"
    ),
}


def missing(lines: list[str]) -> list[str]:
    """Return the steps that do not follow each other in this order in a trace, first the first one missing."""
    at = 0
    absent = []
    for name, pattern in STEPS:
        found = next((i for i in range(at, len(lines)) if pattern.search(lines[i])), None)
        if found is None:
            absent.append(name)
        else:
            at = found + 1
    return absent


def _whole(text: str) -> list[str]:
    """Join calls that strace split into `unfinished` and `resumed`: they count when they return."""
    open_calls: dict[str, str] = {}
    lines = []
    for line in text.splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            open_calls[thread] = rest.removesuffix("<unfinished ...>")
        elif rest.startswith("<...") and thread in open_calls:
            lines.append(open_calls.pop(thread) + rest)
        else:
            lines.append(rest)
    return lines


def traced_capture(box: Box, trace: Path) -> list[str]:
    assert box.process is not None
    box.open_exam("Ґалаґан")
    box.capture("before the trace")
    strace = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "300", "-e", f"trace={CALLS}", "-o", str(trace), "-p", str(box.process.pid)],
        stderr=subprocess.PIPE,
    )
    try:
        assert strace.stderr is not None
        assert b"attached" in strace.stderr.readline()
        box.capture("traced")
        wait_for("the trace holds the tick", lambda: "HTTP/1.1 200" in trace.read_text(errors="replace"), 10)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=10)
    return _whole(trace.read_text(errors="replace"))


def test_the_tick_comes_after_the_last_fsync(sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox)) as box:
        lines = traced_capture(box, tmp_path / "trace")
    assert missing(lines) == [], "\n".join(lines[-60:])


@pytest.mark.parametrize("step", TAKEN_AWAY)
def test_the_check_fails_without(step: str, sandbox: Sandbox, tmp_path: Path) -> None:
    with box_in(tmp_path / "box", toml_for(sandbox), code=TAKEN_AWAY[step]) as box:
        lines = traced_capture(box, tmp_path / "trace")
    assert step in missing(lines)
