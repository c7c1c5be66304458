"""What a file is, by its content and never by its name, and what the object has to say of it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from drivers.jpeg import NotBaseline, bare

EXPLICIT, BASELINE, H264 = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.102"
_FORBIDDEN = re.compile(rb"/(JavaScript|JS|Encrypt|Launch|EmbeddedFile)\b")
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"RIFF")
LONGEST_S = 900.0
_BUFFER = 1 << 20


class Refused(ValueError):
    """This file cannot become an item; says why to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is delivered: bytes or a file, and the facts of a picture header; `kind` is image, document or video."""

    kind: str
    facts: dict[str, Any]
    payload: bytes = b""
    file: Path | None = field(default=None)


def read(file: Path, scratch: Path, turn: Callable[[], None]) -> Content:
    """Return what `file` is; videos that no archive takes are made anew below `scratch`. Raises `Refused`."""
    with file.open("rb") as f:
        head = f.read(64)
    if head.startswith(b"%PDF-"):
        return _document(file)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(file.read_bytes())
    if head.startswith(_IMAGES) and head[8:12] != b"AVI ":
        return _image(file.read_bytes())
    return _video(file, scratch, turn)


def _facts(rows: int, columns: int, samples: int, syntax: str, **more: Any) -> dict[str, Any]:
    return {
        "rows": rows, "columns": columns, "samples_per_pixel": samples, "bits_allocated": 8, "bits_stored": 8,
        "photometric_interpretation": "RGB" if samples == 3 else "MONOCHROME2", "transfer_syntax_uid": syntax,
        "lossy": [], "pixel_aspect_ratio": None, "image_format": "", "processing": "", "frame_number": 0, **more,
    }  # fmt: skip


def _document(file: Path) -> Content:
    """A PDF without script, without encryption, whole from head to end."""
    data = file.read_bytes()
    if b"%%EOF" not in data[-2048:]:
        raise Refused("The PDF does not end where it should.")
    if found := _FORBIDDEN.search(data):
        raise Refused(f"The PDF holds {found[1].decode('ascii')}, which may not enter the archive.")
    return Content(kind="document", facts=_facts(1, 1, 1, EXPLICIT), payload=data)


def _jpeg(data: bytes) -> Content:
    try:
        stream = bare(data)
    except NotBaseline:
        return _image(data)
    if stream.samples_per_pixel == 3 and not stream.transformed:
        return _image(data)
    samples = stream.samples_per_pixel
    raw = stream.rows * stream.columns * samples
    made = _facts(stream.rows, stream.columns, samples, BASELINE)
    made["photometric_interpretation"] = "YBR_FULL_422" if samples == 3 else "MONOCHROME2"
    made["lossy"] = [["ISO_10918_1", round(raw / len(stream.data), 2)]]
    return Content(kind="image", facts=made, payload=stream.data)


def _image(data: bytes) -> Content:
    """Anything else that OpenCV reads, to the bit: 8 bits in grey or colour, 16 in grey."""
    import cv2
    import numpy as np

    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as e:
        raise Refused("The picture cannot be read.") from e
    if picture is None or picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3):
        raise Refused("The file is no picture that this box understands.")
    if picture.ndim == 3 and picture.shape[2] not in (3, 4):
        raise Refused("The picture has an unusual number of channels.")
    done = ""
    if picture.ndim == 3 and picture.dtype == np.uint16:
        picture, done = np.right_shift(picture.astype(np.uint16), 8).astype(np.uint8), "16-bit colour reduced to 8 bits"
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGB)
    rows, columns = picture.shape[:2]
    made = _facts(rows, columns, 1 if picture.ndim == 2 else 3, EXPLICIT, processing=done)
    if picture.dtype == np.uint16:
        made |= {"bits_allocated": 16, "bits_stored": 16}
    if data[:2] == b"\xff\xd8":
        made["lossy"] = [["ISO_10918_1", round(picture.nbytes / len(data), 2)]]
    return Content(kind="image", facts=made, payload=np.ascontiguousarray(picture).tobytes())


def _video(file: Path, scratch: Path, turn: Callable[[], None]) -> Content:
    stream = probe(file)
    history = [[_METHODS.get(str(stream["codec_name"]), "ISO_14496_10"), _ratio(stream, file)]]
    if not _fits(stream):
        target = scratch / f"{file.name}.mp4"
        _transcode(file, target, turn)
        stream, file = probe(target), target
        history.append(["ISO_14496_10", _ratio(stream, file)])
    if not _fits(stream):
        raise Refused("The video cannot be made into one that the archive takes.")
    period = float(1000 / Fraction(str(stream["r_frame_rate"])))
    made = _facts(int(stream["height"]), int(stream["width"]), 3, H264, lossy=history)
    made |= {"photometric_interpretation": "YBR_PARTIAL_420", "number_of_frames": int(stream["nb_read_frames"]),
             "frame_time_ms": round(period, 3)}  # fmt: skip
    return Content(kind="video", facts=made, file=file)


_METHODS = {"mjpeg": "ISO_10918_1", "mpeg2video": "ISO_13818_2", "h264": "ISO_14496_10", "hevc": "ISO_23008_2"}


_ASKED = "codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,field_order,nb_read_frames,r_frame_rate"


def probe(file: Path) -> dict[str, Any]:
    """Return what the first video stream says of itself, frames counted; raises `Refused`."""
    asked = f"stream={_ASKED}"
    words = ["ffprobe", "-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-count_frames",
             "-show_entries", asked, "-of", "json", str(file)]  # fmt: skip
    try:
        done = subprocess.run(words, capture_output=True, check=True, timeout=LONGEST_S)
        (stream,) = json.loads(done.stdout)["streams"]
        if int(stream["nb_read_frames"]) < 1 or Fraction(str(stream["r_frame_rate"])) <= 0:
            raise ValueError("empty")  # noqa: TRY301 - one refusal for every kind of no video
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, ZeroDivisionError) as e:
        raise Refused("The file is neither a picture nor a PDF nor a video that can be read.") from e
    return dict(stream)


def _fits(stream: dict[str, Any]) -> bool:
    return (
        stream.get("codec_name") == "h264"
        and stream.get("profile") == "High"
        and int(stream.get("level", 99)) <= 41
        and stream.get("pix_fmt") == "yuv420p"
        and stream.get("sample_aspect_ratio", "1:1") in ("1:1", "N/A", "0:1")
        and stream.get("field_order", "progressive") in ("progressive", "unknown")
    )


def _ratio(stream: dict[str, Any], file: Path) -> float:
    raw = int(stream["width"]) * int(stream["height"]) * 3 * int(stream["nb_read_frames"])
    return round(raw / max(1, file.stat().st_size), 2)


def _transcode(source: Path, target: Path, turn: Callable[[], None]) -> None:
    words = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file", "-i", str(source), "-map",
             "0:v:0", "-an", "-vf", "yadif=deint=interlaced,scale=trunc(iw*max(sar\\,0.01)/2)*2:trunc(ih/2)*2,setsar=1,"
             "format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "19", "-profile:v", "high", "-level",
             "4.1", "-threads", "2", "-movflags", "+faststart", "-f", "mp4", str(target)]  # fmt: skip
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(int(LONGEST_S * 2)):
            try:
                if child.wait(0.5) != 0:
                    raise Refused("The video cannot be read to its end.")
            except subprocess.TimeoutExpired:
                turn()
            else:
                return
        raise Refused("The video took too long to be made ready.")
    finally:
        child.kill()
        child.wait()


def sha256(content: Content) -> tuple[int, str]:
    """Return size and SHA-256 of what is delivered."""
    if content.file is None:
        return len(content.payload), hashlib.sha256(content.payload).hexdigest()
    whole, size = hashlib.sha256(), 0
    with content.file.open("rb") as f:
        while part := f.read(_BUFFER):
            whole.update(part)
            size += len(part)
    return size, whole.hexdigest()
