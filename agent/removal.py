"""Requests for removal after sending (IHE IOCM; dicom.md 3.5): what is asked, checked before it is written.

The store writes everything that follows in one transaction; the builder makes the note, the queue delivers it. A person
still has to tell the archive's administrator: many archives ignore such notes.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from dataclasses import replace

from agent.errors import BadRequest
from agent.exam import Examinations
from agent.key_object import CID_7011, LONGEST_WORDS, OF_INTEREST, QUALITY, TITLES
from agent.lifecycle import ExamState
from agent.spool import Steps
from agent.store import Asked, NewKeyObject, Removal, Store

_LAYOUT = "\t\n\r"


class RemovalRequests:
    """What a person may ask of an archive that has pictures already."""

    def __init__(
        self, store: Store, exams: Examinations, *, uids: Callable[[], str], notice: Callable[[str, str], None],
        steps: Steps,
    ) -> None:  # fmt: skip
        self._store, self._exams, self._uids, self._notice, self._steps = store, exams, uids, notice, steps

    def new_key_object(self) -> NewKeyObject:
        """Return names that nothing has had: a document begun under them is the only one."""
        return NewKeyObject(frame_id=_new_id(), sop_instance_uid=self._uids(), series_instance_uid=self._uids())

    def request(self, asked: Asked, who: str) -> Removal:
        """Reject pictures, all of them where none is named; on return everything that follows is durable.

        All pictures of an exam that is still open: it is held first, so that nothing more comes into it. Raises
        `BadRequest`, `NotYetOnItsWay`, `AlreadyRejected`, `NotFound`, `WrongState`.
        """
        asked = _checked(asked)
        exam = self._store.exams.get(asked.exam_id)
        if exam.state is ExamState.OPEN and not asked.frame_ids:
            self._exams.apply(asked.exam_id, "hold", who, TITLES[asked.title])
            self._steps("removal:held")
        removal = self._store.removals.request(_new_id(), asked, self.new_key_object(), self._exams.stamp(who))
        self._steps("removal:requested")
        self._notice("exam", asked.exam_id)
        return removal

    def tick_off(self, removal_id: str, words: str, who: str) -> Removal:
        """Somebody told the archive's administrator, or saw that the pictures are gone; durable on return."""
        removal = self._store.removals.tick_off(removal_id, words.strip()[:LONGEST_WORDS], self._exams.stamp(who))
        self._notice("exam", removal.exam_id)
        return removal


def _checked(asked: Asked) -> Asked:
    """Return what was asked with clean words; raises `BadRequest` unless codes and words may be said."""
    if asked.title not in TITLES or asked.title == OF_INTEREST:
        raise BadRequest("A removal needs one of the codes 113038, 113037 and 113001.")
    if (asked.title == QUALITY) != (asked.reason in CID_7011):
        raise BadRequest("Quality (113001) needs a reason of CID 7011, and nothing else has one.")
    words = asked.words.replace("\r\n", "\n").strip()
    if len(words) > LONGEST_WORDS or any(not letter.isprintable() and letter not in _LAYOUT for letter in words):
        raise BadRequest(f"The words must be plain text of at most {LONGEST_WORDS} characters.")
    return replace(asked, words=words, frame_ids=tuple(dict.fromkeys(asked.frame_ids)))


def _new_id() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))
