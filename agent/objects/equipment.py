"""General Equipment and SC Equipment modules (PS3.3 C.7.5.1, C.8.6.1): this box and its device.

The box is the equipment of the object; the legacy device is named in the Contributing Equipment Sequence
(PS3.3 C.12.1) as Acquisition Equipment (CID 7005), if its manufacturer (type 1 there) is known.
"""

from __future__ import annotations

from agent.model import Code, Equipment
from agent.objects.attributes import Attributes, code_items, optional
from agent.objects.family import Family

ACQUISITION_EQUIPMENT = Code(value="109101", scheme="DCM", meaning="Acquisition Equipment")


def equipment(box: Equipment, kind: Family) -> Attributes:
    """Return both modules; identity of the box is written even where the standard leaves it optional."""
    return {
        "Manufacturer": box.manufacturer,
        **(_secondary(box) if kind.secondary else {}),
        **optional(
            ManufacturerModelName=box.manufacturer_model_name,
            DeviceSerialNumber=box.device_serial_number,
            SoftwareVersions=box.software_versions,
            DeviceUID=box.device_uid,
            StationName=box.station_name,
            InstitutionName=box.institution_name,
            InstitutionAddress=box.institution_address,
            InstitutionalDepartmentName=box.institutional_department_name,
            ContributingEquipmentSequence=_contributing(box),
        ),
    }


def _secondary(box: Equipment) -> Attributes:
    return {
        "ConversionType": box.conversion_type,
        **optional(
            SecondaryCaptureDeviceID=box.device_serial_number,
            SecondaryCaptureDeviceManufacturer=box.manufacturer,
            SecondaryCaptureDeviceManufacturerModelName=box.manufacturer_model_name,
            SecondaryCaptureDeviceSoftwareVersions=box.software_versions,
        ),
    }


def _contributing(box: Equipment) -> list[Attributes]:
    if not box.device_manufacturer:
        return []
    return [
        {
            "PurposeOfReferenceCodeSequence": code_items([ACQUISITION_EQUIPMENT]),
            "Manufacturer": box.device_manufacturer,
            **optional(ManufacturerModelName=box.device_model_name, DeviceSerialNumber=box.device_serial),
        }
    ]
