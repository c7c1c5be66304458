"""Where the processor has no AES instructions ChaCha20 is offered alone first; who has none gets AES, for a day."""

from __future__ import annotations

import ssl
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agent.host import chacha_configuration
from agent.launcher import ExecLauncher
from agent.peers import Peers, echo
from tests import pki
from tests.integration.test_storage_scripted import address, batch, material, server
from tests.peers.scripted import Peer, Talk


def sent(peers: Peers, peer: Any, folder: Path) -> list[str]:
    codes: list[str] = []

    def on_progress(value: dict[str, Any], _fds: list[int]) -> None:
        codes.extend([value["outcome"]["code"]] * ("outcome" in value))

    request = {"peer": asdict(peer), "items": [asdict(item) for item in batch(folder, 2)]}
    peers.call("store", request, deadline_s=30, on_progress=on_progress)
    return codes


@pytest.mark.parametrize(
    ("version", "only_aes", "connections"), [("1.3", False, 1), ("1.2", False, 1), ("1.2", True, 2)]
)
def test_chacha_first_then_aes(tmp_path: Path, version: str, only_aes: bool, connections: int) -> None:
    made = pki.make(tmp_path / "pki")
    context = server(made, version=version)
    if only_aes:
        context.set_ciphers("ECDHE+AESGCM")
    ciphers: list[str] = []

    def note(talk: Talk) -> None:
        assert isinstance(talk.sock, ssl.SSLSocket)
        ciphers.append(str((talk.sock.cipher() or ("",))[0]))
        talk.accept(16384, {})

    none = tmp_path / "cpuinfo"
    none.write_text("Features : fp asimd evtstrm crc32\n")
    launcher = ExecLauncher()
    peers = Peers(launcher, chacha=chacha_configuration(none))
    try:
        with Peer({"associate": note}, context) as peer:
            there = address(peer.port, material(made), 5)
            assert sent(peers, there, tmp_path) == ["0x0000"] * 2
            assert peer.connections == connections
            assert echo(there, peers).sent
            assert peer.connections == connections + 1, "remembered: no second failure"
    finally:
        peers.close()
        launcher.close()
    assert len(ciphers) == 2
    assert all(("AES" if only_aes else "CHACHA20") in cipher for cipher in ciphers), ciphers


def test_a_processor_with_aes_needs_nothing_of_it(tmp_path: Path) -> None:
    with_aes = tmp_path / "cpuinfo"
    with_aes.write_text("flags : fpu aes sse\n")
    assert chacha_configuration(with_aes) is None
