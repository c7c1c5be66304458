"""Which lossy stage a picture has already passed (Lossy Image Compression Method, PS3.3 C.7.6.1.1.5).

A stage is a pair (method, ratio). The ratio is measured where the compressed bytes are seen, configured where
they are not, and 0.0 where nobody knows it: it is never estimated from nothing. Whoever writes the object
leaves the whole Lossy Image Compression Ratio out when one of the ratios is 0.0.
"""

from __future__ import annotations

Stage = tuple[str, float]

METHODS = {
    "MJPG": "ISO_10918_1",
    "JPEG": "ISO_10918_1",
    "MPG2": "ISO_13818_2",
    "MP2V": "ISO_13818_2",
    "H264": "ISO_14496_10",
    "X264": "ISO_14496_10",
    "AVC1": "ISO_14496_10",
    "HEVC": "ISO_23008_2",
    "H265": "ISO_23008_2",
    "HEV1": "ISO_23008_2",
    "HVC1": "ISO_23008_2",
}
"""FOURCC in capitals to DICOM's name; what is not here is taken as uncompressed."""

JPEG_BASELINE = "ISO_10918_1"


def stages(fourcc: int, ratio: float = 0.0) -> tuple[Stage, ...]:
    """Return the lossy history of pictures that came as `fourcc` (OpenCV's number), empty for raw formats."""
    name = bytes(fourcc >> shift & 0xFF for shift in (0, 8, 16, 24)).decode("latin-1").strip("\0 ").upper()
    return ((METHODS[name], ratio),) if name in METHODS else ()


def measured(rows: int, columns: int, samples: int, compressed: int) -> Stage:
    """Return the stage of a JPEG of `compressed` bytes that holds 8-bit pixels of this shape."""
    return (JPEG_BASELINE, round(rows * columns * samples / max(1, compressed), 2))
