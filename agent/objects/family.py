"""Which object a picture becomes, as a table: SOP Classes by what their modules ask for (PS3.3 A.8, A.32, A.45.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.errors import ObjectInvalid

_STORAGE = "1.2.840.10008.5.1.4.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One SOP Class that this box builds."""

    name: str
    sop_class_uid: str
    secondary: bool = True
    """SC Equipment module, with Conversion Type; otherwise (visible light) General Equipment, Acquisition Context."""
    multi_frame: bool = False
    video: bool = False
    document: bool = False
    samples: frozenset[int] = frozenset({1, 3})
    photometric: frozenset[str] = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL_422"})
    bits: frozenset[tuple[int, int]] = frozenset()
    """(Bits Allocated, Bits Stored) that are allowed; empty: any."""


_GREY, _COLOUR = frozenset({1}), frozenset({3})
_VISIBLE = frozenset({"MONOCHROME2", "RGB", "YBR_FULL_422"})
_BYTE = frozenset({(8, 8)})

_ALL = (
    Family(name="secondary-capture", sop_class_uid=f"{_STORAGE}.7"),
    Family(
        name="multi-frame-single-bit",
        sop_class_uid=f"{_STORAGE}.7.1",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=frozenset({(1, 1)}),
    ),
    Family(
        name="multi-frame-grey-byte",
        sop_class_uid=f"{_STORAGE}.7.2",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=_BYTE,
    ),
    Family(
        name="multi-frame-grey-word",
        sop_class_uid=f"{_STORAGE}.7.3",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=frozenset((16, stored) for stored in range(9, 17)),
    ),
    Family(
        name="multi-frame-true-colour",
        sop_class_uid=f"{_STORAGE}.7.4",
        multi_frame=True,
        samples=_COLOUR,
        photometric=frozenset({"RGB", "YBR_FULL_422"}),
        bits=_BYTE,
    ),
    *(
        Family(
            name=f"vl-{name}",
            sop_class_uid=f"{_STORAGE}.77.1.{number}",
            secondary=False,
            photometric=_VISIBLE,
            bits=_BYTE,
        )
        for name, number in (("endoscopic", 1), ("microscopic", 2), ("photographic", 4))
    ),
    *(
        Family(
            name=f"video-{name}",
            sop_class_uid=f"{_STORAGE}.77.1.{number}.1",
            secondary=False,
            multi_frame=True,
            video=True,
            samples=_COLOUR,
            photometric=frozenset({"YBR_PARTIAL_420"}),
            bits=_BYTE,
        )
        for name, number in (("endoscopic", 1), ("microscopic", 2), ("photographic", 4))
    ),
    Family(name="encapsulated-pdf", sop_class_uid=f"{_STORAGE}.104.1", document=True),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.sop_class_uid: family for family in _ALL})
BY_NAME: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})
SECONDARY_CAPTURE_IMAGE_STORAGE = BY_NAME["secondary-capture"].sop_class_uid


def family(sop_class_uid: str) -> Family:
    """Return the row of a SOP Class; raises `ObjectInvalid` for one that this box does not build."""
    try:
        return FAMILIES[sop_class_uid]
    except KeyError:
        raise ObjectInvalid("SOPClassUID: is not one that this box builds.", keyword="SOPClassUID") from None
