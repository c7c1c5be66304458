"""Scanned pages become one document or one multi-frame picture: the payload, and the facts that describe it.

Pages stay as they were scanned; a JPEG inside a PDF is made only where it is asked for.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from agent.errors import ObjectError
from agent.frame_file import FrameHeader
from agent.model import FrameRecord
from agent.objects import building, pdf
from agent.objects.part10 import BUFFER, Beat
from agent.objects.pixel import EXPLICIT_VR_LITTLE_ENDIAN
from agent.sop_classes import SOP_CLASSES

_DEFAULT_SPACING = (25.4 / 96, 25.4 / 96)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAs:
    """What is asked for."""

    output: str
    """`pdf` or `multi-frame`."""
    title: str = ""
    created: str = ""
    jpeg_quality: int = 0
    """0: pages stay lossless inside a PDF."""


class _Target:
    """Counts and hashes what is written."""

    def __init__(self, fd: int) -> None:
        self._fd, self._hash, self.size = fd, hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def bind(page_fds: list[int], target_fd: int, told: BoundAs, beat: Beat) -> dict[str, Any]:
    """Write the pages into `target_fd` as one payload and return its facts; raises `ObjectError`, `OSError`."""
    pages = [(building.read_header(fd), fd) for fd in page_fds]
    target = _Target(target_fd)
    made = _pdf(pages, target, told, beat) if told.output == "pdf" else _multi_frame(pages, target, beat)
    return {**made, "payload_size": target.size, "payload_sha256": target.sha256}


def _multi_frame(pages: list[tuple[FrameHeader, int]], target: _Target, beat: Beat) -> dict[str, Any]:
    first = pages[0][0].record
    for header, fd in pages:
        if _shape(header.record) != _shape(first):
            raise ObjectError("Sheets of different size or kind do not go into one picture.")
        payload = building.payload_of(fd, header)
        for at in range(0, payload.record.payload_size, BUFFER):
            target.write(payload.read_at(at, BUFFER))
            beat()
    spacing = first.scanned_spacing_mm
    return {
        **_facts(first),
        "sop_class_uid": SOP_CLASSES[_class_name(first)],
        "number_of_frames": len(pages),
        "page_numbers": list(range(1, len(pages) + 1)),
        "scanned_spacing_mm": list(spacing) if spacing else None,
        "rotation_degrees": first.rotation_degrees,
        "lossy": [list(stage) for stage in first.lossy],
    }


def _class_name(record: FrameRecord) -> str:
    if record.samples_per_pixel == 3:
        return "multi-frame-true-colour"
    return {1: "multi-frame-single-bit", 8: "multi-frame-grey-byte"}.get(record.bits_allocated, "multi-frame-grey-word")


def _shape(record: FrameRecord) -> tuple[Any, ...]:
    """What pages of one picture have in common; line art also must end at a byte (PS3.5 8.1.1)."""
    odd = record.bits_allocated == 1 and record.rows * record.columns % 8
    return (record.rows, record.columns, record.samples_per_pixel, record.bits_allocated, record.bits_stored,
            record.transfer_syntax_uid, record.scanned_spacing_mm, record.frame_id if odd else "")  # fmt: skip


def _facts(record: FrameRecord) -> dict[str, Any]:
    return {
        "rows": record.rows,
        "columns": record.columns,
        "samples_per_pixel": record.samples_per_pixel,
        "bits_allocated": record.bits_allocated,
        "bits_stored": record.bits_stored,
        "photometric_interpretation": record.photometric_interpretation,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "image_format": record.image_format,
        "processing": record.processing,
        "frame_number": 0,
    }


def _pdf(pages: list[tuple[FrameHeader, int]], target: _Target, told: BoundAs, beat: Beat) -> dict[str, Any]:
    document = pdf.Document(target.write, title=told.title or "Document", created=told.created)
    for header, fd in pages:
        document.page(_page(building.payload_of(fd, header), told.jpeg_quality))
        beat()
    document.end()
    facts = {**_facts(pages[0][0].record), "transfer_syntax_uid": EXPLICIT_VR_LITTLE_ENDIAN, "processing": ""}
    return {
        **facts,
        "sop_class_uid": SOP_CLASSES["encapsulated-pdf"],
        "number_of_frames": len(pages),
        "document_title": told.title,
        "lossy": [],
    }


def _page(payload: building.Payload, quality: int) -> pdf.PdfPage:
    record = payload.record
    data, bits = payload.read_at(0, record.payload_size), min(8, record.bits_allocated)
    if record.bits_allocated == 16:
        data = _upper_eight(data, record.bits_stored)
    as_jpeg = bool(quality) and bits == 8
    height, width = record.scanned_spacing_mm or _DEFAULT_SPACING
    return pdf.PdfPage(
        rows=record.rows,
        columns=record.columns,
        height_mm=record.rows * height,
        width_mm=record.columns * width,
        bits=bits,
        colour=record.samples_per_pixel == 3,
        encoding="DCTDecode" if as_jpeg else "FlateDecode",
        data=_jpeg(data, record, quality) if as_jpeg else pdf.deflated(data, record.rows, record.columns, bits),
    )


def _upper_eight(data: bytes, stored: int) -> bytes:
    import numpy as np

    return bytes((np.frombuffer(data, "<u2") >> (stored - 8)).astype(np.uint8).tobytes())


def _jpeg(data: bytes, record: FrameRecord, quality: int) -> bytes:
    import numpy as np
    import simplejpeg

    pixels = np.frombuffer(data, np.uint8).reshape(record.rows, record.columns, record.samples_per_pixel)
    space = "RGB" if record.samples_per_pixel == 3 else "GRAY"
    return bytes(simplejpeg.encode_jpeg(pixels, quality, space, "422" if space == "RGB" else "Gray"))
