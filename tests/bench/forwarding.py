"""F1 to F5: objects a second, bytes a second, CPU and memory of the sender, beside DCMTK's, round by round."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests import pki
from tests.bench.objects import Batch, jpegs, native
from tests.bench.receivers import MEMORY, TITLE, Orthanc, orthanc, storescp
from tests.bench.report import Row, limit, row
from tests.bench.senders import Ours, Run, address, dcmsend, storescu

Pair = tuple[list[Run], list[Run]]
LARGE_MB = 500


def rounds(count: int, ours: Callable[[], Run], peer: Callable[[], Run]) -> Pair:
    """Run both sides `count` times in turn, now one first and now the other."""
    pair: Pair = ([], [])
    for number in range(count):
        for side in (0, 1) if number % 2 else (1, 0):
            pair[side].append((ours, peer)[side]())
    return pair


def rates(runs: list[Run], amount: float, *, whole: bool = True) -> list[float]:
    return [amount / (run.whole if whole else run.inside) for run in runs]


def f1(folder: Path, count: int) -> Iterator[Row]:
    """300 objects of 100 KB to default Orthanc; the sender's own time and with its start."""
    batch = jpegs(folder, 300, 0)
    for base, name in ((MEMORY, ""), (folder, "-disk")):
        with orthanc(base) as archive:
            mine, theirs = _to_orthanc(archive, batch, count)
        work = f"300 x 100 KB to default Orthanc{', on disk' if name else ''}, objects/s, dcmsend"
        peer = rates(theirs, 300)
        goals = (">= 0", ">= 0") if name else (">= 20", ">= 12")  # on disk: Orthanc's disk is measured, so only told
        yield row(f"F1{name}", f"{work}, in-process", rates(mine, 300, whole=False), peer, goals[0])
        yield row(f"F1{name}-whole", f"{work}, whole process", rates(mine, 300), peer, goals[1])


def _to_orthanc(archive: Orthanc, batch: Batch, count: int) -> Pair:
    sender, spare = Ours(), Ours(warm=True)

    def ours() -> Run:
        return both(sender, spare, archive, batch)

    def peer() -> Run:
        archive.empty()
        return dcmsend(archive.port, TITLE, batch.paths)

    try:
        return rounds(count, ours, peer)
    finally:
        sender.close()
        spare.close()


def both(sender: Ours, spare: Ours, archive: Orthanc | int, batch: Batch) -> Run:
    """Send once with a new child, whose whole time counts, and once with a warm spare, whose inner time counts."""
    port = archive if isinstance(archive, int) else archive.port
    runs = []
    for one in (sender, spare):
        if isinstance(archive, Orthanc):
            archive.empty()
        runs.append(one.send(address(port, TITLE), batch))
    return replace(runs[0], inside=runs[1].inside)


def f2(folder: Path, count: int) -> Iterator[Row]:
    """100 JPEG objects of 100 KB to storescp as it comes."""
    batch, sender, spare = jpegs(folder, 100, 1000), Ours(), Ours(warm=True)
    for base, name in ((MEMORY, ""), (folder, "-disk")):
        with tempfile.TemporaryDirectory(dir=base) as received, storescp(Path(received), "+xa") as port:
            mine, theirs = rounds(
                count,
                lambda port=port: both(sender, spare, port, batch),  # type: ignore[misc]
                lambda port=port: dcmsend(port, TITLE, batch.paths),  # type: ignore[misc]
            )
        work = f"100 x 100 KB JPEG to storescp +xa{', on disk' if name else ''}, objects/s, dcmsend"
        peer = rates(theirs, 100)
        yield row(f"F2{name}", f"{work}, in-process", rates(mine, 100, whole=False), peer, ">= 40")
        yield row(f"F2{name}-whole", f"{work}, whole process", rates(mine, 100), peer, ">= 1")
    sender.close()
    spare.close()


def f3(folder: Path, count: int) -> Iterator[Row]:
    """One object of 500 MB, plain, to a peer that does not stall; with the hash and without."""
    batch = native(folder, LARGE_MB, 2000)
    for pdu in (16384, 131072):
        with storescp(folder / "f3", "--ignore", "-pdu", str(pdu), nodelay=True) as port:
            for module, name in (("agent.dimse", ""), ("tests.bench.unhashed", "-unhashed")):
                sender = Ours(module)
                mine, theirs = rounds(
                    max(count, 9),
                    lambda sender=sender, port=port: sender.send(address(port, TITLE), batch),  # type: ignore[misc]
                    lambda port=port: dcmsend(port, TITLE, batch.paths, nodelay=True),  # type: ignore[misc]
                )
                sender.close()
                where = f"one object of {LARGE_MB} MB, plain, PDU {pdu // 1024} K"
                name = f"F3-{pdu // 1024}K{name}"  # noqa: PLW2901
                speed = rates(mine, LARGE_MB), rates(theirs, LARGE_MB)
                yield row(name, f"{where}, MB/s, dcmsend, whole process", *speed, ">= 1.0")
                cpu = [run.cpu for run in mine], [run.cpu for run in theirs]
                yield row(f"{name}-cpu", f"{where}, CPU s, dcmsend", *cpu, "<= 0.5")


def f4(folder: Path, count: int) -> Iterator[Row]:
    """TLS 1.3: objects of 1, 50 and 500 MB against storescu; an association without QUICKACK."""
    keys, sender, slow = pki.make(folder / "pki"), Ours(warm=True), Ours("tests.bench.delayed", warm=True)
    with storescp(folder / "f4", "--ignore", tls=keys, nodelay=True) as port:
        for megabytes, objects in ((1, 40), (50, 4), (LARGE_MB, 1)):
            batch = native(folder, megabytes, 3000 + megabytes, objects)
            mine, theirs = rounds(
                count,
                lambda batch=batch: sender.send(address(port, TITLE, keys), batch),  # type: ignore[misc]
                lambda batch=batch: storescu(port, TITLE, batch.paths, keys),  # type: ignore[misc]
            )
            amount = megabytes * objects
            work = f"{objects} x {megabytes} MB over TLS 1.3, MB/s, storescu, whole process"
            yield row(f"F4-{megabytes}MB", work, rates(mine, amount), rates(theirs, amount), ">= 1.0")
            if megabytes == LARGE_MB:
                yield limit("F5", "peak memory of the sender, 500 MB over TLS, MB", [r.memory for r in mine], 25)
    with storescp(folder / "f4", tls=keys) as port:
        peer = address(port, TITLE, keys)
        mine, theirs = rounds(max(count, 9), lambda: sender.associate(peer), lambda: slow.associate(peer))
    sender.close()
    slow.close()
    work = "association over mutual TLS to a default peer, s, the same code without QUICKACK"
    yield row("F4-associate", work, [r.inside for r in mine], [r.inside for r in theirs], "<= 0.25")
