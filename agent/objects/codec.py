"""One frame in and out of each transfer syntax that we speak (PS3.5 8.2, A.4); a codec is loaded when it is needed.

Everything but JPEG Baseline is lossless, and JPEG Baseline is only ever decoded here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agent.errors import ObjectError
from agent.transfer_syntaxes import HTJ2K_LOSSLESS, JPEG_2000_LOSSLESS, JPEG_BASELINE, JPEG_LS_LOSSLESS, RLE_LOSSLESS

Pixels = npt.NDArray[Any]

PHOTOMETRIC = {HTJ2K_LOSSLESS: "YBR_RCT", JPEG_2000_LOSSLESS: "YBR_RCT"}
"""What colour is called in a syntax that transforms it without loss (PS3.5 8.2.4, 8.2.15); elsewhere RGB."""


def encode(syntax: str, pixels: Pixels) -> bytes:
    """Return one frame (rows, columns[, 3], 8 or 16 bits) in a lossless syntax; raises `ObjectError` for any other."""
    import imagecodecs

    colour = pixels.ndim == 3
    if syntax == JPEG_LS_LOSSLESS:
        return bytes(imagecodecs.jpegls_encode(pixels, out=pixels.nbytes * 2 + 4096))
    if syntax == JPEG_2000_LOSSLESS:
        return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, mct=colour))
    if syntax == HTJ2K_LOSSLESS:
        return bytes(imagecodecs.htj2k_encode(pixels, reversible=True, rgb=colour))
    if syntax == RLE_LOSSLESS:
        return _rle(pixels)
    raise ObjectError("An object is not changed into a syntax that may lose something.")


def _rle(pixels: Pixels) -> bytes:
    from pydicom.pixels.encoders.base import RLELosslessEncoder

    colour, bits = pixels.ndim == 3, pixels.itemsize * 8
    planes: dict[str, Any] = {"planar_configuration": 0} if colour else {}
    return bytes(
        RLELosslessEncoder.encode(
            pixels,
            rows=pixels.shape[0],
            columns=pixels.shape[1],
            samples_per_pixel=3 if colour else 1,
            photometric_interpretation="RGB" if colour else "MONOCHROME2",
            pixel_representation=0,
            bits_allocated=bits,
            bits_stored=bits,
            number_of_frames=1,
            **planes,
        )
    )


def decode(syntax: str, data: bytes, shape: tuple[int, ...], kind: np.dtype[Any]) -> Pixels:
    """Return one frame decoded, colour as RGB; raises whatever the codec raises, or `ValueError` for another shape."""
    if syntax == JPEG_BASELINE:
        import simplejpeg

        found: Pixels = simplejpeg.decode_jpeg(data, "RGB" if len(shape) == 3 else "GRAY")
        found = found if len(shape) == 3 else found[:, :, 0]
    else:
        found = _decode_lossless(syntax, data, shape, kind)
    if found.shape != shape or found.dtype != kind:
        raise ValueError("another picture than was said")
    return found


def _decode_lossless(syntax: str, data: bytes, shape: tuple[int, ...], kind: np.dtype[Any]) -> Pixels:
    import imagecodecs

    if syntax == JPEG_LS_LOSSLESS:
        return np.asarray(imagecodecs.jpegls_decode(data))
    if syntax == JPEG_2000_LOSSLESS:
        return np.asarray(imagecodecs.jpeg2k_decode(data))
    if syntax == HTJ2K_LOSSLESS:
        return np.asarray(imagecodecs.htj2k_decode(data))
    if syntax == RLE_LOSSLESS:
        flat = np.frombuffer(imagecodecs.dicomrle_decode(data, kind), kind)
        return flat.reshape(shape) if len(shape) == 2 else flat.reshape(3, *shape[:2]).transpose(1, 2, 0)
    raise ValueError("an unknown syntax")
