"""The registration desk of a trap: writes the RIS's worklist as real desks do, mistakes included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Order = dict[str, Any]


def order(number: int, name: str, patient_id: str, **more: Any) -> Order:
    """Return one order of today as `worklist.toml` of the sandbox describes it; `more` replaces single values."""
    return {
        "PatientName": name,
        "PatientID": patient_id,
        "PatientBirthDate": "19800101",
        "PatientSex": "F",
        "AccessionNumber": f"ACC-{number:04}",
        "RequestedProcedureDescription": "Ультразвукове дослідження",
        "Modality": "US",
        "ScheduledProcedureStepDescription": "УЗД",
        "day": 0,
        "time": f"{8 + number % 12:02}00",
        **more,
    }


class Desk:
    """Puts orders into the RIS; what it wrote last is the whole worklist."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "worklist.toml"

    def books(self, *orders: Order) -> None:
        """Make `orders` the worklist from the next query on, whole or not at all."""
        text = "".join(f"[[entry]]\n{_table(one)}\n" for one in orders) or "entry = []\n"
        fresh = self._file.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._file)


def _table(one: Order) -> str:
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in one.items())
