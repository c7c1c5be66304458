"""The tables of the sources: which driver, how the picture is made, what the object says (PS3.3 C.8.6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from agent.config import options
from agent.config.section import Complaint, Section
from agent.config.values import (
    AsTuple,
    CodeString,
    FilePath,
    LongString,
    Modality,
    Name,
    ShortString,
    setting,
)
from agent.sop_classes import MODALITIES

Rectangle = tuple[int, int, int, int]


class Picture(Section):
    """How the durable picture is made of the source's frame; final at capture (ruling 12)."""

    encoding: Literal["lossless", "jpeg"] = setting(
        "lossless", "How pixels are kept: every pixel as captured, or JPEG baseline (declared lossy)."
    )
    jpeg_quality: int = setting(90, 'Quality of `encoding = "jpeg"`.', unit="percent", ge=50, le=100)
    deinterlace: Literal["none", "field", "blend", "weave"] = setting(
        "field",
        "Interlaced video: `field` keeps one field and fills the lines between, `blend` mixes both, `weave` "
        "takes both as they are (a still scene only), `none` does nothing; progressive video stays as it is.",
    )
    crop: Annotated[Rectangle | None, AsTuple] = setting(
        None,
        "Part of the picture that is kept: x, y, width, height; absent: all of it.",
        unit="pixels",
        example=[8, 8, 704, 560],
    )
    mask: Annotated[tuple[Rectangle, ...], AsTuple] = setting(
        (),
        "Rectangles painted black, each x, y, width, height, counted before cropping.",
        unit="pixels",
        example=[[0, 0, 320, 24]],
    )
    rotate: Literal[0, 90, 180, 270] = setting(
        0, "How far the picture is turned clockwise, after masking and cropping.", unit="degrees"
    )
    mirror: bool = setting(False, "Whether left and right are exchanged, after turning.")
    accept_still_screen: bool = setting(
        False, "Allow stills from a picture that does not move at all: a screen, a frozen digital image."
    )
    colour: Literal["colour", "grey"] = setting("colour", "Whether the picture is kept in colour or turned to grey.")

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield each rectangle that lies outside every picture."""
        if _outside(raw.get("crop")):
            yield ("crop",), _RECTANGLE
        mask = raw.get("mask")
        for number, rectangle in enumerate(mask if isinstance(mask, list | tuple) else ()):
            if _outside(rectangle):
                yield ("mask", number), _RECTANGLE


_RECTANGLE = "x and y must be 0 or more, width and height 1 or more, none above 16384"


def _outside(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 4 or not all(isinstance(v, int) for v in value):
        return False  # a wrong shape is told by its type
    return any(v < least or v > 16384 for v, least in zip(value, (0, 0, 1, 1), strict=True))


VIDEO_CLASSES = ("video-endoscopic", "video-microscopic", "video-photographic")


class Clip(Section):
    """How clips are recorded and which object they become."""

    output: Literal["multi-frame", "video-endoscopic", "video-microscopic", "video-photographic"] = setting(
        "multi-frame",
        "What a clip becomes: `multi-frame` (Secondary Capture, JPEG frames as recorded) or an H.264 video of one of "
        "the visible-light classes.",
    )
    quality: int = setting(90, "JPEG quality of each recorded frame.", unit="percent", ge=50, le=100)
    pre_trigger_s: float = setting(
        0.0, "How much from before the press is kept, never from before the exam was opened.", unit="s", ge=0, le=30
    )
    longest_s: float = setting(120.0, "A clip ends by itself after this time.", unit="s", ge=1, le=3600)
    largest_mb: int = setting(
        1900, "A clip is split before it is larger than this.", unit="MB", ge=1, le=1900
    )


class Document(Section):
    """What scanned sheets become when the exam is finished."""

    output: Literal["pages", "multi-frame", "pdf"] = setting(
        "pages",
        "What the sheets become: `pages` one picture each; `multi-frame` one object of all, numbered (film); `pdf` one "
        "PDF/A document (paper).",
    )
    title: LongString = setting("", "Document Title (0042,0010) of a PDF; empty: the series description.")
    jpeg_quality: int = setting(
        0, "Quality of the pages inside a PDF; 0: lossless, larger.", unit="percent", ge=0, le=100
    )


class CodeConfig(Section):
    """One coded concept (PS3.3 8.8)."""

    value: ShortString = setting(..., "Code Value.", example="71854001", min_length=1)
    scheme: ShortString = setting(..., "Coding Scheme Designator.", example="SCT", min_length=1)
    meaning: LongString = setting(..., "Code Meaning.", example="Colon", min_length=1)


class ObjectConfig(Section):
    """What the DICOM object says about the device and the picture."""

    sop_class: Literal["secondary-capture", "vl-endoscopic", "vl-microscopic", "vl-photographic"] = setting(
        "secondary-capture", "Which object a still becomes; a visible-light class only where the archive takes it."
    )
    modality: Modality = setting(..., "Modality (0008,0060): what the legacy device is.", example="US")
    conversion_type: Literal["DV", "DI", "DF", "SD", "SI", "WSD", "DRW", "SYN"] = setting(
        "DV",
        "Conversion Type (0008,0064): DV analog video, DI digital interface, DF film, SD paper document, SI "
        "print, WSD workstation, DRW drawing, SYN synthetic.",
    )
    series_description: LongString = setting(
        "", "Series Description (0008,103E); empty: left out.", example="Ultrasound stills"
    )
    protocol_name: LongString = setting("", "Protocol Name (0018,1030); empty: left out.", example="Abdomen")
    body_part_examined: CodeString = setting(
        "",
        "Body Part Examined (0018,0015), a defined term of PS3.16 annex L; empty: left out.",
        example="ABDOMEN",
    )
    anatomic_region: CodeConfig | None = setting(
        None,
        "Anatomic Region Sequence (0008,2218); absent: left out.",
        example={"value": "71854001", "scheme": "SCT", "meaning": "Colon"},
    )
    image_laterality: Literal["R", "L", "B", "U"] = setting(
        "U", "Image Laterality (0020,0062): right, left, both, or U for unpaired or not known."
    )
    burned_in_annotation: bool = setting(
        True, "Burned In Annotation (0028,0301): the device's own screen may show the patient's name."
    )
    device_manufacturer: LongString = setting(
        "",
        "Manufacturer of the legacy device, for Contributing Equipment; empty: not known.",
        example="Aloka",
    )
    device_model_name: LongString = setting("", "Model of the legacy device; empty: not known.", example="SSD-500")
    device_serial: LongString = setting("", "Serial number of the legacy device; empty: not known.", example="M01234")


class Driven(Section):
    """What sources and triggers have in common: a driver and its options."""

    name: Name = setting(..., "Name of this device on the screens and in the logs.", example="us1")
    driver: str = setting(..., "Driver that speaks to the device.", example="simulator")
    options: dict[str, Any] = setting({}, "Settings of the driver; each driver declares its own.", example={})

    @classmethod
    def kind(cls) -> str:
        """Return which drivers this table may name: `source` or `trigger`."""
        return "source"

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield an unknown driver, else what its options' declaration does not allow."""
        driver = raw.get("driver")
        if not isinstance(driver, str):
            return
        unknown = options.unknown_driver(driver, cls.kind())
        if unknown:
            yield ("driver",), unknown
        elif isinstance(raw.get("options", {}), Mapping):
            yield from ((("options", *where), why) for where, why in options.complaints(driver, raw.get("options", {})))


class SourceConfig(Driven):
    """One device that makes pictures."""

    profile: FilePath = setting(
        "",
        "TOML file whose tables `picture`, `clip`, `object` and `options` fill in what this source leaves out.",
        example="profiles/old-ultrasound-pal.toml",
    )
    picture: Picture = setting(Picture(), "How the picture is made.", example={"encoding": "lossless"})
    clip: Clip = setting(Clip(), "How clips are recorded.", example={"pre_trigger_s": 2})
    document: Document = setting(Document(), "What scanned sheets become.", example={"output": "pdf"})
    object: ObjectConfig = setting(..., "What the DICOM object says.", example={"modality": "US"})
    description_presets: Annotated[tuple[LongString, ...], AsTuple] = setting(
        (),
        "What a technician may say of a single picture in review; in its object as Image Comments (0020,4000), of a "
        "document as Document Title (0042,0010).",
        example=["Антральний відділ", "Цибулина ДПК"],
        max_length=40,
    )

    @classmethod
    def complaints(cls, raw: Mapping[str, Any]) -> Iterator[Complaint]:
        """Yield what the driver does not allow, and a video that nobody says the anatomy of (PS3.3 A.32.5)."""
        yield from super().complaints(raw)
        clip, told = raw.get("clip"), raw.get("object")
        if isinstance(told, Mapping):
            yield from _other_modality(told, clip if isinstance(clip, Mapping) else {})
        is_video = isinstance(clip, Mapping) and clip.get("output") in VIDEO_CLASSES
        if is_video and isinstance(told, Mapping) and not told.get("anatomic_region"):
            yield ("object", "anatomic_region"), "a video object has to say which part of the body it shows"


def _other_modality(told: Mapping[str, Any], clip: Mapping[str, Any]) -> Iterator[Complaint]:
    for name in (told.get("sop_class"), clip.get("output")):
        wanted = MODALITIES.get(str(name).rpartition("-")[2])
        if wanted and told.get("modality") != wanted:
            yield ("object", "modality"), f"a {name} object has the modality {wanted}"


class TriggerConfig(Driven):
    """One pedal, button or line that captures."""

    driver: str = setting(..., "Driver that speaks to the device.", example="serial_line")
    source: Name = setting(..., "Name of the source that a press captures from.", example="us1")

    @classmethod
    def kind(cls) -> str:
        """Return `trigger`."""
        return "trigger"

    def reads_barcodes(self) -> bool:
        """Return whether this is a reader: what it says is a scan, not a press."""
        action = self.options.get("action") or options.defaults(self.driver).get("action")
        return action == "scan"
