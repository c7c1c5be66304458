"""The whole way with real peers: wlmscpfs behind stunnel, Orthanc on 2762 and storescp, all over mutual TLS."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from agent import errors
from tests import pki
from tests.peers.dcmtk import storescp, worklist
from tests.peers.orthanc import orthanc
from tests.system.world import box_in, wait_for

NAMES = {
    "P-1": "Ґалаґан^Їванна",
    "P-2": "О’Коннор-Їжакевич^Мар’яна",
    "P-3": "Shevchenko^Taras=Шевченко^Тарас",
}


def _item(patient_id: str, name: str, **more: str) -> dict[str, str]:
    number = patient_id.removeprefix("P-")
    return {
        "name": name,
        "patient_id": patient_id,
        "accession": f"ACC-{number}",
        "study": f"1.2.826.0.1.3680043.9.7777.{number}",
        "station": "AGENT",
        "date": f"{datetime.now(UTC).astimezone():%Y%m%d}",
        **more,
    }


def _toml(p: pki.Pki, worklist_port: int, destinations: dict[str, tuple[str, int]]) -> str:
    rows = "".join(
        f'[[destination]]\nname = "{name}"\nhost = "localhost"\nport = {port}\ncalled_ae_title = "{title}"\n'
        for name, (title, port) in destinations.items()
    )
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
object = {{ modality = "US", conversion_type = "DV" }}
[worklist]
host = "localhost"
port = {worklist_port}
called_ae_title = "WLSCP"
[exam]
undo_window_s = 0
confirmation = "click"
{rows}"""


@pytest.mark.peers
@pytest.mark.timeout(150)
def test_ukrainian_names_survive_worklist_object_pacs_query(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    items = [_item(patient_id, name) for patient_id, name in NAMES.items()]
    with (
        worklist(tmp_path / "ris", p, items) as wl,
        orthanc(tmp_path / "orthanc", p, "AGENT") as pacs,
        storescp(tmp_path / "scp", p) as scp,
    ):
        toml = _toml(p, wl, {"orthanc": ("ORTHANC", pacs.port), "storescp": ("STORESCP", scp)})
        with box_in(tmp_path / "box", toml) as box:
            for name in NAMES.values():
                exam = box.open_exam(name)
                box.capture(f"press {name}")
                box.post(f"/exams/{exam['exam_id']}/finish")
            wait_for("everything is sent", lambda: len(box.jobs()) == 2 * len(NAMES) and box.all_sent(), 100)
        for patient_id, name in NAMES.items():
            (found,) = pacs.find(PatientName=name)
            assert (found["PatientID"], found["AccessionNumber"]) == (patient_id, f"ACC-{patient_id[2:]}")
            assert found["PatientName"] == name
            file = tmp_path / f"{patient_id}.dcm"
            file.write_bytes(pacs.raw(f"/instances/{found['ID']}/file"))
            line = [Path(sys.executable).parent / "dciodvfy", "-new", file]
            checked = subprocess.run(line, capture_output=True, check=False, timeout=60)
            assert b"Error" not in checked.stdout + checked.stderr, checked.stderr.decode()
            ds = dcmread(file)
            assert ds.RequestAttributesSequence[0].ScheduledProcedureStepID == f"SPS-{patient_id}"
        kept = {str(dcmread(f).SOPInstanceUID) for f in (tmp_path / "scp" / "received").iterdir()}
        assert kept == {i["SOPInstanceUID"] for i in pacs.find(PatientID="*")}


@pytest.mark.peers
@pytest.mark.timeout(100)
def test_bad_entries_are_told_and_never_used_silently(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    items = [
        _item("P-1", "Ґалаґан^Їванна"),
        _item("", "Без^Номера"),
        _item("P-3", "Довгий^Номер", accession="ACC-0123456789-012345"),
        _item("P-4", "Пошкоджена^?азва"),
        _item("P-5", "^^"),
    ]
    with worklist(tmp_path / "ris", p, items) as wl, box_in(tmp_path / "box", _toml(p, wl, {})) as box:
        view = box.post("/worklist/refresh")
        assert view["received"] == len(items)
        rows = {row["patient"]["name"]: row for row in view["entries"]}
        assert rows["Ґалаґан^Їванна"]["blocked"] == []
        assert "no patient id" in rows["Без^Номера"]["blocked"]
        assert rows["Довгий^Номер"]["accession_number"] == ""
        assert "accession number unusable" in rows["Довгий^Номер"]["flags"]
        assert "name damaged" in rows["Пошкоджена^?азва"]["blocked"]
        assert next(r for r in view["entries"] if r["patient"]["patient_id"] == "P-5")["blocked"]
        blocked = rows["Без^Номера"]
        with pytest.raises(errors.IdentityBlocked):
            box.post("/exams", {"source": "us1", "key": blocked["key"], "digest": blocked["digest"]})
        assert "Ґалаґан" not in box.text()


@pytest.mark.peers
@pytest.mark.timeout(100)
def test_utf8_bytes_without_a_declared_character_set_are_read_and_flagged(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with (
        worklist(tmp_path / "ris", p, [_item("P-1", "Ґалаґан^Їванна")], "-cs0") as wl,
        box_in(tmp_path / "box", _toml(p, wl, {})) as box,
    ):
        (row,) = box.post("/worklist/refresh")["entries"]
        assert row["patient"]["name"] == "Ґалаґан^Їванна"
        assert "character set assumed" in row["flags"]


@pytest.mark.peers
def test_the_last_good_list_outlives_its_server(tmp_path: Path) -> None:
    p = pki.make(tmp_path / "pki")
    with worklist(tmp_path / "ris", p, [_item("P-1", "Ґалаґан^Їванна")]) as wl:
        box = box_in(tmp_path / "box", _toml(p, wl, {}))
        running = box.__enter__()
        running.post("/worklist/refresh")
    try:
        with pytest.raises(errors.AgentError) as refusal:
            running.post("/worklist/refresh")
        assert refusal.value.code.startswith("W-")
        view = running.get("/worklist")
        assert [e["patient"]["name"] for e in view["entries"]] == ["Ґалаґан^Їванна"]
        assert view["trouble"]
    finally:
        box.__exit__(None, None, None)
