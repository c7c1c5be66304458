"""No process of the box leaves its memory behind: a core would hold patients.

The kernel decides by two values: the limit on core files, which a program that gets dumps through a pipe never sees,
and whether the process may be dumped at all. The second is asked of the kernel itself: another process of the same
user reads the link to a program only where that may be dumped. Root may look at everything (CAP_SYS_PTRACE), so
everybody here gives that up first.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time

import pytest

from agent.child import AUDIT, BUILD, LISTENER, PEER, SOURCE
from agent.errors import AgentError
from tests.system.world import Box, Json, Sandbox, box_in, toml_for, wait_for

PLAIN = ("setpriv", "--bounding-set", "-sys_ptrace") if os.geteuid() == 0 else ()
"""In front of a command: a user who may look at his own programs and at no others."""
AGAIN = f"""
import os, sys
os.chdir(os.environ["CRASHES"])
if {PLAIN!r} and not os.environ.get("PLAIN"):
    os.environ["PLAIN"] = "1"
    os.execvp({PLAIN!r}[0], [*{PLAIN!r}, sys.executable, *sys.orig_argv[1:]])
"""
KINDS = {kind.module for kind in (SOURCE, BUILD, PEER, LISTENER, AUDIT)}
NO_FILE = "Max core file size        0                    0"
AUDITED = """
[audit]
host = "localhost"
port = {}
timeout_s = 5
[delivery]
first_retry_s = 0.4
longest_retry_s = 1.0
"""
ELF, CORE = b"\x7fELF", 4


@pytest.fixture(autouse=True)
def _unlimited() -> Iterator[None]:
    """What `ulimit -c unlimited` does in a shell, as far as this machine lets it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def may_be_dumped(pid: int) -> bool:
    """Return whether the kernel would dump that process; an ended one is none that it would."""
    return subprocess.run([*PLAIN, "readlink", f"/proc/{pid}/exe"], capture_output=True, check=False).returncode == 0


def cores(folders: Sequence[Path], since: float) -> list[Path]:
    """Return every core file in `folders` that is not older than `since`, whatever its name is."""
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    files += [p for p in Path("/tmp").glob("core*") if p.is_file()]
    return [p for p in files if p.stat().st_mtime >= since - 1 and _is_core(p)]


def _is_core(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(18)
    return head[:4] == ELF and int.from_bytes(head[16:18], sys.byteorder) == CORE


def test_a_program_that_says_nothing_is_dumped(tmp_path: Path) -> None:
    """The control: this test would see a core, a limit and a process that may be dumped."""
    since = time()
    line = [*PLAIN, sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
    with subprocess.Popen(line, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as plain:
        assert plain.stdout is not None
        assert plain.stdout.readline() == b"1\n"
        assert may_be_dumped(plain.pid)
        limit = NO_FILE in Path(f"/proc/{plain.pid}/limits").read_text()
        plain.send_signal(signal.SIGSEGV)
        assert plain.wait(timeout=20) == -signal.SIGSEGV
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("this machine allows no core file to anybody")
    assert not limit
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core":
        assert cores([tmp_path], since) != []


def struck(box: Box, seen: set[str]) -> set[str]:
    """Send SIGSEGV to one child of each kind that has said that it is not to be dumped; return the kinds so far."""
    for module, pid in box.children():
        if module not in seen and not may_be_dumped(pid):
            limits = Path(f"/proc/{pid}/limits")
            if limits.exists():
                assert NO_FILE in limits.read_text(), module
                os.kill(pid, signal.SIGSEGV)
                seen.add(module)
    return seen


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a repository that takes a call and never says a word: the child that sends to it lives a while."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def an_exam(box: Box) -> Json:
    """The exam that is open, or a new one."""
    still = next((e for e in box.get("/exams") if e["state"] == "open"), None)
    return still or box.post("/exams/emergency", {"source": "us1"})


def pressed(box: Box, exam: Json, press: str) -> list[str]:
    """Press once; nothing while the source that was struck just now comes back."""
    try:
        return [box.capture(f"{exam['exam_id']} {press}")["sop_instance_uid"]]
    except AgentError:
        return []


def sent_on(box: Box, exam: Json) -> None:
    box.post(f"/exams/{exam['exam_id']}/finish")
    box.post(f"/exams/{exam['exam_id']}/release")


@pytest.mark.timeout(180)
def test_no_process_leaves_its_memory_behind(sandbox: Sandbox, tmp_path: Path, silent: int) -> None:
    """SIGSEGV to every kind of child and to the core: no file anywhere, no dump to a program, and work goes on."""
    since = time()
    crashes = tmp_path / "crashes"
    crashes.mkdir()
    start = {"code": AGAIN, "CRASHES": str(crashes)}
    with box_in(tmp_path / "box", toml_for(sandbox) + AUDITED.format(silent), **start) as box:
        taken: list[str] = []
        seen: set[str] = set()

        def all_struck() -> bool:
            box.post("/audit/read", {"limit": 1})  # a row of the audit, so that its child has something to send
            if BUILD.module not in seen:
                exam = an_exam(box)
                if got := pressed(box, exam, "one"):
                    taken.extend(got)
                    sent_on(box, exam)
            return struck(box, seen) >= KINDS

        wait_for("every kind of child was struck", all_struck, 60)
        assert box.process is not None
        exam, core = an_exam(box), box.process
        taken += wait_for("the source is back", lambda: pressed(box, exam, "before"))
        assert not may_be_dumped(core.pid)
        assert NO_FILE in Path(f"/proc/{core.pid}/limits").read_text()
        core.send_signal(signal.SIGSEGV)
        assert core.wait(timeout=20) == -signal.SIGSEGV
        box.start(**start)
        box.post(f"/exams/{exam['exam_id']}/resume")
        taken.append(box.capture("after")["sop_instance_uid"])
        sent_on(box, exam)
        wait_for("all is sent", lambda: len(box.jobs()) == len(taken) >= 3 and box.all_sent(), 60)
        assert {one.sop_instance_uid for one in sandbox.received()} == set(taken)
        assert cores([tmp_path], since) == []
