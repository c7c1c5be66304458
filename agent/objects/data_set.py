"""An object from its modules (PS3.3 A.8, A.32, A.45.1), in pydicom's words, without its payload.

Every UID comes from the records; none is made here (promise P3). The same values always give the same data
set.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sequence import Sequence

from agent.annotation import NOTHING_SAID, Annotation
from agent.errors import ObjectInvalid
from agent.key_object import KeyObject
from agent.model import Equipment, FrameRecord, IdentitySnapshot, SeriesRecord
from agent.objects.attributes import Attributes
from agent.objects.document import document
from agent.objects.equipment import equipment
from agent.objects.family import Family, family
from agent.objects.image import image, sop_common
from agent.objects.key_object import key_object
from agent.objects.multi_frame import multi_frame
from agent.objects.patient import patient, patient_study
from agent.objects.pixel import pixel
from agent.objects.said import Told, annotation
from agent.objects.series import series
from agent.objects.strict import FOREIGN, strict
from agent.objects.study import study


def composite(
    snapshot: IdentitySnapshot,
    box: Equipment,
    record: FrameRecord,
    facts: SeriesRecord,
    told: Told = NOTHING_SAID,
) -> Dataset:
    """Return the data set of one picture, clip or document, in tag order, all but its payload.

    `told` is what was said of it, of a key object all that it says. Raises `ObjectInvalid` naming the attribute that
    cannot be written.
    """
    kind = family(record.sop_class_uid)
    if kind.key_object != isinstance(told, KeyObject):
        raise ObjectInvalid("SOPClassUID: a key object is told what it names, and nothing else is.")
    modules: Attributes = {
        **sop_common(record, box, facts),
        **patient(snapshot),
        **patient_study(snapshot),
        **study(snapshot, facts),
        **equipment(box, kind),
        **(
            key_object(snapshot, box, record, facts, told)
            if isinstance(told, KeyObject)
            else {**series(snapshot, box, record, facts), **_shown(record, box, kind, told)}
        ),
    }
    return data_set(modules)


def _shown(record: FrameRecord, box: Equipment, kind: Family, told: Annotation) -> Attributes:
    return {
        **(document(record, box) if kind.document else image(record, box, kind)),
        **annotation(record, box, kind, told),
        **({} if kind.document else pixel(record)),
        **multi_frame(record, kind),
    }


def data_set(attributes: Attributes) -> Dataset:
    """Return attributes by keyword as a data set, each value kept letter by letter; raises `ObjectInvalid`."""
    with strict():
        return _data_set(attributes, "")


def _data_set(attributes: Attributes, path: str) -> Dataset:
    data_set = Dataset()
    for keyword, value in attributes.items():
        _set(data_set, keyword, value, path)
    return data_set


def _set(data_set: Dataset, keyword: str, value: object, path: str) -> None:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = Sequence([_data_set(item, f"{path}{keyword}>") for item in value])
    where = f"{path}{keyword}"
    try:
        setattr(data_set, keyword, value)
        kept = not isinstance(value, str) or not value or str(data_set[keyword].value) == value
    except FOREIGN:
        raise ObjectInvalid(f"{where}: not a value of its VR.", keyword=where) from None
    if not kept:  # pydicom splits at a backslash and trims what it takes for padding
        raise ObjectInvalid(f"{where}: is not kept letter by letter.", keyword=where)
