"""A network of the test's own: a namespace with nothing but loopback, and faults by nftables and tc in it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.process import program

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """Loopback of the namespace, to be spoiled."""

    def drop(self, rule: str) -> None:
        """Add a rule such as `tcp dport 104 drop` to what comes in."""
        self._nft("add table inet faults")
        self._nft("add chain inet faults in { type filter hook input priority 0; }")
        self._nft(f"add rule inet faults in {rule}")

    def limit(self, rate: str) -> None:
        """Let no more than `rate` (tc's words) through."""
        line = ["qdisc", "add", "dev", "lo", "root", "tbf", "rate", rate, "burst", "256kb", "latency", "2s"]
        subprocess.run([program("tc"), *line], check=True, timeout=10)

    def heal(self) -> None:
        """Take every rule away."""
        self._nft("flush ruleset")

    @staticmethod
    def _nft(command: str) -> None:
        subprocess.run([program("nft"), command], check=True, timeout=10)


@contextmanager
def private_network() -> Iterator[Network]:
    """Move this thread, and every thread and process it starts, into a new network namespace (needs root)."""
    own = os.open(Path("/proc/thread-self/ns/net"), os.O_RDONLY)
    assert _libc.unshare(_CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        subprocess.run([program("ip"), "link", "set", "lo", "up"], check=True, timeout=10)
        yield Network()
    finally:
        assert _libc.setns(own, _CLONE_NEWNET) == 0
        os.close(own)
