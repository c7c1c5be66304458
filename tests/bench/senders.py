"""The sender as delivery starts it, and DCMTK's, each timed as a whole process and, where it can be, inside."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from agent.child import PEER, Child
from agent.launcher import ExecLauncher
from agent.model import PeerAddress, TlsMaterial
from tests.bench.objects import Batch
from tests.peers.process import program
from tests.pki import Pki
from tests.system.world import PAUSE

WARM_S = 1.5
"""A spare that waited so long has imported what it needs, as delivery's always has."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: seconds inside the process, seconds with its start and end, CPU seconds, peak memory in MB."""

    inside: float
    whole: float
    cpu: float
    memory: float = 0.0


def address(port: int, title: str, tls: Pki | None = None) -> PeerAddress:
    material = None
    if tls is not None:
        material = TlsMaterial(
            ca_file=str(tls.ca), certificate_file=str(tls.agent_cert), key_file=str(tls.agent_key)
        )
    return PeerAddress(
        name="bench", host="127.0.0.1", port=port, called_ae_title=title, calling_ae_title="AGENT", tls=material
    )


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Ours:
    """Sends a batch in a peer child; `module` replaces the child's program, for what the product has no switch for."""

    def __init__(self, module: str = PEER.module, *, warm: bool = False) -> None:
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])  # the changed programs are below tests/
        self._launcher = ExecLauncher()
        self._kind = replace(PEER, module=module)
        self._warm_s = WARM_S if warm else 0.0

    def close(self) -> None:
        self._launcher.close()

    def send(self, peer: PeerAddress, batch: Batch) -> Run:
        outcomes: dict[int, str] = {}

        def on_progress(value: dict[str, Any], _fds: list[int]) -> None:
            if "outcome" in value:
                outcomes[value["job"]] = value["outcome"]["action"]

        request = {"peer": asdict(peer), "items": [asdict(item) for item in batch.items]}
        run = self._ask("store", request, on_progress)
        assert set(outcomes.values()) == {"sent"}, outcomes
        assert len(outcomes) == len(batch.items)
        return run

    def associate(self, peer: PeerAddress) -> Run:
        """Open an association, verify, release."""
        return self._ask("echo", {"peer": asdict(peer)}, lambda _value, _fds: None)

    def _ask(self, do: str, request: dict[str, Any], on_progress: Any) -> Run:
        cpu, began = children_cpu(), monotonic()
        child = Child(self._kind, self._launcher)
        try:
            child.wait_ready()
            PAUSE.wait(self._warm_s)
            asked = monotonic()
            child.request(do, request, deadline_s=300, on_progress=on_progress)
            inside = monotonic() - asked
            memory = peak_mb(child.pid)
        finally:
            child.stop()
        whole = monotonic() - began - self._warm_s
        return Run(inside=inside, whole=whole, cpu=children_cpu() - cpu, memory=memory)


def peak_mb(pid: int) -> float:
    """Return the kernel's VmHWM of a process; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def dcmsend(port: int, title: str, paths: Sequence[str], *, nodelay: bool = False) -> Run:
    """Send with DCMTK's forwarder, which has no TLS; `nodelay` switches its Nagle algorithm off."""
    line = [program("dcmsend"), "-q", "-dn", "-aet", "AGENT", "-aec", title, "127.0.0.1", str(port), *paths]
    return _run(line, nodelay=nodelay)


def storescu(port: int, title: str, paths: Sequence[str], tls: Pki | None) -> Run:
    """Send with DCMTK's storescu, over mutual TLS with `tls`."""
    secure = ["+tls", str(tls.agent_key), str(tls.agent_cert), "+cf", str(tls.ca)] if tls else []
    line = [program("storescu"), "-q", "-R", "-aet", "AGENT", "-aec", title, *secure, "127.0.0.1", str(port)]
    return _run([*line, *paths], nodelay=True)


def _run(line: list[str], *, nodelay: bool) -> Run:
    environment = os.environ | ({"TCP_NODELAY": "1"} if nodelay else {})
    cpu, began = children_cpu(), monotonic()
    done = subprocess.run(line, capture_output=True, check=False, timeout=600, env=environment)
    whole = monotonic() - began
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-500:]
    return Run(inside=whole, whole=whole, cpu=children_cpu() - cpu)
