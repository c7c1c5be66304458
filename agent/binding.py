"""Pages of one exam become a document: durable first, each by itself, then bound in one transaction (promise P1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from agent.errors import AgentError, ChildError
from agent.exam import Examinations, Press
from agent.frame_file import encode_header
from agent.lifecycle import FrameState
from agent.model import FrameRecord
from agent.spool import Spool, Steps
from agent.store import Exam, Remarks, Store, StoredFrame

MOST_PAGES = 200
"""A message to a child carries no more descriptors (SCM_RIGHTS: 253)."""
Ask = Callable[[str, dict[str, Any], list[int]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRules:
    """What the pages of one source become."""

    output: str = "pages"
    title: str = ""
    jpeg_quality: int = 0


class Binding:
    """Binds the pages of an exam before it is closed. `ask` has a build child do one thing."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        exams: Examinations,
        ask: Ask,
        *,
        rules: Callable[[str], DocumentRules],
        created: Callable[[], str],
        steps: Steps,
    ) -> None:
        self._store, self._spool, self._exams, self._ask = store, spool, exams, ask
        self._rules, self._created, self._steps = rules, created, steps

    def bind_for(self, exam: Exam) -> list[StoredFrame]:
        """Bind what was scanned for `exam`; on return the documents are durable and the pages belong to them.

        What cannot be bound is told as an alarm, stays as it is and leaves as single pictures.
        """
        rules = self._rules(exam.source)
        if rules.output == "pages":
            return []
        done = []
        for pages in self._groups(exam, rules):
            try:
                done.append(self._bind(exam, pages, rules))
            except AgentError as e:
                words = f"The pages could not be bound and are kept as single pictures. {e.message}"
                self._store.records.raise_alarm("O-05", exam.exam_id, words, self._exams.stamp(""))
        return done

    def _groups(self, exam: Exam, rules: DocumentRules) -> Iterator[list[StoredFrame]]:
        frames = self._store.frames.of_exam(exam.exam_id)
        pages = [f for f in frames if f.state is FrameState.CAPTURED and f.record.page_numbers and _single(f.record)]
        said = self._store.review.of_exam(exam.exam_id)
        pages.sort(key=lambda frame: _place(frame, said.get(frame.record.frame_id)))
        for _, same in groupby(pages, key=lambda frame: () if rules.output == "pdf" else _kind(frame.record)):
            group = list(same)
            yield from (group[at : at + MOST_PAGES] for at in range(0, len(group), MOST_PAGES))

    def _bind(self, exam: Exam, pages: list[StoredFrame], rules: DocumentRules) -> StoredFrame:
        fds = []
        target = self._spool.begin_video()
        try:
            for page in pages:
                fds.append(self._spool.open_frame(page.record.frame_id))  # noqa: PERF401 - each is to be closed
            told = {"output": rules.output, "title": rules.title, "created": self._created(),
                    "jpeg_quality": rules.jpeg_quality}  # fmt: skip
            facts = self._ask("bind", told, [*fds, target]).get("facts")
            return self._keep(exam, pages, facts, target)
        finally:
            for fd in (*fds, target):
                os.close(fd)

    def _keep(self, exam: Exam, pages: list[StoredFrame], facts: object, target: int) -> StoredFrame:
        if not isinstance(facts, dict):
            raise ChildError("The build child answered what was not understood.")
        now_ns = self._exams.now_ns()
        press = Press(trigger_id=f"bound-{pages[0].record.frame_id}", pressed_ns=now_ns)
        record = self._exams.record(exam, press, {**facts, "captured_ns": now_ns})
        extra = {"series_number": exam.series_number, "opened_at": exam.opened_at, "run_id": exam.run_id}
        head = encode_header(record, exam.snapshot, exam.equipment, extra)
        size = self._spool.write_frame(record.frame_id, head, target, record.payload_size)
        self._steps("bind:written")
        names = [page.record.frame_id for page in pages]
        self._store.frames.bind(record, size, names, self._exams.stamp(""))
        self._steps("bind:committed")
        return self._store.frames.get(record.frame_id)


def _place(page: StoredFrame, remarks: Remarks | None) -> tuple[int, ...]:
    """Return where a sheet stands: where a person put it in review, else as it was scanned."""
    return (remarks.page,) if remarks is not None and remarks.page is not None else page.record.page_numbers


def _single(record: FrameRecord) -> bool:
    return record.number_of_frames == 1 and len(record.page_numbers) == 1


def _kind(record: FrameRecord) -> tuple[object, ...]:
    return (record.rows, record.columns, record.samples_per_pixel, record.bits_allocated, record.scanned_spacing_mm)
