"""Image Pixel module and the lossy history (PS3.3 C.7.6.3, C.7.6.1.1.5), without the pixels themselves.

The payload is final at capture (architecture.md, ruling 12) and is spliced in by `part10.py`; here is only
what describes it.
"""

from __future__ import annotations

from agent.model import FrameRecord
from agent.objects.attributes import Attributes

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
H264_HIGH = "1.2.840.10008.1.2.4.102"
"""MPEG-4 AVC/H.264 High Profile / Level 4.1."""
H264_HIGH_42 = "1.2.840.10008.1.2.4.104"
"""MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video."""
NATIVE = frozenset({EXPLICIT_VR_LITTLE_ENDIAN})
LOSSY_SYNTAXES = {JPEG_BASELINE: "ISO_10918_1", H264_HIGH: "ISO_14496_10", H264_HIGH_42: "ISO_14496_10"}
"""Transfer syntaxes that lose something, and the method that the lossy history must end with."""


def pixel(record: FrameRecord) -> Attributes:
    """Return the attributes that describe the payload; a square pixel has no Pixel Aspect Ratio."""
    return {
        "SamplesPerPixel": record.samples_per_pixel,
        "PhotometricInterpretation": record.photometric_interpretation,
        **({"PlanarConfiguration": 0} if record.samples_per_pixel > 1 else {}),
        "Rows": record.rows,
        "Columns": record.columns,
        "BitsAllocated": record.bits_allocated,
        "BitsStored": record.bits_stored,
        "HighBit": record.bits_stored - 1,
        "PixelRepresentation": 0,
        **_spacing(record),
        **_lossy(record),
    }


def _spacing(record: FrameRecord) -> Attributes:
    """A scanned medium has a nominal spacing, and then no aspect ratio (PS3.3 C.8.6.2, C.7.6.3.1.7)."""
    if record.scanned_spacing_mm is None:
        return _aspect_ratio(record)
    return {"NominalScannedPixelSpacing": [f"{value:.6g}" for value in record.scanned_spacing_mm]}


def _aspect_ratio(record: FrameRecord) -> Attributes:
    ratio = record.pixel_aspect_ratio
    return {} if ratio is None or ratio[0] == ratio[1] else {"PixelAspectRatio": list(ratio)}


def _lossy(record: FrameRecord) -> Attributes:
    if not record.lossy:
        return {"LossyImageCompression": "00"}
    return {
        "LossyImageCompression": "01",
        "LossyImageCompressionMethod": [method for method, _ in record.lossy],
        "LossyImageCompressionRatio": [f"{ratio:.6g}" for _, ratio in record.lossy],
    }
