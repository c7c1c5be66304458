"""Transfer syntaxes by name, and what else to offer a peer that refuses one (dicom.md 2.1, PS3.5 10)."""

from __future__ import annotations

from collections.abc import Mapping

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

_NATIVE = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_LOSSLESS = (JPEG_LS_LOSSLESS, JPEG_LOSSLESS_SV1, JPEG_2000_LOSSLESS, RLE_LOSSLESS, *_NATIVE)

LOSSLESS = frozenset({*_LOSSLESS, HTJ2K_LOSSLESS})
"""Into these an object may be changed: none loses anything. HTJ2K is never offered by itself."""

_FALLBACKS: Mapping[str, tuple[str, ...]] = {
    JPEG_BASELINE: _NATIVE,
    **{syntax: tuple(other for other in _LOSSLESS if other != syntax) for syntax in LOSSLESS},
}


def fallbacks(transfer_syntax_uid: str) -> tuple[str, ...]:
    """Return what an object stored in this syntax may be sent in instead, best first; empty: nothing else."""
    return _FALLBACKS.get(transfer_syntax_uid, ())
