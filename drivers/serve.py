"""The work loop of every child process: take one request, do its verb, answer, beat, end with the core.

The messages are those of `drivers.wire`. One loop for the source, build and peer child, so that all of them
are watched by the same rules (architecture, "Why children"). Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from drivers.wire import Channel, WireClosed, resident_kb

IDLE_WAIT_S = 1.0
BEAT_EVERY_S = 2.0
UNKNOWN_VERB = "S-08"
"""The code of `agent.errors.BadRequest`."""
UNEXPECTED = "B-10"
"""The code of `agent.errors.ChildError`."""


class Reply:
    """The way back to the core while one request is being worked on."""

    def __init__(self, channel: Channel, request_id: int) -> None:
        self._channel = channel
        self._request_id = request_id
        self._beaten = monotonic()

    def progress(self, value: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Send a part of the answer; `fds` stay the caller's. Raises `WireClosed` when the core is gone."""
        self._channel.send({"id": self._request_id, "progress": value}, fds)
        self.beat()

    def ask(self, value: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Send a part of the answer that the core answers; None: not within `timeout_s`. Beats while it waits."""
        self.progress(value)
        until = monotonic() + timeout_s
        while (left := until - monotonic()) > 0:
            arrived = self._channel.receive(min(left, IDLE_WAIT_S))
            if arrived is not None and arrived[0].get("id") == self._request_id and "answer" in arrived[0]:
                answer: dict[str, Any] = arrived[0]["answer"]
                return answer
            self.beat()
        return None

    def beat(self) -> None:
        """Say that the work goes on; long verbs call it from their own loop. Sends at most once in 2 s."""
        if monotonic() - self._beaten >= BEAT_EVERY_S:
            self._beaten = monotonic()
            send_beat(self._channel)


Verb = Callable[[dict[str, Any], list[int], Reply], tuple[dict[str, Any], list[int]]]


def serve(
    channel: Channel,
    verbs: Mapping[str, Verb],
    once: bool = False,  # noqa: FBT001, FBT002 - the word reads well at the call
    *,
    ready: Mapping[str, Any] | None = None,
    idle: Callable[[], None] | None = None,
) -> None:
    """Send `ready`, then answer requests until the core closes the channel, or after one when `once`.

    A verb gets the request (with `do` and `id` taken out), its descriptors and a `Reply`; it returns the
    answer and descriptors to send with it. The loop closes both lists of descriptors afterwards: a verb that
    keeps one duplicates it. A verb's exception becomes a `failed` message: its own `to_wire()` where it has
    one (the `agent.errors` tree), else the bare name of its class, because a message could hold patient data.
    `idle` is called about once a second between requests. Raises `WireBroken` when the core does not speak
    the protocol.
    """
    try:
        channel.send({"ready": dict(ready or {})})
        _loop(channel, verbs, once=once, idle=idle)
    except WireClosed:
        return


def _loop(
    channel: Channel, verbs: Mapping[str, Verb], *, once: bool, idle: Callable[[], None] | None
) -> None:
    beaten = monotonic() - BEAT_EVERY_S
    while True:
        if monotonic() - beaten >= BEAT_EVERY_S:
            beaten = monotonic()
            send_beat(channel)
        arrived = channel.receive(IDLE_WAIT_S)
        if arrived is not None:
            _answer(channel, verbs, *arrived)
            if once:
                return
        elif idle is not None:
            idle()


def send_beat(channel: Channel) -> None:
    """Tell the core that the work loop turns and how much memory the process holds."""
    channel.send({"beat": {"resident_kb": resident_kb()}})


def _answer(channel: Channel, verbs: Mapping[str, Verb], request: dict[str, Any], fds: list[int]) -> None:
    request_id = request.pop("id", None)
    result_fds: list[int] = []
    try:
        verb = verbs.get(str(request.pop("do", "")))
        if verb is None:
            message: dict[str, Any] = {"failed": _failure(UNKNOWN_VERB, "There is no such request.")}
        else:
            result, result_fds = verb(request, fds, Reply(channel, request_id or 0))
            message = {"done": result}
        channel.send({"id": request_id, **message}, result_fds)
    except WireClosed:
        raise
    except Exception as e:  # noqa: BLE001 - a child's root: everything becomes a `failed` message
        channel.send({"id": request_id, "failed": describe(e)})
    finally:
        for fd in (*fds, *result_fds):
            os.close(fd)


def describe(error: Exception) -> dict[str, Any]:
    """Return `error` as the body of a `failed` message: code, message, facts."""
    to_wire = getattr(error, "to_wire", None)
    if callable(to_wire):
        described = to_wire()
        if isinstance(described, dict):
            return described
    return _failure(UNEXPECTED, "A part of the box did not do its work.", error=type(error).__name__)


def _failure(code: str, message: str, **facts: str) -> dict[str, Any]:
    return {"code": code, "message": message, "facts": facts}
