"""What the demonstration compares, on objects written by DCMTK's dump2dcm and judged by the real tools."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo import evidence
from agent.demo.commands import DemoFailed
from agent.demo.main import working_folder

# Two pixels, red and a dark blue, after attributes with every letter that is easily lost.
DUMP = """(0002,0010) UI [1.2.840.10008.1.2.1]
(0008,0005) CS [ISO_IR 192]
(0008,0016) UI [1.2.840.10008.5.1.4.1.1.7]
(0008,0018) UI [2.25.11]
(0008,0050) SH [ACC-0002]
(0010,0010) PN [Ґалаґан-Їжакевич^Знамʼянка^Мар’яна Є І]
(0010,0020) LO [UA-00002]
(0010,0030) DA [19911130]
(0010,0040) CS
(0020,000d) UI [2.25.12]
(0028,0002) US 3
(0028,0004) CS [RGB]
(0028,0006) US 0
(0028,0010) US 1
(0028,0011) US 2
(0028,0100) US 8
(0028,0101) US 8
(0028,0102) US 7
(0028,0103) US 0
(7fe0,0010) OB ff\\00\\00\\01\\02\\7f
"""
PIXELS = b"\xff\x00\x00\x01\x02\x7f"


@pytest.fixture
def received(tmp_path: Path) -> Path:
    dump, file = tmp_path / "object.dump", tmp_path / "object.dcm"
    dump.write_text(DUMP, encoding="utf-8")
    program = shutil.which("dump2dcm")
    assert program, "Debian's package dcmtk is missing"
    subprocess.run([program, "-q", str(dump), str(file)], check=True, timeout=20)
    return file


def test_attributes_are_read_in_utf8_and_an_empty_one_is_empty(received: Path) -> None:
    assert evidence.attributes(received) == {
        "name": "Ґалаґан-Їжакевич^Знамʼянка^Мар’яна Є І",
        "patient_id": "UA-00002",
        "birth_date": "19911130",
        "sex": "",
        "accession_number": "ACC-0002",
        "study_instance_uid": "2.25.12",
        "sop_instance_uid": "2.25.11",
    }


def test_hash_is_of_the_pixels_alone(received: Path, tmp_path: Path) -> None:
    assert evidence.pixels_sha256(received, tmp_path) == hashlib.sha256(PIXELS).hexdigest()


def test_pixels_that_look_like_white_space_or_a_comment_are_pixels() -> None:
    assert evidence.ppm_pixels(b"P6\n1 1\n255\n\n# ") == b"\n# "
    assert evidence.ppm_pixels(b"P6\n# by a decoder\n2 1\n255\n" + PIXELS) == PIXELS


@pytest.mark.parametrize("data", [b"", b"BM", b"P3\n1 1\n255\n0 0 0", b"P6\n1 1\n65535\n000000"])
def test_what_is_no_raw_picture_fails(data: bytes) -> None:
    with pytest.raises(DemoFailed, match="not a picture"):
        evidence.ppm_pixels(data)


def test_a_broken_file_fails_with_the_tools_name(tmp_path: Path) -> None:
    file = tmp_path / "object.dcm"
    file.write_bytes(b"not an object")
    with pytest.raises(DemoFailed, match=r"^dcmdump said: "):
        evidence.attributes(file)


def test_dciodvfy_objects_to_an_object_without_its_required_attributes(received: Path) -> None:
    assert any("Missing attribute" in line for line in evidence.objections(received))


def test_a_validator_that_says_nothing_has_not_found_the_object_good(
    received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "tool", lambda _name: "/bin/true")
    with pytest.raises(DemoFailed, match="did not judge"):
        evidence.objections(received)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ({"name": "Їжакевич", "patient_id": "1"}, []),
        ({"name": "Iжакевич", "patient_id": "1"}, ["name"]),
        ({"name": "Їжакевич"}, ["patient_id"]),
        ({"name": "Їжакевич ", "patient_id": "01"}, ["name", "patient_id"]),
    ],
)
def test_differences_are_named(found: dict[str, str], names: list[str]) -> None:
    assert evidence.differences({"name": "Їжакевич", "patient_id": "1"}, found) == names


def test_two_empty_values_do_not_agree() -> None:
    assert evidence.differences({"study_instance_uid": ""}, {"study_instance_uid": ""}) == ["study_instance_uid"]


@pytest.mark.parametrize(("name", "package"), [("dcmdump", "dcmtk"), ("dciodvfy", "dicom3tools")])
def test_a_missing_tool_is_one_sentence_with_what_to_install(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(DemoFailed, match=rf"^{name} is missing: install .*{package}$"):
        evidence.tool(name)


def test_the_findscu_of_the_agents_own_library_is_not_taken_for_dcmtks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / "findscu").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{own}:{other}")
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    assert evidence.tool("findscu") == str(other / "findscu")


def test_a_used_folder_gets_a_new_one_inside(tmp_path: Path) -> None:
    assert working_folder(tmp_path) == tmp_path
    (tmp_path / "config.toml").touch()
    inside = working_folder(tmp_path)
    assert inside.parent == tmp_path
    assert list(inside.iterdir()) == []
