"""What was delivered, as one row for each object and destination; nothing of a patient is selected."""

from __future__ import annotations

from dataclasses import dataclass

from agent.store.database import Database

_ROWS = """SELECT job.exam_id, exam.study_instance_uid, sop_instance.sop_class_uid, frame.sop_instance_uid,
    job.destination, job.settled_at AS sent_at, job.code AS status,
    coalesce((SELECT max(at) FROM event WHERE machine = 'job' AND subject = CAST(job.job_id AS TEXT)
      AND after = 'confirmed'), '') AS committed_at
    FROM job JOIN exam USING (exam_id) JOIN frame USING (frame_id) JOIN sop_instance USING (frame_id)
    WHERE job.kind = 'store' AND job.state IN ('done', 'confirmed')
      AND job.settled_at >= ? AND job.settled_at < ? ORDER BY job.settled_at, job.job_id LIMIT ?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One object at one destination that answered success or warning for it."""

    exam_id: str
    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    destination: str
    sent_at: str
    status: str
    """The DIMSE status of the answer."""
    committed_at: str
    """When the destination took responsibility (Storage Commitment); empty: it did not, or is not asked."""


class Receipts:
    """Every statement about receipts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, first: str, after_last: str, limit: int) -> list[Receipt]:
        """Return what was sent from the day `first` on and before the day `after_last` (ISO dates of the site)."""
        with self._database.read() as connection:
            rows = connection.execute(_ROWS, (first, after_last, limit))
            return [Receipt(**{key: row[key] for key in row.keys()}) for row in rows]  # noqa: SIM118
