"""The core's side of the unassigned tray: an item is durable before its file is let go (promise P1, ruling 1)."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from agent.devices import Device
from agent.errors import AgentError, FrameRefused, SpoolDamaged, WrongState
from agent.exam import Examinations, Press
from agent.frame_file import encode_header
from agent.sop_classes import MODALITIES, SOP_CLASSES
from agent.spool import Spool, Steps
from agent.store import Store, StoredFrame
from agent.store.tray import REFUSED, WAITING, TrayItem

_BUFFER = 1 << 20
_TURN_S = 5.0
_NOT_KEPT = "D-07"


class Tray:
    """Takes what arrives, and puts it into an exam when a person says so."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        exams: Examinations,
        *,
        notice: Callable[[str, str], None],
        turned: Callable[[], None],
        steps: Steps,
    ) -> None:
        self._store, self._spool, self._exams, self._notice, self._steps = store, spool, exams, notice, steps
        self._turned = turned
        self._offers: queue.SimpleQueue[tuple[Device, dict[str, Any], list[int]] | None] = queue.SimpleQueue()

    def offer(self, device: Device, message: dict[str, Any], fds: list[int]) -> None:
        """Take an offer to be looked at by the worker; the descriptors are ours from now on."""
        self._offers.put((device, message, fds))

    def wake(self) -> None:
        """Make the main loop look at `stop` now."""
        self._offers.put(None)

    def run(self, stop: threading.Event) -> None:
        """Keep what is offered until `stop`; the thread's main loop."""
        while not stop.is_set():
            self._turned()
            with suppress(queue.Empty):
                offered = self._offers.get(timeout=_TURN_S)
                if offered is not None:
                    self._take(*offered)

    def _take(self, device: Device, message: dict[str, Any], fds: list[int]) -> None:
        """Keep one offer, or leave it with its source, which offers it again; a person is told why."""
        try:
            self.arrived(device, message, fds)
            self._store.records.clear_alarm(_NOT_KEPT, device.setup.name, self._exams.stamp(""))
        except AgentError as e:
            words = f"A file that arrived could not be kept yet; it stays where it is. {e.message}"
            self._store.records.raise_alarm(_NOT_KEPT, device.setup.name, words, self._exams.stamp(""))
        finally:
            for fd in fds:
                os.close(fd)

    def arrived(self, device: Device, message: dict[str, Any], fds: Sequence[int]) -> None:
        """Keep one offered item and tell its source that it may be let go; the descriptors stay the caller's.

        Whatever goes wrong, the source keeps the file and offers it again.
        """
        item_id = str(message.get("item", ""))
        if not self._store.tray.known(item_id):
            self._keep(device.setup.name, item_id, message, fds)
            self._steps("tray:recorded")
        device.taken(item_id)
        self._notice("tray", item_id)

    def _keep(self, source: str, item_id: str, message: dict[str, Any], fds: Sequence[int]) -> None:
        stamp, facts = self._exams.stamp(""), dict(message.get("facts") or {})
        refused = str(message.get("refused", ""))
        if not refused:
            if len(fds) != 1 or not isinstance(facts.get("payload_size"), int):
                raise FrameRefused("The source described an item wrongly.")
            self._spool.write_item(item_id, fds[0], facts["payload_size"])
            self._check(item_id, facts)
        item = TrayItem(
            item_id=item_id,
            source=source,
            state=REFUSED if refused else WAITING,
            reason=refused,
            name=str(message.get("name", ""))[:200],
            facts={**facts, "kind": str(message.get("kind", ""))},
            payload_sha256=str(facts.get("payload_sha256", "")),
            payload_size=int(facts.get("payload_size", 0)),
            arrived_at=stamp.at,
            frame_id="",
        )
        self._store.tray.put(item, stamp)

    def _check(self, item_id: str, facts: dict[str, Any]) -> None:
        fd = self._spool.open_item(item_id)
        whole, at = hashlib.sha256(), 0
        try:
            while part := os.pread(fd, _BUFFER, at):
                whole.update(part)
                at += len(part)
        finally:
            os.close(fd)
        if (at, whole.hexdigest()) != (facts["payload_size"], facts.get("payload_sha256")):
            self._spool.drop_item(item_id)
            raise SpoolDamaged("An item did not arrive whole.")

    def assign(self, item_id: str, exam_id: str, source: str) -> StoredFrame:
        """Put a waiting item into the exam that is open on `source`; on return it is a durable picture of it.

        Raises what `Examinations.may_capture` raises, `NotFound`, and `WrongState` for an item that is not waiting.
        """
        item = self._store.tray.get(item_id)
        if item.state != WAITING:
            raise WrongState(f"The item is {item.state}.", machine="tray", state=item.state)
        exam = self._exams.may_capture(source, exam_id)
        payload_fd = self._spool.open_item(item_id)
        try:
            with self._exams.numbering(exam):
                header = {**item.facts, **_becomes(item, exam.equipment.modality), "captured_ns": self._exams.now_ns()}
                press = Press(trigger_id=f"tray-{item_id}", pressed_ns=header["captured_ns"])
                record = self._exams.record(exam, press, header)
                extra = {"series_number": exam.series_number, "opened_at": exam.opened_at, "run_id": exam.run_id}
                head = encode_header(record, exam.snapshot, exam.equipment, extra)
                size = self._spool.write_frame(record.frame_id, head, payload_fd, record.payload_size)
                self._exams.commit(exam, record, size, item_id=item_id)
        finally:
            os.close(payload_fd)
        self._spool.drop_item(item_id)
        self._notice("exam", exam.exam_id)
        return self._store.frames.get(record.frame_id)

    def discard(self, item_id: str, reason: str, who: str) -> None:
        """Give an item up; its bytes go."""
        self._store.tray.discard(item_id, reason, self._exams.stamp(who))
        self._spool.drop_item(item_id)
        self._notice("tray", item_id)


def _becomes(item: TrayItem, modality: str) -> dict[str, Any]:
    """Return which object an item becomes: documents and videos have classes of their own."""
    kind = item.facts.get("kind")
    if kind == "document":
        return {"sop_class_uid": SOP_CLASSES["encapsulated-pdf"], "document_title": item.name.rpartition(".")[0][:64]}
    if kind == "video":
        name = next((n for n, code in MODALITIES.items() if code == modality), "")
        if not name:
            raise WrongState("A video can only enter an exam of endoscopy, microscopy or photography.")
        return {"sop_class_uid": SOP_CLASSES[f"video-{name}"]}
    return {}


