"""The sandbox's worklist provider: the entries of `worklist.toml` for today (PS3.4 Annex K).

A `worklist.toml` in the sandbox's own folder, read anew at every query, replaces the samples: a desk that corrects,
moves or cancels orders while somebody chooses. An entry may be as wrong as real ones are: `mislabelled` writes its
text in that character set under another name, `study` gives two orders one study.
"""

from __future__ import annotations

import re
import threading
import tomllib
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from agent.dimse.sandbox.faults import FaultFile

SAMPLES = Path(__file__).with_name("worklist.toml")
STATION_AE_TITLE = "AGENT"
_STEP_KEYS = ("Modality", "ScheduledProcedureStepDescription")
_NOT_COPIED = (*_STEP_KEYS, "day", "time", "mislabelled", "study")
_STUDIES = uuid.UUID("0b2d7e0e-6d55-4d0c-9f3c-3f1f0f1c3c11")
_PENDING, _CANCELLED = 0xFF00, 0xFE00
_CHARSET, _LATIN = "ISO_IR 192", "ISO_IR 100"


def entries(now: datetime, source: Path = SAMPLES) -> list[Dataset]:
    """Return the sample worklist of the day of `now`; UIDs are the same all day."""
    described = tomllib.loads(source.read_text(encoding="utf-8"))["entry"]
    return [_entry(values, now) for values in described]


def _entry(values: dict[str, Any], now: datetime) -> Dataset:
    day = f"{now + timedelta(days=values['day']):%Y%m%d}"
    number = values["AccessionNumber"].removeprefix("ACC-")
    entry = Dataset()
    entry.SpecificCharacterSet = _LATIN if "mislabelled" in values else _CHARSET
    for keyword, value in values.items():
        if keyword not in _NOT_COPIED:
            setattr(entry, keyword, _written(value, values))
    entry.StudyInstanceUID = f"2.25.{uuid.uuid5(_STUDIES, day + values.get('study', number)).int}"
    entry.RequestedProcedureID = f"RP-{number}"
    entry.ScheduledProcedureStepSequence = Sequence([_step(values, day, number)])
    return entry


def _written(value: str, values: dict[str, Any]) -> str:
    """Return the text whose ISO_IR 100 bytes are those of `value` in the entry's real character set."""
    return value.encode(values["mislabelled"]).decode("latin-1") if "mislabelled" in values else value


def _step(values: dict[str, Any], day: str, number: str) -> Dataset:
    step = Dataset()
    for keyword in _STEP_KEYS:
        setattr(step, keyword, _written(values[keyword], values))
    step.ScheduledStationAETitle = STATION_AE_TITLE
    step.ScheduledProcedureStepStartDate = day
    step.ScheduledProcedureStepStartTime = values["time"]
    step.ScheduledProcedureStepID = f"SPS-{number}"
    return step


class Ris:
    """Answers C-FIND."""

    def __init__(
        self, folder: Path, clock: Callable[[], datetime], faults: FaultFile, stop: threading.Event
    ) -> None:
        self._own = folder / SAMPLES.name
        self._clock, self._faults, self._stop = clock, faults, stop

    def find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        """Yield each matching entry with the keys that were asked for."""
        asked = event.identifier
        source = self._own if self._own.exists() else SAMPLES
        for entry in entries(self._clock(), source):
            if not (self._faults.now().ignore_keys or matches(entry, asked)):
                continue
            self._stop.wait(self._faults.now().delay_s)
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            yield _PENDING, _answer(entry, asked)


def matches(entry: Dataset, asked: Dataset) -> bool:
    """Tell whether `entry` matches every key of `asked` that has a value (PS3.4 C.2.2.2)."""
    for element in asked:
        if element.keyword == "SpecificCharacterSet" or not element.value:
            continue
        own = entry.get(element.keyword)
        if element.VR == "SQ":
            if own and not matches(own[0], element.value[0]):
                return False
        elif not _value_matches(str(own or ""), str(element.value), element.VR):
            return False
    return True


def _value_matches(own: str, asked: str, vr: str) -> bool:
    if vr in ("DA", "TM") and "-" in asked:
        first, _, last = asked.partition("-")
        return (not first or own >= first) and (not last or own <= last)
    if vr == "PN":
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in asked.casefold())
        return any(re.fullmatch(pattern, name.casefold()) for name in (own, *own.split("=")))
    return own == asked


def _answer(entry: Dataset, asked: Dataset) -> Dataset:
    """Return the entry with the keys of `asked` only; what we have no value for is present and empty."""
    answer = Dataset()
    answer.SpecificCharacterSet = entry.SpecificCharacterSet
    for element in asked:
        if element.keyword == "SpecificCharacterSet":
            continue
        if element.keyword in entry:
            answer[element.tag] = entry[element.tag]
        else:
            setattr(answer, element.keyword, Sequence() if element.VR == "SQ" else None)
    return answer
