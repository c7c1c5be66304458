"""Plays recorded pictures for ever as if a device sent them: a folder of pictures, a video, a DICOM cine.

The one place among the drivers that may load pydicom, and only inside `open_reel` for a `.dcm` file: real
ultrasound cines are DICOM, and a driver that shows them to a test has to read them. cv2 and simplejpeg, too,
are imported where a file needs them. One decoded picture is held at a time, whatever the length of the
recording.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from drivers.contract import DriverError, Geometry, PixelFormat
from drivers.lossy import Stage, measured, stages

Picture = npt.NDArray[np.uint8]
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
JPEG_SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
NATIVE_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")


class Reel(Protocol):
    """Something that can be shown picture by picture, in a circle."""

    geometry: Geometry
    frames_per_s: float
    """0.0: the recording does not say."""

    def render(self, number: int) -> Picture: ...

    def lossy(self, number: int) -> tuple[Stage, ...]: ...

    def close(self) -> None: ...


def open_reel(path: str) -> Reel:
    """Return the reel at `path`; raises `DriverError` (`absent`, `format`)."""
    file = Path(path)
    if not file.exists():
        raise DriverError("absent", "there is nothing to replay")
    if file.is_dir():
        return Folder(file)
    return Cine(file) if _is_dicom(file) else Video(file)


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as f:
        return f.read(132)[128:] == b"DICM"


def _geometry(picture: Picture, name: str) -> Geometry:
    kind = PixelFormat.GREY if picture.ndim == 2 else PixelFormat.RGB
    return Geometry(rows=picture.shape[0], columns=picture.shape[1], pixel_format=kind, image_format=name)


class Folder:
    """The pictures of one folder in the order of their names."""

    frames_per_s = 0.0

    def __init__(self, folder: Path) -> None:
        self._files = sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURES)
        if not self._files:
            raise DriverError("format", "the folder holds no pictures")
        self.geometry = _geometry(self.render(0), "replay of pictures")

    def render(self, number: int) -> Picture:
        import cv2

        data = np.frombuffer(self._file(number).read_bytes(), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if picture is None:
            raise DriverError("format", "a picture cannot be decoded")
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def _file(self, number: int) -> Path:
        return self._files[number % len(self._files)]

    def lossy(self, number: int) -> tuple[Stage, ...]:
        file = self._file(number)
        if not file.suffix.lower().startswith(".j"):
            return ()
        return (measured(self.geometry.rows, self.geometry.columns, 3, file.stat().st_size),)

    def close(self) -> None:
        """Nothing is open between pictures."""


class Video:
    """A video file; pictures that nobody asked for are skipped, at the end it starts again."""

    def __init__(self, file: Path) -> None:
        import cv2

        self._cv2, self._file, self._next = cv2, file, 0
        self._capture: Any = cv2.VideoCapture(str(file))
        if not self._capture.isOpened():
            raise DriverError("format", "the video cannot be opened")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.frames_per_s = rate if 0 < rate <= 240 else 0.0
        self._lossy = stages(int(self._capture.get(cv2.CAP_PROP_FOURCC)))
        self.geometry = _geometry(self.render(0), "replay of a video")

    def render(self, number: int) -> Picture:
        while self._next < number and self._capture.grab():
            self._next += 1
        taken, picture = self._capture.read()
        if not taken:
            self._capture.release()
            self._capture = self._cv2.VideoCapture(str(self._file))
            taken, picture = self._capture.read()
        if not taken:
            raise DriverError("format", "the video cannot be read")
        self._next = number + 1
        return np.asarray(self._cv2.cvtColor(picture, self._cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def lossy(self, number: int) -> tuple[Stage, ...]:  # noqa: ARG002 - the same for every picture
        return self._lossy

    def close(self) -> None:
        self._capture.release()


class Cine:
    """A DICOM image of 8 bits, native or JPEG baseline, one frame or many (PS3.5 8.2, A.4)."""

    def __init__(self, file: Path) -> None:
        import pydicom

        try:
            dataset = pydicom.dcmread(file)
            self._frames, self._grey = _frames(dataset)
            time_ms = float(dataset.get("FrameTime") or 0)
        except (AttributeError, KeyError, ValueError, pydicom.errors.InvalidDicomError) as e:
            raise DriverError("format", "the DICOM file cannot be replayed") from e
        self._shape = (int(dataset.Rows), int(dataset.Columns))
        self._planar = int(dataset.get("PlanarConfiguration") or 0)
        self._jpeg = dataset.file_meta.TransferSyntaxUID in JPEG_SYNTAXES
        self._history = _history(dataset)
        self.frames_per_s = 1000 / time_ms if time_ms > 0 else float(dataset.get("CineRate") or 0)
        self.geometry = _geometry(self.render(0), "replay of a cine")

    def render(self, number: int) -> Picture:
        data = self._frames[number % len(self._frames)]
        if self._jpeg:
            return _decode(data, grey=self._grey)
        pixels = np.frombuffer(data, np.uint8)
        if self._grey:
            return pixels.reshape(self._shape).copy()
        if self._planar:
            return np.ascontiguousarray(pixels.reshape(3, *self._shape).transpose(1, 2, 0))
        return pixels.reshape(*self._shape, 3).copy()

    def lossy(self, number: int) -> tuple[Stage, ...]:
        if self._history or not self._jpeg:
            return self._history
        size = len(self._frames[number % len(self._frames)])
        return (measured(*self._shape, 1 if self._grey else 3, size),)

    def close(self) -> None:
        """The file was read as a whole."""


def _decode(data: bytes, *, grey: bool) -> Picture:
    import simplejpeg

    try:
        picture = simplejpeg.decode_jpeg(data, colorspace="GRAY" if grey else "RGB")
    except ValueError as e:
        raise DriverError("format", "a frame of the cine cannot be decoded") from e
    return np.asarray(picture[..., 0] if grey else picture, dtype=np.uint8)


def _frames(dataset: Any) -> tuple[list[bytes], bool]:
    """Return the bytes of each frame and whether they are grey; raises `ValueError` for what is not
    supported.
    """
    from pydicom.encaps import generate_frames

    syntax, count = dataset.file_meta.TransferSyntaxUID, int(dataset.get("NumberOfFrames") or 1)
    grey = int(dataset.SamplesPerPixel) == 1
    kinds = ("MONOCHROME2",) if grey else ("RGB", "YBR_FULL_422", "YBR_FULL")
    if dataset.BitsAllocated != 8 or dataset.PhotometricInterpretation not in kinds:
        raise ValueError("only 8-bit grey and colour")
    if syntax in JPEG_SYNTAXES:
        return list(generate_frames(dataset.PixelData, number_of_frames=count)), grey
    size = int(dataset.Rows) * int(dataset.Columns) * (1 if grey else 3)
    native_colour = dataset.PhotometricInterpretation in ("RGB", "MONOCHROME2")
    if syntax not in NATIVE_SYNTAXES or not native_colour or len(dataset.PixelData) < size * count:
        raise ValueError("only native RGB and grey, and JPEG baseline")
    return [dataset.PixelData[i * size : (i + 1) * size] for i in range(count)], grey


def _history(dataset: Any) -> tuple[Stage, ...]:
    methods, ratios = dataset.get("LossyImageCompressionMethod"), dataset.get("LossyImageCompressionRatio")
    if not methods or not ratios:
        return ()
    methods = [methods] if isinstance(methods, str) else list(methods)
    ratios = list(ratios) if isinstance(ratios, list | tuple) or hasattr(ratios, "__len__") else [ratios]
    if len(methods) != len(ratios):
        return ()
    return tuple((str(m), float(r)) for m, r in zip(methods, ratios, strict=True))
