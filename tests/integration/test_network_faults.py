"""A bad network between box and archive: everything arrives once and whole, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pydicom import dcmread

from tests import pki
from tests.integration.test_archives import destination, toml
from tests.peers.dcmtk import storescp
from tests.peers.network import Network, private_network
from tests.system.world import Box, box_in, wait_for

QUICK = tuple(
    f"{what}_timeout_s = {limit}"
    for what, limit in {"connect": 1.0, "association": 2.0, "progress": 1.5, "response": 2.0}.items()
)
PATIENT = ("-ts", "3", "-ta", "3", "-td", "3")
"""storescp serves one association at a time and would wait for ever for one that was cut."""
PICTURES = 3
ABOUT = 720 * 576 * 3


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Network, Box, int, Path]]:
    p = pki.make(tmp_path / "pki")
    with private_network() as network, storescp(tmp_path / "scp", p, *PATIENT) as port:
        told = toml(p, destination("far", "STORESCP", port, *QUICK))
        with box_in(tmp_path / "box", told) as box:
            yield network, box, port, tmp_path / "scp" / "received"


def deliver(box: Box, received: Path, limit_s: float, after: Any = lambda: None) -> float:
    began = monotonic()
    uids = box.emergency(PICTURES)
    after()
    wait_for("sent", lambda: len(box.jobs()) == PICTURES and box.all_sent(), limit_s)
    kept = [str(dcmread(f).SOPInstanceUID) for f in received.iterdir()]
    assert sorted(kept) == sorted(uids), "each once (a file is named by its UID), and whole"
    return monotonic() - began


WHILE_IT_LASTS = {
    "5 % lost": "tcp dport {} numgen random mod 100 lt 5 drop",
    "20 % lost": "tcp dport {} numgen random mod 100 lt 20 drop",
}


@pytest.mark.peers
@pytest.mark.parametrize("rule", WHILE_IT_LASTS.values(), ids=WHILE_IT_LASTS)
def test_lost_packets_cost_time_only(world: tuple[Network, Box, int, Path], rule: str) -> None:
    network, box, port, received = world
    network.drop(rule.format(port))
    deliver(box, received, 60)


@pytest.mark.peers
def test_a_thin_line_is_no_silence(world: tuple[Network, Box, int, Path]) -> None:
    network, box, _, received = world
    network.limit("8mbit")
    assert deliver(box, received, 60) > PICTURES * ABOUT * 8 / 8e6 * 0.8


UNTIL_IT_IS_HEALED = {
    "no way in": "tcp dport {} tcp flags syn drop",
    "refused with a reset": "tcp dport {} reject with tcp reset",
    "a black hole after 200 kB": "tcp dport {} quota over 200 kbytes drop",
    "a reset after 200 kB": "tcp dport {} quota over 200 kbytes reject with tcp reset",
    "answers never come": "tcp sport {} drop",
}


@pytest.mark.peers
@pytest.mark.parametrize("rule", UNTIL_IT_IS_HEALED.values(), ids=UNTIL_IT_IS_HEALED)
def test_a_broken_line_is_noticed_and_survived(world: tuple[Network, Box, int, Path], rule: str) -> None:
    network, box, port, received = world
    network.drop(rule.format(port))

    def noticed() -> None:
        wait_for("noticed", lambda: box.get("/status")["destinations"][0]["state"] == "down", 15)
        assert not box.all_sent()
        network.heal()

    deliver(box, received, 40, noticed)
