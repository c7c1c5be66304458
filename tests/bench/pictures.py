"""F8, F12 and the build child's part of F11: a still without decoding, lossless codecs, a clip of 2 GB."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from time import process_time, thread_time
from types import SimpleNamespace

import numpy as np
import simplejpeg

from agent.child import BUILD, Child
from agent.frame_file import encode_header
from agent.launcher import ExecLauncher
from agent.objects import codec
from agent.plain import to_plain
from agent.sop_classes import SOP_CLASSES
from agent.transfer_syntaxes import HTJ2K_LOSSLESS, JPEG_2000_LOSSLESS, JPEG_BASELINE
from drivers.contract import Frame, Geometry, PixelFormat, Signal
from drivers.jpeg import STANDARD_TABLES, bare
from drivers.picture.convert import to_native
from drivers.still import compress, make
from drivers.still_options import StillOptions
from tests.bench.report import Row, limit, row
from tests.unit.objects.exam_pictures import BOX, FACTS, SNAPSHOTS, Picture, a_record

ROWS, COLUMNS = 1080, 1920
CLIP_BYTES = 1_890_000_000


def photograph(rows: int, columns: int) -> np.ndarray:
    """A smooth scene with the noise of a camera, the same each time."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    scene = [128 + 90 * np.sin(x / (97 + 20 * n) + y / 61) * np.cos(y / (131 - 9 * n)) for n in range(3)]
    noise = np.random.default_rng(1).normal(0, 3, (rows, columns, 3))
    return np.clip(np.stack(scene, axis=2) + noise, 0, 255).astype(np.uint8)


def _cpu_ms(work: object) -> float:
    began = thread_time()
    work()  # type: ignore[operator]
    return 1000 * (thread_time() - began)


def f8(_folder: Path, count: int) -> Iterator[Row]:
    """The payload of an MJPEG still: parsed and completed with its tables, or decoded and encoded again."""
    stream = simplejpeg.encode_jpeg(photograph(ROWS, COLUMNS), 90, "RGB", "422")
    start = stream.index(b"\xff\xc4")
    without = stream[:start] + _without_tables(stream[start:])
    geometry = Geometry(rows=ROWS, columns=COLUMNS, pixel_format=PixelFormat.MJPEG)
    frame = Frame(data=np.frombuffer(without, np.uint8), geometry=geometry, captured_ns=1, number=1)
    options = StillOptions(encoding="jpeg", deinterlace="weave")
    payload = make(frame, options, Signal.PRESENT).payload
    assert payload == bare(without).data
    assert STANDARD_TABLES in payload
    mine, theirs, whole = [], [], []
    for _ in range(max(count, 5) * 4):
        mine.append(_cpu_ms(lambda: bare(without)))
        theirs.append(_cpu_ms(lambda: compress(to_native(frame), 90)))
        whole.append(_cpu_ms(lambda: make(frame, options, Signal.PRESENT)))
    yield row("F8", "1080p MJPEG still to payload, CPU ms of decode + encode", theirs, mine, ">= 10")
    print(f"with the hash of the payload: {np.median(theirs) / np.median(whole):.1f}x cheaper")


def _without_tables(rest: bytes) -> bytes:
    """Cut the Huffman segments out, as many USB grabbers do."""
    while rest[:2] == b"\xff\xc4":
        rest = rest[2 + int.from_bytes(rest[2:4]) :]
    return rest


def f12(_folder: Path, count: int) -> Iterator[Row]:
    """A lossless 1080p still in HTJ2K and in JPEG 2000 as OpenJPEG writes it."""
    pixels = photograph(ROWS, COLUMNS)
    mine, theirs, sizes = [], [], (0, 0)
    for _ in range(max(count, 5)):
        began = process_time()
        fast = codec.encode(HTJ2K_LOSSLESS, pixels)
        middle = process_time()
        slow = codec.encode(JPEG_2000_LOSSLESS, pixels)
        mine.append(pixels.nbytes / 1e6 / (middle - began))
        theirs.append(pixels.nbytes / 1e6 / (process_time() - middle))
        sizes = (len(fast), len(slow))
    assert (codec.decode(HTJ2K_LOSSLESS, fast, pixels.shape, pixels.dtype) == pixels).all()
    yield row("F12", "lossless 1080p still, HTJ2K, MB/s, OpenJPEG's JPEG 2000", mine, theirs, ">= 8")
    yield row("F12-size", "its size, OpenJPEG's", [float(sizes[0])], [float(sizes[1])], "<= 1.07")


def f11_clip(folder: Path, _count: int) -> Iterator[Row]:
    """The build child's peak memory when it builds and proves a clip of nearly 2 GB."""
    jpeg = bytes(simplejpeg.encode_jpeg(photograph(576, 720), 90, "RGB", "422"))
    jpeg = bare(jpeg).data
    frames = CLIP_BYTES // len(jpeg)
    whole = hashlib.sha256()
    payload = folder / "clip"
    with payload.open("wb") as file:
        for _ in range(frames):
            file.write(jpeg)
            whole.update(jpeg)
    told = {"rows": 576, "columns": 720, "photometric_interpretation": "YBR_FULL_422"}
    clip = Picture(b"", told | {"transfer_syntax_uid": JPEG_BASELINE, "lossy": (("ISO_10918_1", 15.0),)})
    record = a_record(
        clip, SNAPSHOTS["scheduled"], sop_class_uid=SOP_CLASSES["multi-frame-true-colour"], number_of_frames=frames,
        frame_sizes=(len(jpeg),) * frames, frame_time_ms=40.0, payload_file="clip",
        payload_size=frames * len(jpeg), payload_sha256=whole.hexdigest(),
    )  # fmt: skip
    (folder / "frame").write_bytes(encode_header(record, SNAPSHOTS["scheduled"], BOX, {}))
    yield limit(
        "F11-clip", f"peak memory of the build child, a clip of {record.payload_size / 1e9:.2f} GB, MB",
        [_build(folder, payload)], 80,
    )  # fmt: skip


def _build(folder: Path, payload: Path) -> float:
    launcher = ExecLauncher()
    child = Child(BUILD, launcher)
    fds = SimpleNamespace(
        frame=os.open(folder / "frame", os.O_RDONLY),
        clip=os.open(payload, os.O_RDONLY),
        object=os.open(folder / "object", os.O_RDWR | os.O_CREAT),
    )
    try:
        child.wait_ready()
        child.request("build", {"series": to_plain(FACTS)}, [fds.frame, fds.object, fds.clip], deadline_s=300)
        child.request("verify", {}, [fds.frame, fds.object], deadline_s=300)
        status = Path(f"/proc/{child.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    finally:
        child.stop()
        launcher.close()
        for fd in vars(fds).values():
            os.close(fd)
