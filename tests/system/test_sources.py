"""Every other way in through the real service: scanner, watched folder, screen; on real software at the other end."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from agent import errors
from tests.peers.process import program
from tests.peers.sane import Escl, saned, virtual_scanner
from tests.peers.vnc import paint, screen
from tests.system.world import PAUSE, Box, Sandbox, box_in, toml_for, wait_for

CONVERSION = 'conversion_type = "{}"'


def toml(sandbox: Sandbox, driver: str, options: dict[str, Any], told: str, more: str = "") -> str:
    """Return the configuration of a box whose one source has another driver."""
    whole = toml_for(sandbox).replace('driver = "simulator"', f'driver = "{driver}"')
    written = "\n".join(f"{key} = {_toml(value)}" for key, value in options.items())
    head, _, tail = whole.partition("[source.object]\n")
    tail = "\n".join(line for line in tail.splitlines() if not line.startswith("conversion_type"))
    return f"{head}{more}\n[source.options]\n{written}\n[source.object]\n{told}\n{tail}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)


def scanner(folder: Path, **more: Any) -> dict[str, Any]:
    """Return options for SANE's test device."""
    made = {"configuration_dir": str(virtual_scanner(folder)), "device": "test:0", "resolution": 75}
    return {**made, "more": ("test-picture=Color pattern",), **more}


def conforming(path: Path) -> list[str]:
    done = subprocess.run([Path(sys.executable).parent / "dciodvfy", "-new", path], capture_output=True, check=False)
    return [line for line in (done.stdout + done.stderr).decode().splitlines() if "Error" in line]


def delivered(box: Box, sandbox: Sandbox, exam_id: str, count: int) -> list[Dataset]:
    """Finish an exam and return what of it the PACS has."""
    box.post(f"/exams/{exam_id}/finish")
    wait_for("everything is sent", lambda: len(box.jobs()) == count and box.all_sent(), 60)
    found = [dcmread(one.path) for one in _files(sandbox)]
    assert [conforming(path) for path in (one.path for one in _files(sandbox))] == [[]] * count
    return sorted(found, key=lambda d: d.InstanceNumber)


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path


def _files(sandbox: Sandbox) -> list[_File]:
    return [_File(path) for path in sorted(Path(sandbox.description["received"]).glob("*.dcm"))]


def ready(box: Box) -> None:
    wait_for("the source is ready", lambda: box.get("/sources")[0]["state"] == "ready", 40)


# --- scanners -----------------------------------------------------------------------------------------------

MODES: dict[str, tuple[dict[str, Any], tuple[int, int, int, str]]] = {
    "grey": ({"mode": "grey"}, (8, 8, 1, "MONOCHROME2")),
    "16-bit grey": ({"mode": "grey", "depth": 16}, (16, 16, 1, "MONOCHROME2")),
    "colour": ({"mode": "colour"}, (8, 8, 3, "RGB")),
    "line art": ({"mode": "line"}, (1, 1, 1, "MONOCHROME2")),
}


@pytest.mark.parametrize("name", MODES)
def test_a_sheet_on_the_glass_keeps_its_depth_and_its_spacing(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    options, (allocated, stored, samples, photometric) = MODES[name]
    told = scanner(tmp_path, **options)
    with box_in(tmp_path / "box", toml(sandbox, "scanner", told, CONVERSION.format("DF")), ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        exam = box.open_exam("Ґалаґан")
        frame = box.capture("a sheet")
        (data_set,) = delivered(box, sandbox, exam["exam_id"], 1)
    found = (data_set.BitsAllocated, data_set.BitsStored, data_set.SamplesPerPixel)
    assert found == (allocated, stored, samples)
    assert data_set.PhotometricInterpretation == photometric
    assert [float(v) for v in data_set.NominalScannedPixelSpacing] == pytest.approx([25.4 / 75] * 2, abs=1e-4)
    assert data_set.ImageType[1] == "SECONDARY"
    kept = data_set.PixelData[: (data_set.Rows * data_set.Columns * samples * allocated + 7) // 8]
    assert hashlib.sha256(kept).hexdigest() == frame["payload_sha256"]
    assert _same_as_scanimage(tmp_path, told, data_set)


def _up(box: Box) -> bool:
    try:
        return bool(box.get("/sources"))
    except errors.AgentError:
        return False


def _same_as_scanimage(folder: Path, told: dict[str, Any], data_set: Dataset) -> bool:
    """The pixels are those of a scan by hand, read by a decoder of somebody else."""
    mode = {"grey": "Gray", "colour": "Color", "line": "Gray"}[told["mode"]]
    depth = "1" if told["mode"] == "line" else str(told.get("depth", 8))
    done = subprocess.run(
        [program("scanimage"), "-d", "test:0", "--mode", mode, "--depth", depth, "--resolution", "75",
         "--test-picture", "Color pattern", "--format=tiff"], capture_output=True, check=True,
        env={"SANE_CONFIG_DIR": str(folder / "sane"), "PATH": "/usr/bin"})  # fmt: skip
    by_hand = np.asarray(Image.open(io.BytesIO(done.stdout))).astype(int)
    ours = data_set.pixel_array.astype(int)
    return by_hand.shape == ours.shape and bool((by_hand == ours).all())


def test_a_feeder_of_film_becomes_one_object_with_page_numbers(sandbox: Sandbox, tmp_path: Path) -> None:
    told = scanner(tmp_path, mode="grey", depth=16, feed="feeder", resolution=50, rotation_degrees=1.5)
    more = '[source.document]\noutput = "multi-frame"\n'
    with box_in(tmp_path / "box", toml(sandbox, "scanner", told, CONVERSION.format("DF"), more), ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        exam = box.open_exam("Ґалаґан")
        box.capture("ten sheets")
        pages = box.get(f"/exams/{exam['exam_id']}")["frames"]
        assert [page["number"] for page in pages] == list(range(1, 11))
        (data_set,) = delivered(box, sandbox, exam["exam_id"], 1)
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7.3"
    assert (data_set.NumberOfFrames, list(data_set.PageNumberVector)) == (10, list(range(1, 11)))
    frame_bytes = data_set.Rows * data_set.Columns * 2
    first = hashlib.sha256(data_set.PixelData[:frame_bytes]).hexdigest()
    assert first == pages[0]["payload_sha256"]


def test_paper_becomes_one_pdf_that_other_readers_take(sandbox: Sandbox, tmp_path: Path) -> None:
    told = scanner(tmp_path, mode="colour", feed="feeder", resolution=50)
    more = '[source.document]\noutput = "pdf"\ntitle = "Направлення"\n'
    config = toml(sandbox, "scanner", told, CONVERSION.format("SD"), more)
    with box_in(tmp_path / "box", config, ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        exam = box.open_exam("О’Коннор")
        box.capture("ten sheets")
        page = box.get(f"/exams/{exam['exam_id']}")["frames"][3]
        (data_set,) = delivered(box, sandbox, exam["exam_id"], 1)
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert data_set.DocumentTitle == "Направлення"
    file = tmp_path / "paper.pdf"
    file.write_bytes(data_set.EncapsulatedDocument[: data_set.EncapsulatedDocumentLength])
    subprocess.run([program("qpdf"), "--check", file], check=True, capture_output=True)
    about = subprocess.run([program("pdfinfo"), file], check=True, capture_output=True, text=True).stdout
    assert "Pages:           10" in about
    assert "JavaScript:      no" in about
    assert "Направлення" in about
    subprocess.run([program("pdfimages"), "-png", "-f", "4", "-l", "4", file, tmp_path / "p"], check=True)
    seen = np.asarray(Image.open(next(tmp_path.glob("p-*.png"))).convert("RGB"))
    assert hashlib.sha256(seen.tobytes()).hexdigest() == page["payload_sha256"]
    for word in (b"pdfaid:part>1<", b"GTS_PDFA1", b"/ID ["):
        assert word in file.read_bytes()


ENDINGS = {
    "SANE_STATUS_JAMMED": errors.ScannerJammed,
    "SANE_STATUS_COVER_OPEN": errors.CoverOpen,
    "SANE_STATUS_NO_DOCS": errors.OutOfPaper,
    "SANE_STATUS_DEVICE_BUSY": errors.ScannerBusy,
    "SANE_STATUS_CANCELLED": errors.ScanCancelled,
    "SANE_STATUS_ACCESS_DENIED": errors.ScannerForbidden,
    "SANE_STATUS_IO_ERROR": errors.ScannerFailed,
    "SANE_STATUS_NO_MEM": errors.ScannerFailed,
}


def refused(box: Box, source: str, status: str) -> errors.AgentError:
    """Press until the scanner answers: now and then SANE's test device hangs, which is V-28 and no page."""
    for turn in range(3):
        with pytest.raises(errors.DeviceError) as told:
            box.capture(f"{status}-{turn}", source)
        if not isinstance(told.value, errors.ScannerSlow):
            break
    return told.value


def test_each_error_of_a_scanner_has_its_sentence_and_keeps_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    whole = toml(sandbox, "scanner", scanner(tmp_path, page_timeout_s=15), CONVERSION.format("SD"))
    rows = []
    head, _, _ = whole.partition("[[source]]")
    source = whole[len(head) :].partition("[worklist]")[0]
    rest = whole[len(head) + len(source) :]
    for number, status in enumerate(ENDINGS):
        wrong = source.replace('"test-picture=Color pattern"', f'"read-return-value={status}"')
        rows.append(wrong.replace("us1", f"s{number}"))
    with box_in(tmp_path / "box", head + "".join(rows) + rest, ready=False) as box:
        wait_for("up", lambda: _up(box))
        wait_for("all are ready", lambda: all(s["state"] == "ready" for s in box.get("/sources")), 60)
        for number, (status, error) in enumerate(ENDINGS.items()):
            exam = box.post("/exams/emergency", {"source": f"s{number}"})
            assert isinstance(refused(box, f"s{number}", status), error)
            assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 0


def test_a_scan_can_be_cancelled_and_a_scanner_over_the_network_used(sandbox: Sandbox, tmp_path: Path) -> None:
    with saned(tmp_path) as client:
        told = {"configuration_dir": str(client), "device": "net:127.0.0.1:test:0", "resolution": 600}
        told["more"] = ("read-delay=yes", "read-delay-duration=200000")
        with box_in(tmp_path / "box", toml(sandbox, "scanner", told, CONVERSION.format("SD")), ready=False) as box:
            wait_for("up", lambda: _up(box))
            ready(box)
            exam = box.open_exam("Ґалаґан")
            ended: list[type[Exception]] = []

            def scan() -> None:
                try:
                    box.capture("slow")
                except errors.AgentError as e:
                    ended.append(type(e))

            import threading

            thread = threading.Thread(target=scan)
            thread.start()
            PAUSE.wait(1.5)
            box.post("/sources/us1/cancel")
            thread.join(20)
            assert ended == [errors.ScanCancelled]
            assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 0


@pytest.mark.parametrize(("fault", "error"), [("", None), ("jam", errors.ScannerJammed), ("cut", errors.DeviceError)])
def test_an_escl_scanner_through_airscan(
    sandbox: Sandbox, tmp_path: Path, fault: str, error: type[Exception] | None
) -> None:
    with Escl(fault) as ward:
        told = {"configuration_dir": str(ward.configuration(tmp_path)), "feed": "feeder", "resolution": 75}
        with box_in(tmp_path / "box", toml(sandbox, "scanner", told, CONVERSION.format("SD")), ready=False) as box:
            wait_for("up", lambda: _up(box))
            ready(box)
            exam = box.open_exam("Ґалаґан")
            if error is None:
                box.capture("three sheets")
                assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 3
            else:
                with pytest.raises(error):
                    box.capture("nothing")
                assert box.get(f"/exams/{exam['exam_id']}")["captured"] == 0


# --- a watched folder ---------------------------------------------------------------------------------------


def test_what_arrives_in_a_folder_waits_for_a_person(sandbox: Sandbox, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    options = {"path": str(inbox), "settle_s": 0.3, "every_s": 0.2}
    pixels = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    sixteen = np.random.default_rng(2).integers(0, 65535, (40, 50)).astype(np.uint16)
    with box_in(tmp_path / "box", toml(sandbox, "folder", options, CONVERSION.format("WSD")), ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        Image.fromarray(pixels).save(inbox / "a.png")
        Image.fromarray(pixels).save(inbox / "b.jpg", quality=90)
        Image.fromarray(sixteen).save(inbox / "c.tif")
        (inbox / "d.pdf").write_bytes(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<<>>\n%%EOF\n")
        (inbox / "e.pdf").write_bytes(b"%PDF-1.4\n1 0 obj<</S /JavaScript>>endobj\n%%EOF\n")
        (inbox / "f.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture at all")
        (inbox / "g.txt").write_text("a letter")
        wait_for("all arrived", lambda: len(box.get("/tray")) == 7, 40)
        tray = {item["name"]: item for item in box.get("/tray")}
        assert {n: i["state"] for n, i in tray.items()} == {
            "a.png": "waiting", "b.jpg": "waiting", "c.tif": "waiting", "d.pdf": "waiting",
            "e.pdf": "refused", "f.png": "refused", "g.txt": "refused",
        }  # fmt: skip
        assert "JavaScript" in tray["e.pdf"]["reason"]
        assert not [f for f in inbox.iterdir() if f.is_file()]
        wait_for("let go", lambda: not list((inbox / ".taking").iterdir()))
        assert len(list((inbox / ".refused").iterdir())) == 3
        assert box.get("/exams") == []  # nothing was given to anybody by itself
        with pytest.raises(errors.NoOpenExam):
            box.post(f"/tray/{tray['a.png']['item_id']}/assign", {"source": "us1"})
        exam = box.open_exam("Ґалаґан")
        for name in ("a.png", "b.jpg", "c.tif", "d.pdf"):
            box.post(f"/tray/{tray[name]['item_id']}/assign", {"source": "us1"})
        with pytest.raises(errors.WrongState):
            box.post(f"/tray/{tray['a.png']['item_id']}/assign", {"source": "us1"})
        colour, jpeg, grey, document = delivered(box, sandbox, exam["exam_id"], 4)
        assert "d.pdf" not in box.text()
        assert "a.png" not in box.text()
    assert (colour.pixel_array == pixels).all()
    assert (grey.pixel_array == sixteen).all()
    assert jpeg.LossyImageCompression == "01"
    assert document.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"


def test_a_crash_between_arrival_and_record_loses_and_doubles_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    options = {"path": str(inbox), "settle_s": 0.2, "every_s": 0.2}
    with box_in(tmp_path / "box", toml(sandbox, "folder", options, CONVERSION.format("WSD")), ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        for number in range(6):
            Image.new("L", (64, 64), number).save(inbox / f"{number}.png")
            PAUSE.wait(0.15)
        box.kill()
        box.start(ready=False)
        wait_for("up", lambda: _up(box))
        wait_for("all are there", lambda: len(box.get("/tray")) >= 6, 40)
        hashes = [item["item_id"] for item in box.get("/tray")]
        assert len(hashes) == len(set(hashes)) == 6
        wait_for("let go", lambda: not list((inbox / ".taking").iterdir()))


def test_a_video_file_becomes_a_video_object(sandbox: Sandbox, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    options = {"path": str(inbox), "settle_s": 0.3, "every_s": 0.2}
    told = f'{CONVERSION.format("DI")}\nanatomic_region = {{ value = "71854001", scheme = "SCT", meaning = "Colon" }}'
    config = toml(sandbox, "folder", options, told).replace('modality = "US"', 'modality = "ES"')
    with box_in(tmp_path / "box", config, ready=False) as box:
        wait_for("up", lambda: _up(box))
        ready(box)
        subprocess.run(
            [program("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1",
             "-c:v", "mpeg4", tmp_path / "loop.avi"], check=True)  # fmt: skip
        (tmp_path / "loop.avi").rename(inbox / "loop.avi")
        item = wait_for("it arrived", lambda: (box.get("/tray") or [None])[0], 60)
        assert (item["state"], item["kind"]) == ("waiting", "video"), item
        exam = box.open_exam("Ґалаґан")
        box.post(f"/tray/{item['item_id']}/assign", {"source": "us1"})
        (data_set,) = delivered(box, sandbox, exam["exam_id"], 1)
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.77.1.1.1"
    assert data_set.NumberOfFrames == 25


# --- a screen -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["", "s3cret"])
def test_a_workstation_s_screen_is_captured_to_the_bit(sandbox: Sandbox, tmp_path: Path, password: str) -> None:
    with screen(tmp_path, password) as (port, display):
        options: dict[str, Any] = {"port": port}
        if password:
            (tmp_path / "password").write_text(password)
            options["password_file"] = str(tmp_path / "password")
        more = "[source.picture]\naccept_still_screen = true\n"
        told = CONVERSION.format("WSD")
        with box_in(tmp_path / "box", toml(sandbox, "rfb", options, told, more), ready=False) as box:
            wait_for("up", lambda: _up(box))
            ready(box)
            exam = box.open_exam("Ґалаґан")
            paint(display, "#0000a0")  # a grabber without a cable would look like this
            box.capture("the screen")
            (data_set,) = delivered(box, sandbox, exam["exam_id"], 1)
    assert (data_set.Rows, data_set.Columns) == (480, 640)
    assert (data_set.pixel_array == (0, 0, 0xA0)).mean() > 0.99
