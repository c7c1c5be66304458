"""Archives by other people: what they accept, how they commit, what they do when their disk is full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tests import pki
from tests.peers.dcmjs import TITLE, dcmjs
from tests.peers.dcmtk import storescp
from tests.peers.orthanc import orthanc
from tests.system.world import Box, box_in, wait_for

EXPLICIT, IMPLICIT, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"
FAST = "[delivery]\nfirst_retry_s = 0.5\nlongest_retry_s = 1.0\n"


def toml(p: pki.Pki, destinations: str, *, listener: int = 0, more: str = "", encoding: str = "lossless") -> str:
    heard = f'[listener]\naddress = "127.0.0.1"\nport = {listener}\n' if listener else ""
    return f"""
[box]
name = "Test box"
ae_title = "AGENT"
data_dir = "data"
clock = "host"
[tls]
ca_file = "{p.ca}"
certificate_file = "{p.agent_cert}"
key_file = "{p.agent_key}"
[web]
port = 0
[[source]]
name = "us1"
driver = "simulator"
picture = {{ encoding = "{encoding}" }}
object = {{ modality = "US", conversion_type = "DV" }}
[exam]
undo_window_s = 0
{heard}{more}{FAST}{destinations}"""


def destination(name: str, title: str, port: int, *lines: str) -> str:
    more = "\n".join(lines)
    return f'[[destination]]\nname = "{name}"\nhost = "localhost"\nport = {port}\ncalled_ae_title = "{title}"\n{more}\n'


def states(box: Box, kind: str = "store") -> list[Any]:
    return [job["state"] for job in box.queue(kind)]


@pytest.mark.peers
@pytest.mark.parametrize(
    ("flags", "encoding", "arrives"),
    [
        (("+xa",), "jpeg", JPEG),
        ((), "jpeg", EXPLICIT),
        (("+xi",), "jpeg", IMPLICIT),
        ((), "lossless", EXPLICIT),
        (("+xi",), "lossless", IMPLICIT),
    ],
)
def test_a_narrow_archive_gets_what_it_takes(tmp_path: Path, flags: Any, encoding: str, arrives: str) -> None:
    p = pki.make(tmp_path / "pki")
    with (
        storescp(tmp_path / "scp", p, *flags) as port,
        box_in(tmp_path / "box", toml(p, destination("narrow", "STORESCP", port), encoding=encoding)) as box,
    ):
        uids = box.emergency(2)
        wait_for("sent", lambda: states(box) == ["sent"] * 2)
        more = box.emergency(1)
        wait_for("sent", lambda: states(box) == ["sent"] * 3)
    received = [dcmread(f) for f in (tmp_path / "scp" / "received").iterdir()]
    assert sorted(ds.SOPInstanceUID for ds in received) == sorted(uids + more), "the same UIDs, whatever the syntax"
    assert {str(ds.file_meta.TransferSyntaxUID) for ds in received} == {arrives}
    assert {ds.LossyImageCompression for ds in received} == {"01" if encoding == "jpeg" else "00"}


@pytest.mark.peers
@pytest.mark.parametrize(
    ("flags", "prefer", "arrives"),
    [
        (("+xa",), "jpeg-ls", "1.2.840.10008.1.2.4.80"),
        (("+xa",), "jpeg-2000", "1.2.840.10008.1.2.4.90"),
        (("+xa",), "rle", "1.2.840.10008.1.2.5"),
        ((), "jpeg-ls", EXPLICIT),
        (("+xa",), "htj2k", EXPLICIT),
    ],
)
def test_an_archive_s_preference_is_followed_where_it_is_taken(
    tmp_path: Path, flags: Any, prefer: str, arrives: str
) -> None:
    """Debian's storescp knows no HTJ2K: what is preferred there is refused, and sent as it is stored."""
    p = pki.make(tmp_path / "pki")
    with (
        storescp(tmp_path / "scp", p, *flags) as port,
        box_in(tmp_path / "box", toml(p, destination("narrow", "STORESCP", port, f'prefer = "{prefer}"'))) as box,
    ):
        uids = box.emergency(2)
        wait_for("sent", lambda: states(box) == ["sent"] * 2, 60)
        more = box.emergency(1)
        wait_for("sent", lambda: states(box) == ["sent"] * 3, 60)
    received = [dcmread(f) for f in (tmp_path / "scp" / "received").iterdir()]
    assert sorted(ds.SOPInstanceUID for ds in received) == sorted(uids + more)
    assert {str(ds.file_meta.TransferSyntaxUID) for ds in received} == {arrives}
    assert {ds.LossyImageCompression for ds in received} == {"00"}


@pytest.mark.peers
def test_orthanc_takes_responsibility_over_a_new_association(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with orthanc(tmp_path / "orthanc", p, "AGENT") as pacs:
        told = toml(p, destination("orthanc", "ORTHANC", pacs.port, "commitment = true"), listener=pacs.box)
        with box_in(tmp_path / "box", told) as box:
            uids = box.emergency(3)
            wait_for("confirmed", lambda: states(box) == ["confirmed"] * 3, 30)
            wait_for("concluded", lambda: states(box, "commit") == ["confirmed"])
        assert {i["SOPInstanceUID"] for i in pacs.find(PatientID="*")} == set(uids)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB (needs root, as CI has)."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=777", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.peers
def test_an_orthanc_without_space_is_waited_for(tmp_path: Path, small_disk: Path) -> None:
    p = pki.make(tmp_path / "pki")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3 << 20))
    with orthanc(tmp_path / "orthanc", p, "AGENT", storage=small_disk) as pacs:
        told = toml(p, destination("orthanc", "ORTHANC", pacs.port))
        with box_in(tmp_path / "box", told) as box:
            uids = box.emergency(3)
            job = wait_for("refused", lambda: next((j for j in box.jobs() if j["code"].startswith("0xA7")), None), 30)
            assert job["state"] in ("waiting", "sending")
            filler.unlink()
            wait_for("sent", lambda: states(box) == ["sent"] * 3, 40)
        assert {i["SOPInstanceUID"] for i in pacs.find(PatientID="*")} == set(uids)


@pytest.mark.peers
@pytest.mark.timeout(240)
def test_another_language_is_told_steps_and_commits_without_a_role(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with dcmjs(tmp_path / "dcmjs", p, "AGENT") as peer:
        ris = f'[procedure_step]\nhost = "localhost"\nport = {peer.port}\ncalled_ae_title = "{TITLE}"\n'
        told = toml(
            p, destination("dcmjs", TITLE, peer.port, "commitment = true"), listener=peer.box_port, more=ris
        )
        with box_in(tmp_path / "box", told) as box:
            patient = {"patient_name": "Ґалаґан^Їванна", "patient_id": "UA-1"}
            exam = box.post("/exams/unscheduled", {"source": "us1", "patient": patient})
            for number in range(2):
                box.capture(f"press-{number}")
            box.post(f"/exams/{exam['exam_id']}/finish")
            wait_for("confirmed", lambda: states(box) == ["confirmed"] * 2, 30)
            wait_for("told of the end", lambda: peer.told("set"), 30)
        ((begun,), (ended,)) = peer.told("create"), peer.told("set")
        assert "Ґалаґан" in str(begun["name"])
        assert (begun["status"], ended["status"], ended["images"]) == ("IN PROGRESS", "COMPLETED", [2])
        # One request for both, or one each where the second was sent after the first was asked for.
        assert [row["answer"] for row in peer.told("reported")] in ([0], [0, 0])
