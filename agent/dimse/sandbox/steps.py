"""The sandbox's RIS is told what was performed (PS3.4 Annex F); every step is a JSON file of our own naming."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from agent.dimse.sandbox.faults import FaultFile

SUCCESS, INVALID_VALUE, PROCESSING_FAILURE = 0x0000, 0x0106, 0x0110
DUPLICATE, NO_SUCH_INSTANCE, MAY_NOT_BE_UPDATED = 0x0111, 0x0112, 0xA710
_IN_PROGRESS, _FINAL = "IN PROGRESS", ("COMPLETED", "DISCONTINUED")


class Steps:
    """Answers N-CREATE and N-SET for Modality Performed Procedure Step."""

    def __init__(self, folder: Path, faults: FaultFile) -> None:
        self._folder, self._faults = folder, faults
        self._steps: dict[str, Dataset] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, event: Any) -> tuple[int | Dataset, Dataset | None]:
        """Return the status for a new step; with 0000 it is written."""
        faults = self._faults.now()
        if faults.n_create:
            return faults.n_create, None
        uid, told = str(event.request.AffectedSOPInstanceUID), event.attribute_list
        with self._lock:
            if uid in self._steps:
                return DUPLICATE, None
            if told.get("PerformedProcedureStepStatus") != _IN_PROGRESS:
                return INVALID_VALUE, None
            self._keep(uid, told)
        return SUCCESS, told

    def set(self, event: Any) -> tuple[int | Dataset, Dataset | None]:
        """Return the status for a change; a final step is never changed."""
        faults = self._faults.now()
        if faults.n_set:
            return faults.n_set, None
        uid, told = str(event.request.RequestedSOPInstanceUID), event.modification_list
        with self._lock:
            if uid not in self._steps:
                return NO_SUCH_INSTANCE, None
            if self._steps[uid].PerformedProcedureStepStatus in _FINAL:
                return _final(), None
            self._steps[uid].update(told)
            self._keep(uid, self._steps[uid])
        return SUCCESS, told

    def _keep(self, uid: str, step: Dataset) -> None:
        self._steps[uid] = step
        name = uuid.uuid5(uuid.NAMESPACE_OID, uid)
        fresh = self._folder / f"{name}.new"
        fresh.write_text(step.to_json(), encoding="utf-8")
        fresh.replace(self._folder / f"{name}.json")  # whole or not at all: somebody may be reading


def _final() -> Dataset:
    status = Dataset()
    status.Status, status.ErrorID = PROCESSING_FAILURE, MAY_NOT_BE_UPDATED
    return status


def told(folder: Path) -> list[Dataset]:
    """Return every step that is known below `folder`."""
    return [Dataset.from_json(json.loads(f.read_text(encoding="utf-8"))) for f in sorted(folder.glob("*.json"))]
