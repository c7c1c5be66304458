"""Storage SCU (PS3.4 Annex B, PS3.7 9.1.1): a batch of files, one association, one outcome for each file.

The sender streams: memory does not depend on the size of an object. What it streams it hashes, and the last
fragment of an object leaves only when the whole file proved to be the one that was queued; a damaged file can
therefore never be stored by the peer. Nothing is decided here but what one try came to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic

from agent.node import PeerAddress, StoreItem
from agent.outcome import Action, Outcome, Phase
from agent.statuses import context_outcome, failure_outcome, is_illegal_for_store, store_outcome

from .framing import Framing
from .part10 import FileFault, FileMeta, open_file, read_meta
from .upper import dimse
from .upper.associate import MAXIMUM_CONTEXTS
from .upper.association import Association, Message, Pair, request
from .upper.failure import PeerFailure, ProtocolError
from .upper.pdu import encode
from .upper.transport import no_tick

Report = Callable[[int, Outcome], None]
SLOWEST_PEER = 1_000_000
"""Bytes in a second; an archive may take a second longer to answer for each so many bytes of the object."""
_STOPS = frozenset({Action.RETRY_LATER, Action.SUSPEND_DESTINATION})


class Ended(Exception):
    """The association is over: `outcome` of the item on its way, `rest` of the others (None: go on)."""

    def __init__(self, outcome: Outcome, rest: Outcome | None) -> None:
        super().__init__(outcome.code)
        self.outcome, self.rest = outcome, rest


def store(
    peer: PeerAddress,
    items: Sequence[StoreItem],
    report: Report,
    *,
    tick: Callable[[], None] = no_tick,
    moved: Callable[[int], None] | None = None,
) -> None:
    """Send `items`; `report(job_id, outcome)` is called exactly once for each, as soon as it is known.

    One association carries the batch; another follows only for more than 128 kinds of object, or after we
    had to abort because of a damaged file of our own. `tick` is called about once a second of waiting,
    `moved` with the count of bytes sent on this association. Raises nothing of its own; what the callbacks
    raise ends the association.
    """
    waiting = list(items)
    while waiting:
        pairs = _pairs(waiting)
        try:
            association = request(peer, [*pairs, *_alternatives(waiting, pairs)], tick=tick)
        except PeerFailure as e:
            _report_all(waiting, e.outcome(), report)
            return
        with association:
            sender = Sender(association, peer, moved or _ignore)
            waiting, rest = _send_batch(sender, waiting, frozenset(pairs), report)
        if rest is not None:
            _report_all(waiting, rest, report)
            return


def _ignore(_count: int) -> None:
    """Nobody wants to know how many bytes were sent."""


def _pairs(items: Sequence[StoreItem]) -> list[Pair]:
    """Return the presentation contexts of a batch: one for each pair, at most 128 (PS3.8 9.3.2.2)."""
    return list(dict.fromkeys(_pair(i) for i in items))[:MAXIMUM_CONTEXTS]


def _alternatives(items: Sequence[StoreItem], pairs: Sequence[Pair]) -> list[Pair]:
    """Return contexts for the other syntaxes of the same instances, as many as there is room for (PS3.4 B.3)."""
    others = dict.fromkeys((i.sop_class_uid, syntax) for i in items if _pair(i) in pairs for syntax in i.fallbacks)
    return [p for p in others if p not in pairs][: MAXIMUM_CONTEXTS - len(pairs)]


def _pair(item: StoreItem) -> Pair:
    return item.sop_class_uid, item.transfer_syntax_uid


def _report_all(items: Sequence[StoreItem], outcome: Outcome, report: Report) -> None:
    for item in items:
        report(item.job_id, outcome)


def _send_batch(
    sender: Sender, items: Sequence[StoreItem], pairs: frozenset[Pair], report: Report
) -> tuple[list[StoreItem], Outcome | None]:
    """Send what was proposed; return what is left, and the outcome of that (None: another association)."""
    later = [i for i in items if _pair(i) not in pairs]
    now = [i for i in items if _pair(i) in pairs]
    for number, item in enumerate(now):
        try:
            outcome = sender.send(item)
        except Ended as e:
            report(item.job_id, e.outcome)
            return [*now[number + 1 :], *later], e.rest
        report(item.job_id, outcome)
        if outcome.action in _STOPS:
            sender.release()
            return [*now[number + 1 :], *later], replace(outcome, phase=Phase.SERVICE, ambiguous=False)
    sender.release()
    return later, None


class Sender:
    """One association's stream of C-STORE requests, one after the other (asynchronous window 1, 1)."""

    def __init__(self, association: Association, peer: PeerAddress, moved: Callable[[int], None]) -> None:
        self._association = association
        self._peer = peer
        self._moved = moved
        self._framing = Framing(association.longest_fragment)
        self._message_id = 0

    def send(self, item: StoreItem) -> Outcome:
        """Send one item and return what came of it; raises `Ended` when the association ended with it."""
        context_id = self._association.accepted.get(_pair(item))
        if context_id is None:
            refused = context_outcome(self._association.results.get(_pair(item)))
            return replace(refused, accepted=self._accepted(item))
        started = self._association.transport.sent
        try:
            with _opened(item) as (fd, meta):
                self._stream(item, fd, meta, context_id)
        except FileFault as e:
            outcome = failure_outcome(e.code, Phase.FILE)
            if self._association.transport.sent == started:
                return outcome
            self._association.abort()
            raise Ended(outcome, None) from e
        return self._answer(item)

    def _accepted(self, item: StoreItem) -> tuple[str, ...]:
        return tuple(s for s in item.fallbacks if (item.sop_class_uid, s) in self._association.accepted)

    def release(self) -> None:
        """Release; what was stored stays stored, whatever the peer answers now."""
        with suppress(PeerFailure):
            self._association.release()

    def _stream(self, item: StoreItem, fd: int, meta: FileMeta, context_id: int) -> None:
        self._message_id = self._message_id % 0xFFFF + 1
        command = dimse.c_store_rq(item.sop_class_uid, item.sop_instance_uid, self._message_id)
        framed = b"".join(map(encode, self._association.framed_command(context_id, command)))
        self._framing.prepare(context_id)
        transport = self._association.transport
        transport.phase = Phase.SENDING
        for piece in self._framing.batches(fd, meta.head, item.size, item.sha256, framed):
            with self._ending():
                transport.send(piece, self._peer.progress_timeout_s)
            self._moved(transport.sent)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Turn a failure of the association into the end of the batch."""
        try:
            yield
        except PeerFailure as e:
            self._association.abort()
            raise Ended(e.outcome(ambiguous=True), e.outcome(Phase.ASSOCIATION)) from e

    def _answer(self, item: StoreItem) -> Outcome:
        self._association.transport.phase = Phase.RESPONSE
        until = monotonic() + self._peer.response_timeout_s + item.size / SLOWEST_PEER
        with self._ending():
            message = self._association.receive_message(until, "response timeout")
            try:
                outcome = self._judge(message, item)
            except ProtocolError as e:
                self._association.break_off(str(e), e.reason)
        if outcome.code.startswith("0x") and is_illegal_for_store(int(outcome.code, 16)):
            self._association.abort()
            raise Ended(outcome, replace(outcome, phase=Phase.ASSOCIATION, ambiguous=False))
        return outcome

    def _judge(self, message: Message, item: StoreItem) -> Outcome:
        """Return what the response says; raises `PeerFailure` when it is not the response to this request."""
        command = message.command
        context_id = self._association.accepted[_pair(item)]
        expected = (context_id, dimse.CommandField.C_STORE_RSP, self._message_id)
        got = (
            message.context_id,
            command.integer(dimse.Tag.COMMAND_FIELD),
            command.integer(dimse.Tag.MESSAGE_ID_BEING_RESPONDED_TO),
        )
        instance = command.text(dimse.Tag.AFFECTED_SOP_INSTANCE_UID)
        if got != expected or instance not in ("", item.sop_instance_uid):
            raise PeerFailure(Phase.RESPONSE, "wrong answer")
        return store_outcome(
            command.integer(dimse.Tag.STATUS),
            comment=command.text(dimse.Tag.ERROR_COMMENT),
            offending_element=command.offending_elements,
        )


@contextmanager
def _opened(item: StoreItem) -> Iterator[tuple[int, FileMeta]]:
    """Open the file of an item and check that it is that object; raises `FileFault`."""
    fd = open_file(item.path)
    try:
        if os.fstat(fd).st_size != item.size:
            raise FileFault("corrupt")
        meta = read_meta(fd)
        if (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) != (
            item.sop_class_uid,
            item.sop_instance_uid,
            item.transfer_syntax_uid,
        ) or meta.data_offset >= item.size:
            raise FileFault("other object")
        yield fd, meta
    finally:
        os.close(fd)
