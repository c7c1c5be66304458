"""One TCP or TLS connection that carries PDUs, with an end to every wait (PS3.8 section 9.1).

The socket never blocks; every wait is a poll against `time.monotonic`, so that neither a silent peer nor one
that drips a byte a second holds the caller. Two settings make small messages fast: TCP_NODELAY for ours, and
TCP_QUICKACK right after the first bytes of an answer, because common peers write an answer in two pieces and
wait for our acknowledgement between them (40 ms each time; set before the bytes arrive it has no effect).
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from agent.dimse import tls
from agent.node import PeerAddress, TlsMaterial
from agent.outcome import Phase

from .dial import connect
from .failure import Aborted, PeerFailure, ProtocolError
from .pdu import HEADER_LENGTH, Abort, Pdu, body_length, decode

TICK_S = 1.0
PROGRESS_STEP = 64 << 10
"""So many bytes must leave in every progress timeout: a peer that reads a byte a second has stopped."""
_RECEIVE_SIZE = 16 << 10
_MAXIMUM_EARLY = 8
_TLS_RECORDS = range(0x14, 0x18)


def no_tick() -> None:
    """Do nothing about once a second."""


class Transport:
    """One open connection. `phase` says what the caller is doing, for the failures that happen meanwhile."""

    def __init__(self, sock: socket.socket, maximum_pdata_length: int, tick: Callable[[], None] = no_tick) -> None:
        self.phase = Phase.ASSOCIATION
        self.sent = 0
        self._sock = sock
        self._sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock.fileno(), select.POLLIN)
        self._maximum = maximum_pdata_length
        self._tick = tick
        self._space = memoryview(bytearray(_RECEIVE_SIZE))
        self._buffer = bytearray()
        self._early: deque[Pdu] = deque()
        self._fresh = True

    @classmethod
    def dial(cls, peer: PeerAddress, tick: Callable[[], None] = no_tick) -> Transport:
        """Resolve, connect and, where configured, shake hands; raises `PeerFailure` (NAME, TCP, TLS)."""
        context = None if peer.tls is None else tls.client_context(peer.tls)
        sock = connect(peer.host, peer.port, peer.connect_timeout_s, peer.progress_timeout_s)
        transport = cls(sock, receive_limit(peer.maximum_pdu_size), tick)
        if context is not None and peer.tls is not None:
            transport.handshake(
                context, peer.connect_timeout_s, peer.tls, server_hostname=tls.server_name(peer.tls, peer.host)
            )
        return transport

    def handshake(
        self,
        context: ssl.SSLContext,
        timeout_s: float,
        material: TlsMaterial,
        server_hostname: str | None = None,
    ) -> None:
        """Put TLS on the connection, as client, or as server when no name is given; raises `PeerFailure`."""
        self.phase = Phase.TLS
        try:
            sock = context.wrap_socket(
                self._sock,
                server_side=server_hostname is None,
                server_hostname=server_hostname,
                do_handshake_on_connect=False,
            )
            self._sock = sock
            self._until_done(sock.do_handshake, monotonic() + timeout_s, "tls timeout")
            tls.check_peer(material, sock)
        except (OSError, ValueError) as e:
            self.close()
            raise self._failure(e) from e
        except PeerFailure:
            self.close()
            raise
        self.phase = Phase.ASSOCIATION

    def _until_done(self, act: Callable[[], None], until: float, code: str) -> None:
        while True:
            try:
                act()
            except ssl.SSLWantReadError:
                self.quick_ack()
                self._wait(select.POLLIN, until, code)
                self.quick_ack()
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, until, code)
            else:
                return

    @property
    def fileno(self) -> int:
        return self._sock.fileno()

    def quick_ack(self) -> None:
        """Acknowledge at once what has arrived; the kernel forgets the wish soon, so it is repeated."""
        with suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _wait(self, events: int, until: float, code: str) -> int:
        """Wait for one of `events`; raises `PeerFailure` with `code` at `until` (monotonic seconds)."""
        self._poll.modify(self._sock.fileno(), events)
        while True:
            left = until - monotonic()
            if left <= 0:
                raise PeerFailure(self.phase, code)
            ready = self._poll.poll(min(left, TICK_S) * 1000)
            if ready:
                return ready[0][1]
            self._tick()

    # --- receiving ---------------------------------------------------------------------------------------

    def receive(self, until: float, code: str) -> Pdu:
        """Return the next PDU, complete before `until`; raises `PeerFailure` (`code` at the deadline).

        Raises `ProtocolError` for a PDU that is none; the connection is then of no further use.
        """
        if self._early:
            return self._early.popleft()
        while True:
            pdu = self._next_pdu()
            if pdu is not None:
                return pdu
            self._fill(until, code)

    def has_input(self, until: float) -> bool:
        """Return whether bytes are here or arrive before `until` (monotonic seconds)."""
        while not (self._early or self._buffer or self._take()):
            try:
                self._wait(select.POLLIN, until, "")
            except PeerFailure:
                return False
        return True

    def _next_pdu(self) -> Pdu | None:
        if len(self._buffer) < HEADER_LENGTH:
            return None
        self._look_for_tls()
        kind, length = body_length(bytes(self._buffer[:HEADER_LENGTH]), self._maximum)
        end = HEADER_LENGTH + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[HEADER_LENGTH:end])
        del self._buffer[:end]
        return decode(kind, body)

    def _look_for_tls(self) -> None:
        """A TLS record as the very first answer: the peer wants TLS where we speak without."""
        if self._fresh and self._buffer[0] in _TLS_RECORDS and self._buffer[1] == 3:
            raise PeerFailure(Phase.TLS, "peer speaks tls")
        self._fresh = False

    def _fill(self, until: float, code: str) -> None:
        """Add what arrives next to the buffer; waits until something does."""
        while not self._take():
            self.quick_ack()  # for a first piece that was taken without a wait: the second may wait for this
            self._wait(select.POLLIN, until, code)
            self.quick_ack()

    def _take(self) -> bool:
        """Add what has arrived to the buffer without waiting; False when nothing has."""
        try:
            count = self._sock.recv_into(self._space)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as e:
            raise self._failure(e) from e
        if not count:
            raise PeerFailure(self.phase, "lost", "end of file")
        self.quick_ack()
        self._buffer += self._space[:count]
        return True

    # --- sending -----------------------------------------------------------------------------------------

    def send(self, data: bytes | memoryview, stall_s: float) -> None:
        """Send all of `data`; raises `PeerFailure` (`stalled` when less than 64 KiB leave in `stall_s`)."""
        rest = memoryview(data)
        until, moved = monotonic() + stall_s, 0
        while rest:
            try:
                count = self._sock.send(rest)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait_to_send(until)
                continue
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, until, "stalled")
                continue
            except OSError as e:
                raise self._last_words(e) from e
            rest = rest[count:]
            self.sent += count
            moved += count
            if moved >= PROGRESS_STEP:
                until, moved = monotonic() + stall_s, 0

    def _wait_to_send(self, until: float) -> None:
        """Wait for room, and meanwhile listen: a peer may abort in the middle of our message."""
        listen = select.POLLIN if len(self._early) < _MAXIMUM_EARLY else 0
        if self._wait(select.POLLOUT | listen, until, "stalled") & ~select.POLLOUT and self._take():
            self._sort_early()

    def _sort_early(self) -> None:
        try:
            while (pdu := self._next_pdu()) is not None:
                if isinstance(pdu, Abort):
                    raise Aborted(self.phase, pdu.source, pdu.reason)
                self._early.append(pdu)
        except ProtocolError as e:
            raise PeerFailure(self.phase, "protocol", str(e)) from e

    def _last_words(self, error: OSError) -> PeerFailure:
        """Return why a peer closed while we sent: its A-ABORT or TLS alert may still be unread."""
        try:
            while self._take():
                self._sort_early()
        except PeerFailure as e:
            return e if e.code != "lost" else self._failure(error)
        return self._failure(error)

    def _failure(self, error: Exception) -> PeerFailure:
        if isinstance(error, ssl.SSLError):
            return tls.failure(error, self.phase)
        if isinstance(error, ValueError):
            return PeerFailure(self.phase, "tls setting", type(error).__name__)
        code = "tls lost" if self.phase is Phase.TLS else "lost"
        return PeerFailure(self.phase, code, getattr(error, "strerror", "") or type(error).__name__)

    # --- the end -----------------------------------------------------------------------------------------

    def finish(self, timeout_s: float) -> None:
        """Let what was sent arrive: say that nothing follows and wait for the peer to close, at most so long.

        Closing with unread bytes would send a reset, which may overtake our A-ABORT or A-ASSOCIATE-RJ.
        """
        until = monotonic() + timeout_s
        with suppress(OSError, PeerFailure, ProtocolError):
            self._sock.shutdown(socket.SHUT_WR)
            while True:
                self._fill(until, "lost")
                self._buffer.clear()
        self.close()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        with suppress(OSError):
            self._sock.close()


def receive_limit(maximum_pdu_size: int) -> int:
    """Return how long a P-DATA-TF body we accept: what we announced, and 1 MiB where that is unlimited (0)."""
    return maximum_pdu_size or 1 << 20
