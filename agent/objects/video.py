"""A clip as one H.264 stream (PS3.5 8.2.7, dicom.md 1.10), encoded and counted by Debian's ffmpeg and ffprobe.

High profile, Level 4.1 (4.2 where the rate needs it), 4:2:0, progressive, square pixels, MP4. The stream's time is
that of the clip: where the source left frames out, the one before stands for them. What came out is asked of the
stream itself, never assumed. A board's own encoder is tried first; software is the fallback.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

from agent.errors import ObjectError, ObjectInvalid
from agent.model import FrameRecord
from agent.objects.building import Payload
from agent.objects.part10 import BUFFER, Beat
from agent.objects.pixel import H264_HIGH, H264_HIGH_42

_LEVELS = ((245_760, 8192, "4.1", H264_HIGH), (522_240, 8704, "4.2", H264_HIGH_42))
"""Macroblocks a second, macroblocks a frame, level, transfer syntax (ITU-T H.264 table A-1)."""
_BOARD = "/dev/video11"
"""The encoder of a Raspberry Pi (bcm2835-codec)."""
_END_S, _PROBE_S = 60.0, 60.0
MOST_REPEATS = 250


def encode(payload: Payload, target_fd: int, beat: Beat) -> FrameRecord:
    """Write the clip as a video to the file of `target_fd` and return the record of the object that it will be.

    The programs inherit the descriptor: nobody may look into this process, which is not to be dumped either.
    Raises `ObjectError` when no encoder does it, `ObjectInvalid` when the stream is not what the standard asks for.
    """
    record, period_ms = payload.record, _period_ms(payload.record)
    level, syntax = _level(record, period_ms)
    target = Path(f"/proc/self/fd/{target_fd}")
    encoders = ("h264_v4l2m2m", "libx264") if os.path.exists(_BOARD) else ("libx264",)  # noqa: PTH110
    for encoder in encoders:
        if _run(_command(encoder, period_ms, level, target), payload, period_ms, target_fd, beat):
            return _described(record, syntax, target_fd, beat)
    raise ObjectError("The clip could not be encoded as a video.")


def _period_ms(record: FrameRecord) -> float:
    return record.frame_time_ms or (median(record.frame_times_ms[1:]) if record.number_of_frames > 1 else 40.0)


def _level(record: FrameRecord, period_ms: float) -> tuple[str, str]:
    in_frame = -(-record.rows // 16) * -(-record.columns // 16)
    for in_second, most, level, syntax in _LEVELS:
        if in_frame <= most and in_frame * 1000 / period_ms <= in_second:
            return level, syntax
    raise ObjectInvalid("PixelData: the clip is too large or too fast for H.264 Level 4.2.", keyword="PixelData")


def _command(encoder: str, period_ms: float, level: str, target: Path) -> list[str]:
    rate = Fraction(1000 / period_ms).limit_denominator(1001)
    quality = ["-preset", "veryfast", "-crf", "19"] if encoder == "libx264" else ["-b:v", "8M"]
    return [
        "ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "mjpeg", "-framerate", str(rate), "-i", "pipe:0", "-an",
        "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2,scale=in_range=full:out_range=tv,format=yuv420p,setsar=1",
        "-c:v", encoder, *quality, "-profile:v", "high", "-level", level, "-threads", "2", "-fps_mode", "passthrough",
        "-color_range", "tv", "-colorspace", "smpte170m", "-movflags", "+faststart", "-f", "mp4", str(target),
    ]  # fmt: skip


def _run(command: list[str], payload: Payload, period_ms: float, target_fd: int, beat: Beat) -> bool:
    """Feed the frames to an encoder and return whether it was content."""
    try:
        encoder = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(target_fd,),
        )
    except OSError as e:
        raise ObjectError("The encoder is not installed (ffmpeg).", errno=e.errno) from None
    try:
        if encoder.stdin is not None:
            with encoder.stdin:
                for frame in _frames(payload, period_ms):
                    encoder.stdin.write(frame)
                    beat()
        return encoder.wait(_END_S) == 0
    except (BrokenPipeError, subprocess.TimeoutExpired):
        return False
    finally:
        encoder.kill()
        encoder.wait()


def _frames(payload: Payload, period_ms: float) -> Iterator[bytes]:
    """Yield each JPEG frame as often as its time on the screen asks for."""
    record, at = payload.record, 0
    gaps = (*record.frame_times_ms[1:], period_ms) if record.frame_times_ms else (period_ms,) * len(record.frame_sizes)
    owed = 0.0
    for size, gap in zip(record.frame_sizes, gaps, strict=True):
        frame = payload.read_at(at, size)
        at += size
        owed += gap / period_ms
        times = min(MOST_REPEATS, max(1, round(owed)))
        owed -= times
        for _ in range(times):
            yield frame


def probe(fd: int, beat: Beat) -> dict[str, Any]:
    """Return what the stream says of itself, frames counted; raises `ObjectInvalid` for what is no single video."""
    beat()
    asked = "stream=codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,nb_read_frames,r_frame_rate"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", asked, "-of", "json", f"/proc/self/fd/{fd}"]
    try:
        said = subprocess.run(command, capture_output=True, check=True, timeout=_PROBE_S, pass_fds=(fd,)).stdout
        (stream,) = json.loads(said)["streams"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as e:
        raise ObjectInvalid("PixelData: the video cannot be read.", reason=type(e).__name__) from None
    beat()
    return dict(stream)


def _described(record: FrameRecord, syntax: str, target_fd: int, beat: Beat) -> FrameRecord:
    stream, target = probe(target_fd, beat), Path(f"/proc/self/fd/{target_fd}")
    wanted = {"codec_name": "h264", "profile": "High", "pix_fmt": "yuv420p"}
    wrong = [key for key, value in wanted.items() if stream.get(key) != value]
    if wrong or stream.get("sample_aspect_ratio", "1:1") not in ("1:1", "N/A") or stream.get("level", 99) > 42:
        raise ObjectInvalid("PixelData: the video is not what the standard asks for.", reason=" ".join(wrong))
    size, frames = target.stat().st_size, int(stream["nb_read_frames"])
    rows, columns = int(stream["height"]), int(stream["width"])
    ratio = round(rows * columns * 3 * frames / size, 2)
    return replace(
        record,
        transfer_syntax_uid=syntax,
        rows=rows,
        columns=columns,
        photometric_interpretation="YBR_PARTIAL_420",
        number_of_frames=frames,
        frame_sizes=(),
        frame_times_ms=(),
        frame_time_ms=round(float(1000 / Fraction(str(stream["r_frame_rate"]))), 3),
        pixel_aspect_ratio=None,
        payload_size=size,
        payload_sha256=_sha256(target, beat),
        lossy=(*record.lossy, ("ISO_14496_10", ratio)),
    )


def _sha256(file: Path, beat: Beat) -> str:
    whole = hashlib.sha256()
    with file.open("rb") as f:
        while part := f.read(BUFFER):
            whole.update(part)
            beat()
    return whole.hexdigest()
