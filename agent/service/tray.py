"""What arrived without a patient."""

from __future__ import annotations

from agent import tray
from agent.errors import BadRequest
from agent.pictures import Pictures
from agent.store import Store
from agent.view import FrameView, TrayView
from agent.viewing import frame_view, tray_view


class Tray:
    """The unassigned tray."""

    def __init__(self, store: Store, tray: tray.Tray, pictures: Pictures) -> None:
        self._store, self._tray, self._pictures = store, tray, pictures

    def picture(self, item_id: str, width: int) -> bytes:
        """Return a JPEG of an item that waits, at most `width` columns; raises `NotFound`, `NoPicture`."""
        return self._pictures.item(item_id, width)

    def items(self) -> tuple[TrayView, ...]:
        """Return what arrived without a patient, newest first, and what could not be read."""
        return tuple(tray_view(item) for item in self._store.tray.list())

    def assign(self, item_id: str, source: str, exam_id: str = "") -> FrameView:
        """Put an item of the tray into the exam that is open on `source`; durable on return."""
        return frame_view(self._tray.assign(item_id, exam_id, source))

    def discard(self, item_id: str, who: str, reason: str) -> None:
        """Give an item of the tray up, with a reason."""
        if not reason.strip():
            raise BadRequest("Discarding an item needs a reason.")
        self._tray.discard(item_id, reason, who)
