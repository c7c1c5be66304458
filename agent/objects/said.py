"""What was said of an object beyond its frame, and where it stands: an annotation, or a key object's content.

Image Laterality (0020,0062) is a member of the General Image and of the Encapsulated Document module. The description
is Image Comments (0020,4000) of the General Image module, which every image and video here has (PS3.3 C.7.6.1.1.1);
a document has no such module and takes it as its Document Title (0042,0010).
"""

from __future__ import annotations

from pydicom import Dataset

from agent.annotation import LATERALITIES, Annotation
from agent.errors import ObjectCorrupt, ObjectInvalid
from agent.key_object import KeyObject
from agent.model import Equipment, FrameRecord, IdentitySnapshot
from agent.objects import key_object
from agent.objects.attributes import Attributes, optional
from agent.objects.family import Family, family

Told = Annotation | KeyObject


def annotation(record: FrameRecord, box: Equipment, kind: Family, told: Annotation) -> Attributes:
    """Return the attributes of what was said of a picture; raises `ObjectInvalid` for no such side."""
    if told.laterality and told.laterality not in LATERALITIES:
        raise ObjectInvalid("ImageLaterality: is not one of the defined values.", keyword="ImageLaterality")
    side = told.laterality or box.image_laterality or "U"
    if kind.document:
        title = told.description or record.document_title or box.series_description or "Document"
        return {"ImageLaterality": side, "DocumentTitle": title}
    return {"ImageLaterality": side, **optional(ImageComments=told.description)}


def compare(data_set: Dataset, snapshot: IdentitySnapshot, box: Equipment, record: FrameRecord, told: Told) -> None:
    """Raise `ObjectCorrupt` unless `data_set`, read again, says exactly what `told` says."""
    kind = family(record.sop_class_uid)
    if isinstance(told, KeyObject):
        key_object.compare(data_set, snapshot, told)
        return
    wanted = annotation(record, box, kind, told)
    keywords = ("ImageLaterality", "DocumentTitle" if kind.document else "ImageComments")
    stated = {keyword: str(data_set[keyword].value) for keyword in keywords if keyword in data_set}
    if stated != wanted:
        raise ObjectCorrupt("The written object does not say what was said of its picture.")
