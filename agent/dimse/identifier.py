"""The query identifier of a Modality Worklist C-FIND (PS3.4 K.4.1.1.3): what is matched, what is returned.

Matching values are checked before the library sees them: a character that the character set lacks must be an
error, because the library would write `?`, which matches other patients. Only names may hold wildcards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from agent.dimse.charset import check_encodable
from agent.dimse.query_keys import REQUIRED_KEYS, STEP, return_keys
from agent.errors import BadRequest
from agent.model import WorklistQuery

_MATCHING = {
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "AccessionNumber": "accession_number",
    "RequestedProcedureID": "requested_procedure_id",
    f"{STEP}/Modality": "modality",
    f"{STEP}/ScheduledStationAETitle": "station_ae_title",
}
"""Matching key to field of `WorklistQuery`; the date window is added as a range."""
_DATE = re.compile(r"[0-9]{8}")


def query_identifier(query: WorklistQuery, *, required_only: bool = False) -> Dataset:
    """Return the identifier of `query`: every return key zero-length, the matching ones with their values.

    Raises `QueryNotEncodable` for text outside of the character set, `BadRequest` for a value that is none of
    its key. SpecificCharacterSet is present only when a value is not ASCII (PS3.4 C.4.1.1.3.1).
    """
    values = _matching_values(query)
    keys = REQUIRED_KEYS if required_only else return_keys(query.trim)
    with config.disable_value_validation():
        identifier = Dataset()
        for path in dict.fromkeys((*keys, *values)):
            _put(identifier, path.split("/"), values.get(path, ""))
        if not all(v.isascii() for v in values.values()):
            identifier.SpecificCharacterSet = query.specific_character_set.split("\\")
    return identifier


def _matching_values(query: WorklistQuery) -> dict[str, str]:
    values = {path: _value(path, getattr(query, name), query) for path, name in _MATCHING.items()}
    values[f"{STEP}/ScheduledProcedureStepStartDate"] = _range(query.date_from, query.date_to)
    return {path: value for path, value in values.items() if value}


def _value(path: str, text: str, query: WorklistQuery) -> str:
    value = unicodedata.normalize("NFC", text).strip(" ")
    if not value.isprintable() or "\\" in value:
        raise BadRequest("A search text holds a character that no search may hold.")
    if path != "PatientName" and any(c in value for c in "*?"):
        raise BadRequest("Only the name may be searched with * and ?.")
    if not value.isascii():
        check_encodable(value, query.specific_character_set)
    return value


def _range(first: str, last: str) -> str:
    """Return a date range (PS3.4 C.2.2.2.5); one day is a single value, which more servers understand."""
    if any(d and not _DATE.fullmatch(d) for d in (first, last)):
        raise BadRequest("A date of the search is not written as YYYYMMDD.")
    return first if first == last else f"{first}-{last}"


def _put(dataset: Dataset, path: Iterable[str], value: str) -> None:
    name, *inner = path
    if not inner:
        setattr(dataset, name, Sequence() if dictionary_VR(name) == "SQ" else value or None)
        return
    if name not in dataset:
        setattr(dataset, name, Sequence([Dataset()]))
    _put(dataset[name].value[0], inner, value)
