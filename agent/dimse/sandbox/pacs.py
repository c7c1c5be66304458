"""The sandbox's archive: every object becomes a file before it is acknowledged (PS3.4 Annex B).

File names are our own; what a peer sends never becomes a path. `index.jsonl` tells which file is which.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.dimse.sandbox.faults import FaultFile

INDEX = "index.jsonl"
SUCCESS, NOT_A_UID, CANNOT_STORE = 0x0000, 0xA900, 0xA700
_UID = re.compile(r"(?=.{1,64}$)[0-9]+(\.(0|[1-9][0-9]*))+")


class Pacs:
    """Answers C-STORE."""

    def __init__(
        self, folder: Path, clock: Callable[[], datetime], faults: FaultFile, stop: threading.Event
    ) -> None:
        self._folder, self._clock, self._faults, self._stop = folder, clock, faults, stop
        self._index_lock = threading.Lock()
        self._held: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def store(self, event: Any) -> int:
        """Return the status for one object; with 0000 it is durable, file and index row."""
        faults = self._faults.now()
        self._stop.wait(faults.delay_s)
        if faults.abort:
            return _cut(event)
        if faults.status and faults.status >> 12 != 0xB:
            return faults.status
        if not _UID.fullmatch(str(event.request.AffectedSOPInstanceUID)):
            return NOT_A_UID
        try:
            self._keep(event)
        except OSError:
            return CANNOT_STORE
        return _cut(event) if faults.drop_after_store else faults.status

    def holds(self, sop_instance_uid: str) -> bool:
        """Return whether an instance was kept and not forgotten since."""
        with self._index_lock:
            return sop_instance_uid in self._held

    def forget(self) -> None:
        """Lose everything, as far as Storage Commitment is concerned."""
        with self._index_lock:
            self._held.clear()

    def _keep(self, event: Any) -> None:
        content = event.encoded_dataset()
        name = f"{uuid.uuid4()}.dcm"
        part = self._folder / f"{name}.part"
        with part.open("xb") as file:
            file.write(content)
            _sync(file.fileno())
        part.rename(self._folder / name)
        self._sync_folder()
        self._note(name, content, event)

    def _note(self, name: str, content: bytes, event: Any) -> None:
        row = {
            "file": name,
            "sop_class_uid": str(event.request.AffectedSOPClassUID),
            "sop_instance_uid": str(event.request.AffectedSOPInstanceUID),
            "transfer_syntax_uid": str(event.context.transfer_syntax),
            "calling_ae_title": event.assoc.requestor.ae_title.strip(),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "received_at": self._clock().isoformat(),
        }
        with self._index_lock, (self._folder / INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(row) + "\n")
            index.flush()
            _sync(index.fileno())
            self._held.add(row["sop_instance_uid"])

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync(fd)
        finally:
            os.close(fd)


def _sync(fd: int) -> None:
    os.fsync(fd)


def _cut(event: Any) -> int:
    """Cut the connection under the association; the status that is returned never arrives."""
    event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
    return CANNOT_STORE


def received(folder: Path) -> list[dict[str, Any]]:
    """Return the index rows of everything that was kept below `folder`, oldest first."""
    index = folder / INDEX
    return (
        [json.loads(line) for line in index.read_text(encoding="utf-8").splitlines()]
        if index.exists()
        else []
    )
