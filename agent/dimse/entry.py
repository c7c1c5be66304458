"""One C-FIND identifier as raw bytes to one worklist entry (PS3.4 table K.6-1).

The bytes come from a foreign server. Everything the library does with them happens inside `read_entry`, so
that one broken answer costs one line of the list and not the list. Nothing of the answer's content gets into
an error: the reason for an unreadable answer is the kind of mistake only.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from agent.dimse.charset import TextReader
from agent.dimse.query_keys import ALL_KEYS, STEP
from agent.model import ScheduledProcedureStep, WorklistQuery
from agent.repair import RawEntry, Values, repair

MAXIMUM_BYTES = 32 << 10
"""A worklist entry is 1 to 4 KiB; a larger answer is not read at all."""
_CHARSET = "SpecificCharacterSet"
_MISTAKES = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    OSError,
    EOFError,
    struct.error,
    BytesLengthException,
    InvalidDicomError,
)
"""What the library was seen to raise, or may raise, on bytes that are no data set."""


class UnreadableAnswer(Exception):
    """One answer could not be read; the reason holds nothing of its content."""


def _tree(paths: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys as nested dictionaries; a leaf is an empty one."""
    root: dict[str, Any] = {}
    for path in paths:
        node = root
        for part in path.split("/"):
            node = node.setdefault(part, {})
    return root


_KEYS = _tree(ALL_KEYS)


def read_entry(raw: bytes, query: WorklistQuery, *, implicit_vr: bool) -> ScheduledProcedureStep:
    """Return the repaired entry of one identifier in Little Endian; raises only `UnreadableAnswer`."""
    if len(raw) > MAXIMUM_BYTES:
        raise UnreadableAnswer("larger than an answer may be")
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            entry = _raw_entry(read_dataset(BytesIO(raw), implicit_vr, True), query)
    except _MISTAKES as e:
        raise UnreadableAnswer(f"not a readable data set ({type(e).__name__})") from None
    return repair(entry, today=query.today, station_ae_title=query.station_ae_title)


def _raw_entry(dataset: Dataset, query: WorklistQuery) -> RawEntry:
    if len(dataset) == 0:
        raise ValueError("an empty answer")
    texts = _Texts(query)
    reader = texts.reader(dataset, None)
    steps = _items(dataset, STEP)
    first = steps[0] if steps else Dataset()
    step_reader = texts.reader(first, reader)
    items = texts.sequences(dataset, _KEYS, reader) | texts.sequences(first, _KEYS[STEP], step_reader)
    return RawEntry(
        values=_values(dataset, _KEYS, reader),
        step=_values(first, _KEYS[STEP], step_reader),
        step_count=len(steps),
        items=items,
        charset_assumed=texts.assumed,
    )


class _Texts:
    """The text readers of one answer: an item without a character set of its own has its parent's."""

    def __init__(self, query: WorklistQuery) -> None:
        self._query = query
        self._readers: list[TextReader] = []

    @property
    def assumed(self) -> bool:
        return any(r.assumed for r in self._readers)

    def reader(self, dataset: Dataset, parent: TextReader | None) -> TextReader:
        declared = _raw(dataset, _CHARSET).decode("ascii", "replace")
        if parent is not None and not declared.strip(" \0"):
            return parent
        self._readers.append(TextReader(declared, self._query.assume_charset, self._query.assume_for))
        return self._readers[-1]

    def sequences(
        self, dataset: Dataset, keys: Mapping[str, Any], parent: TextReader
    ) -> dict[str, tuple[Values, ...]]:
        return {
            name: tuple(_values(item, inner, self.reader(item, parent)) for item in _items(dataset, name))
            for name, inner in keys.items()
            if inner and name != STEP
        }


def _values(dataset: Dataset, keys: Mapping[str, Any], reader: TextReader) -> dict[str, str]:
    return {name: _text(dataset, name, reader) for name, inner in keys.items() if not inner}


def _text(dataset: Dataset, keyword: str, reader: TextReader) -> str:
    raw = _raw(dataset, keyword)
    if dictionary_VR(keyword) == "US":
        return str(struct.unpack("<H", raw[:2])[0]) if len(raw) >= 2 else ""
    return reader.read(raw)


def _raw(dataset: Dataset, keyword: str) -> bytes:
    """Return the value bytes of an element as they arrived; empty when it is missing, or is a sequence."""
    element = dataset.get_item(keyword)
    value = getattr(element, "value", None)
    return value if isinstance(value, bytes) else b""


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return []
    value = dataset[tag].value
    return list(value) if isinstance(value, Sequence) else []
