"""Which object a picture becomes, as a table: SOP Classes by what their modules ask for (PS3.3 A.8, A.32, A.45.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.errors import ObjectInvalid
from agent.sop_classes import KEY_OBJECT, MODALITIES, SOP_CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One SOP Class that this box builds."""

    name: str
    secondary: bool = True
    """SC Equipment module, with Conversion Type; otherwise (visible light) General Equipment, Acquisition Context."""
    multi_frame: bool = False
    video: bool = False
    document: bool = False
    key_object: bool = False
    """A document that names objects and has no payload."""
    samples: frozenset[int] = frozenset({1, 3})
    photometric: frozenset[str] = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL_422"})
    bits: frozenset[tuple[int, int]] = frozenset()
    """(Bits Allocated, Bits Stored) that are allowed; empty: any."""

    @property
    def modality(self) -> str:
        """The only Modality that is allowed; empty: any."""
        return MODALITIES.get(self.name.rpartition("-")[2], "")

    @property
    def sop_class_uid(self) -> str:
        return KEY_OBJECT if self.key_object else SOP_CLASSES[self.name]


_GREY, _COLOUR = frozenset({1}), frozenset({3})
_VISIBLE = frozenset({"MONOCHROME2", "RGB", "YBR_FULL_422"})
_BYTE = frozenset({(8, 8)})

_ALL = (
    Family(name="secondary-capture"),
    Family(
        name="multi-frame-single-bit",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=frozenset({(1, 1)}),
    ),
    Family(
        name="multi-frame-grey-byte",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=_BYTE,
    ),
    Family(
        name="multi-frame-grey-word",
        multi_frame=True,
        samples=_GREY,
        photometric=frozenset({"MONOCHROME2"}),
        bits=frozenset((16, stored) for stored in range(9, 17)),
    ),
    Family(
        name="multi-frame-true-colour",
        multi_frame=True,
        samples=_COLOUR,
        photometric=frozenset({"RGB", "YBR_FULL_422"}),
        bits=_BYTE,
    ),
    *(
        Family(
            name=f"vl-{name}",
            secondary=False,
            photometric=_VISIBLE,
            bits=_BYTE,
        )
        for name in ("endoscopic", "microscopic", "photographic")
    ),
    *(
        Family(
            name=f"video-{name}",
            secondary=False,
            multi_frame=True,
            video=True,
            samples=_COLOUR,
            photometric=frozenset({"YBR_PARTIAL_420"}),
            bits=_BYTE,
        )
        for name in ("endoscopic", "microscopic", "photographic")
    ),
    Family(name="encapsulated-pdf", document=True),
    Family(name="key-object-selection", secondary=False, key_object=True),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.sop_class_uid: family for family in _ALL})
BY_NAME: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})


def family(sop_class_uid: str) -> Family:
    """Return the row of a SOP Class; raises `ObjectInvalid` for one that this box does not build."""
    try:
        return FAMILIES[sop_class_uid]
    except KeyError:
        raise ObjectInvalid("SOPClassUID: is not one that this box builds.", keyword="SOPClassUID") from None
