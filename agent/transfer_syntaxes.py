"""Transfer syntaxes by name, and what else to offer a peer that refuses one (dicom.md 2.1, PS3.5 10)."""

from __future__ import annotations

from collections.abc import Mapping

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"

NATIVE = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)

LOSSLESS = frozenset({*NATIVE, RLE_LOSSLESS, JPEG_LS_LOSSLESS, JPEG_2000_LOSSLESS, HTJ2K_LOSSLESS})
"""Into these the build child changes an object: none loses anything."""

BY_NAME: Mapping[str, str] = {
    "rle": RLE_LOSSLESS,
    "jpeg-ls": JPEG_LS_LOSSLESS,
    "jpeg-2000": JPEG_2000_LOSSLESS,
    "htj2k": HTJ2K_LOSSLESS,
}
"""What a destination may prefer for pixels that are stored native."""

_FALLBACKS: Mapping[str, tuple[str, ...]] = {
    JPEG_BASELINE: NATIVE,
    EXPLICIT_VR_LITTLE_ENDIAN: (IMPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS),
    IMPLICIT_VR_LITTLE_ENDIAN: (EXPLICIT_VR_LITTLE_ENDIAN, RLE_LOSSLESS),
    RLE_LOSSLESS: NATIVE,
    JPEG_LS_LOSSLESS: NATIVE,
    JPEG_2000_LOSSLESS: NATIVE,
    HTJ2K_LOSSLESS: NATIVE,
}


def fallbacks(transfer_syntax_uid: str) -> tuple[str, ...]:
    """Return what an object stored in this syntax may be sent in instead, best first; empty: nothing else."""
    return _FALLBACKS.get(transfer_syntax_uid, ())
