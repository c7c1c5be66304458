"""SOP Classes by our name for them, without pydicom: the core says which, the build child knows what they need."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_STORAGE = "1.2.840.10008.5.1.4.1.1"

SOP_CLASSES: Mapping[str, str] = MappingProxyType({
    "secondary-capture": f"{_STORAGE}.7",
    "multi-frame-single-bit": f"{_STORAGE}.7.1",
    "multi-frame-grey-byte": f"{_STORAGE}.7.2",
    "multi-frame-grey-word": f"{_STORAGE}.7.3",
    "multi-frame-true-colour": f"{_STORAGE}.7.4",
    "vl-endoscopic": f"{_STORAGE}.77.1.1",
    "vl-microscopic": f"{_STORAGE}.77.1.2",
    "vl-photographic": f"{_STORAGE}.77.1.4",
    "video-endoscopic": f"{_STORAGE}.77.1.1.1",
    "video-microscopic": f"{_STORAGE}.77.1.2.1",
    "video-photographic": f"{_STORAGE}.77.1.4.1",
    "encapsulated-pdf": f"{_STORAGE}.104.1",
})  # fmt: skip

KEY_OBJECT = f"{_STORAGE}.88.59"
"""Key Object Selection Document Storage: made here, never chosen for a source."""

MODALITIES: Mapping[str, str] = MappingProxyType({"endoscopic": "ES", "microscopic": "GM", "photographic": "XC"})
"""The one Modality that each kind of visible-light object may carry (PS3.3 A.32)."""

VIDEO: frozenset[str] = frozenset(uid for name, uid in SOP_CLASSES.items() if name.startswith("video-"))
