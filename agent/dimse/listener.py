"""The listener child: takes reports of Storage Commitment and C-ECHO from known peers, each on a thread of its own.

`python -m agent.dimse.listener`, started and watched by the core. Requests:

    listen   {"host", "port", "ae_title", "calling_ae_titles", "tls"} -> {"port"}: bound and accepting; on a socket
             that came with it, where the port was bound for us
    answer   {"number", "status"} -> {}: the core made report `number` durable; the archive gets `status`

Events: `{"event": {"number", "calling_ae_title", "report": {…}}}`. Every phase of an association has a deadline and
no more than a few are served at once, so that a stalled or dripping peer blocks nobody.
"""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from time import monotonic
from typing import Any

from agent.dimse import tls
from agent.dimse.commitment import ANSWER_S, PROCESSING_FAILURE, STORAGE_COMMITMENT, report_status
from agent.dimse.commitment_data import CommitmentReport
from agent.dimse.upper import acceptor, dimse
from agent.dimse.upper.acceptor import Acceptance
from agent.dimse.upper.association import Association, Message
from agent.dimse.upper.failure import PeerFailure, ProtocolError
from agent.errors import BadRequest
from agent.node import TlsMaterial
from drivers.serve import BEAT_EVERY_S, describe, send_beat
from drivers.wire import Channel, WireClosed, enter

MOST_ASSOCIATIONS = 8
DATA_LIMIT_MB = 256
_BACKLOG = 32
Verb = Callable[[dict[str, Any]], dict[str, Any]]


class Listener:
    """One listening port and the core's channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[int]] = {}
        self._free = threading.Semaphore(MOST_ASSOCIATIONS)

    def run(self) -> None:
        """Serve until the core closes the channel."""
        self._channel.send({"ready": {}})
        beaten = monotonic()
        while True:
            if monotonic() - beaten >= BEAT_EVERY_S:
                beaten = monotonic()
                send_beat(self._channel)
            arrived = self._channel.receive(1.0)
            if arrived is not None:
                self._channel.send(self._answer(*arrived))

    def _answer(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        bound = [socket.socket(fileno=fd) for fd in fds]
        verbs: dict[str, Verb] = {"listen": partial(self._listen, bound), "answer": self._pass_on}
        try:
            return {"id": request.get("id"), "done": verbs[str(request.get("do"))](request)}
        except (BadRequest, KeyError, ValueError, TypeError) as e:
            return {"id": request.get("id"), "failed": describe(e)}

    def _pass_on(self, request: dict[str, Any]) -> dict[str, Any]:
        waiting = self._waiting.get(request["number"])
        if waiting is not None:
            waiting.put(int(request["status"]))
        return {}

    # --- listening ------------------------------------------------------------------------------------------

    def _listen(self, bound: list[socket.socket], request: dict[str, Any]) -> dict[str, Any]:
        material = TlsMaterial(**request["tls"]) if request.get("tls") else None
        acceptance = Acceptance(
            ae_title=request["ae_title"],
            calling_ae_titles=frozenset(request["calling_ae_titles"]),
            abstract_syntaxes=dict.fromkeys((dimse.VERIFICATION, STORAGE_COMMITMENT), acceptor.UNCOMPRESSED),
            tls=material,
        )
        try:
            if material is not None:
                tls.server_context(material)
            server = bound[0] if bound else _created(request["host"], request["port"])
            server.listen(_BACKLOG)
        except PeerFailure as e:
            raise BadRequest(f"The listener's TLS files cannot be used ({e.code}).") from e
        except OSError as e:
            raise BadRequest("The listener's port cannot be opened.", errno=e.errno or 0) from e
        threading.Thread(target=self._accept, args=(server, acceptance), daemon=True).start()
        return {"port": int(server.getsockname()[1])}

    def _accept(self, server: socket.socket, acceptance: Acceptance) -> None:
        while True:
            sock, _ = server.accept()
            if self._free.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(sock, acceptance), daemon=True).start()
            else:
                sock.close()  # nobody known opens so many at once

    def _serve(self, sock: socket.socket, acceptance: Acceptance) -> None:
        handlers: dict[int, acceptor.Handler] = {
            dimse.CommandField.C_ECHO_RQ: acceptor.verify,
            dimse.CommandField.N_EVENT_REPORT_RQ: self._take,
        }
        try:
            with suppress(PeerFailure, ProtocolError, OSError, WireClosed):
                association = acceptor.accept(sock, acceptance)
                acceptor.answer_all(association, handlers, acceptance.idle_timeout_s)
        finally:
            self._free.release()
            sock.close()

    # --- reports --------------------------------------------------------------------------------------------

    def _take(self, association: Association, message: Message) -> int:
        return report_status(association, message, lambda report: self._hand_on(association.peer_ae_title, report))

    def _hand_on(self, calling_ae_title: str, report: CommitmentReport) -> int:
        """Tell the core and return its status, once the report is durable there; bounded."""
        number, answer = next(self._numbers), queue.SimpleQueue[int]()
        self._waiting[number] = answer
        told = {"number": number, "calling_ae_title": calling_ae_title, "report": asdict(report)}
        try:
            self._channel.send({"event": told})
            return answer.get(timeout=ANSWER_S)
        except queue.Empty:
            return PROCESSING_FAILURE
        finally:
            del self._waiting[number]


def _created(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def main() -> None:
    """Run until the core is gone."""
    with suppress(WireClosed):
        Listener(enter(data_limit_mb=DATA_LIMIT_MB)).run()


if __name__ == "__main__":
    main()
