"""The only SQL in the house: one transaction per public method, an event row for every change of state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.errors import AgentError
from agent.store.accounts import Accounts, StoredAccount
from agent.store.alerts import Alert, Alerts
from agent.store.audit import Audit, AuditRow
from agent.store.commitments import Commitments, Transaction, Verdict
from agent.store.copying import Restoring
from agent.store.database import Database
from agent.store.dates import Dates
from agent.store.desk import Desk
from agent.store.destinations import Destinations
from agent.store.exams import Ending, Exam, Exams
from agent.store.figures import Figures
from agent.store.frames import Frames, StoredFrame
from agent.store.groups import Groups
from agent.store.jobs import Job, Jobs
from agent.store.key_objects import KeyObjects, NewKeyObject, Settled
from agent.store.moves import Move, MovedFrame, Moves
from agent.store.receipts import Receipts
from agent.store.recordings import Recording, Recordings
from agent.store.records import Records
from agent.store.removals import Asked, Removal, Removals
from agent.store.renditions import Renditions
from agent.store.retention import Retention
from agent.store.review import Remarks, Review
from agent.store.sessions import Sessions, StoredScreen, StoredSession, StoredToken
from agent.store.steps import NewStep, ProcedureSteps, Step
from agent.store.transition import Stamp
from agent.store.tray import Tray
from agent.store.worklists import CachedList, Entry, Worklists

__all__ = [
    "Alert", "Asked", "AuditRow", "CachedList", "Ending", "Entry", "Exam", "Job", "Move", "MovedFrame", "NewKeyObject",
    "NewStep", "Recording", "Remarks", "Removal", "Settled", "Stamp", "Step", "Store", "StoredAccount", "StoredFrame",
    "StoredScreen", "StoredSession", "StoredToken", "Transaction", "Verdict",
]  # fmt: skip


class Store:
    """The database of one box, by noun. `on_broken` is called when the disk no longer keeps its word, `make_room` when
    it is full: True says that something was given up and the write is worth another try."""

    def __init__(
        self,
        path: Path,
        *,
        on_broken: Callable[[AgentError], None] = lambda _error: None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = Database(path, on_broken=on_broken, make_room=make_room)
        self.exams = Exams(self._database)
        self.frames = Frames(self._database)
        self.moves = Moves(self._database)
        self.dates = Dates(self._database)
        self.recordings = Recordings(self._database)
        self.tray = Tray(self._database)
        self.jobs = Jobs(self._database)
        self.groups = Groups(self._database)
        self.desk = Desk(self._database)
        self.renditions = Renditions(self._database)
        self.steps = ProcedureSteps(self._database)
        self.commitments = Commitments(self._database)
        self.review = Review(self._database)
        self.key_objects = KeyObjects(self._database)
        self.removals = Removals(self._database)
        self.retention = Retention(self._database)
        self.figures = Figures(self._database)
        self.worklists = Worklists(self._database)
        self.destinations = Destinations(self._database)
        self.records = Records(self._database)
        self.accounts = Accounts(self._database)
        self.sessions = Sessions(self._database)
        self.audit = Audit(self._database)
        self.alerts = Alerts(self._database)
        self.receipts = Receipts(self._database)
        self.restoring = Restoring(self._database)

    def close(self) -> None:
        """Finish the writes that were asked for and close."""
        self._database.close()
