"""A storage provider that misbehaves on demand: raw sockets, its own reading of PS3.8, nothing of the agent.

Each phase of an association does what the script says for it, and what a good peer does otherwise. Phases:
`tls` (before the handshake), `associate` (instead of A-ASSOCIATE-AC), `data` (at the first data set fragment),
`response` (instead of C-STORE-RSP or C-ECHO-RSP), `release` (instead of A-RELEASE-RP).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Self

Act = Callable[["Talk"], None]
ABORT = b"\x07\0\0\0\0\x04\0\0"
HUGE = b"\x00\x80\x00\x00\x00"
"""After the type byte: a reserved byte and a length of 2 GiB."""


class Over(Exception):
    """The script ends the connection here."""


def close(talk: Talk) -> None:
    """Close without a word."""
    raise Over


def silent(talk: Talk) -> None:
    """Neither read nor write until the test ends or the other side goes away."""
    talk.peer.stopping.wait(20)
    raise Over


def abort(source: int, reason: int) -> Act:
    def act(talk: Talk) -> None:
        talk.send(ABORT + bytes((source, reason)))
        raise Over

    return act


def reject(result: int, source: int, reason: int) -> Act:
    def act(talk: Talk) -> None:
        talk.send(b"\x03\0\0\0\0\x04\0" + bytes((result, source, reason)))
        raise Over

    return act


def say(data: bytes) -> Act:
    """Send these bytes and wait."""

    def act(talk: Talk) -> None:
        talk.send(data)
        silent(talk)

    return act


def drip(data: bytes, every_s: float = 0.1) -> Act:
    """Send one byte at a time, for ever short of the end."""

    def act(talk: Talk) -> None:
        for byte in data:
            talk.send(bytes((byte,)))
            if talk.peer.stopping.wait(every_s):
                break
        raise Over

    return act


def read_slowly(talk: Talk) -> None:
    """Read one byte now and then."""
    while not talk.peer.stopping.wait(0.1):
        talk.read(1)
    raise Over


def accept(*, maximum: int = 16384, result: Mapping[str, int] | None = None) -> Act:
    """Accept, with the result for each abstract syntax where one is given."""

    def act(talk: Talk) -> None:
        talk.accept(maximum, result or {})

    return act


def status(value: int | None, **more: object) -> Act:
    """Answer with a status; `comment`, `instance`, `message_id`, `field`, `offending` differ where given."""

    def act(talk: Talk) -> None:
        talk.respond(value, **more)

    return act


@dataclass
class Peer:
    """The listening side; `received` holds the instances whose last fragment came, in order."""

    script: Mapping[str, Act | list[Act]]
    context: ssl.SSLContext | None = None
    received: list[str] = field(default_factory=list)
    last_words: list[bytes] = field(default_factory=list)
    """PDUs that ended a connection from the other side (A-ABORT), whole."""
    connections: int = 0
    releases: int = 0
    proposals: list[list[tuple[str, list[str]]]] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    """When each association was requested (monotonic seconds)."""
    asked: list[tuple[float, int, str]] = field(default_factory=list)
    """Every request that was answered: when, its command field, its SOP Instance UID (empty: none)."""
    errors: list[BaseException] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self.port = self._server.getsockname()[1]
        self._used: dict[str, int] = {}
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._thread.join(20)
        self._server.close()
        assert not self._thread.is_alive()
        assert not self.errors, self.errors

    def next_act(self, phase: str) -> Act | None:
        acts = self.script.get(phase)
        if not isinstance(acts, list):
            return acts
        number = self._used.get(phase, 0)
        self._used[phase] = number + 1
        return acts[number] if number < len(acts) else None

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._server.accept()
            except TimeoutError:
                continue
            self.connections += 1
            sock.settimeout(10)
            try:
                Talk(self, sock).run()
            except (Over, EOFError, OSError):
                pass
            except BaseException as e:
                self.errors.append(e)
            finally:
                with contextlib.suppress(OSError):
                    sock.close()


class Talk:
    """One connection."""

    def __init__(self, peer: Peer, sock: socket.socket) -> None:
        self.peer, self.sock = peer, sock
        self.contexts: dict[int, str] = {}
        self.command: dict[int, bytes] = {}

    @property
    def instance(self) -> str:
        """SOP Instance UID of the request at hand; empty: it names none."""
        return self.command.get(0x1000, b"").rstrip(b"\0").decode()

    @property
    def field(self) -> int:
        """Command Field (0000,0100) of the request at hand."""
        return int.from_bytes(self.command[0x100], "little")

    def message(self, command: Mapping[int, bytes], data_set: bytes) -> None:
        """Send a request of our own with a small data set, on the context of the request at hand."""
        even = {e: v + bytes(len(v) % 2) for e, v in command.items()}
        data = b"".join(struct.pack("<HHI", 0, e, len(v)) + v for e, v in sorted(even.items()))
        data = struct.pack("<HHII", 0, 0, 4, len(data)) + data
        for control, fragment in ((3, data), (2, data_set)):
            head = struct.pack(">BxIIBB", 4, len(fragment) + 6, len(fragment) + 2, self.number, control)
            self.send(head + fragment)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self.read(6))
        if not 1 <= kind <= 7 or length > 1 << 20:
            raise Over
        return kind, self.read(length)

    def act(self, phase: str, usual: Act) -> None:
        (self.peer.next_act(phase) or usual)(self)

    def run(self) -> None:
        if (act := self.peer.next_act("tls")) is not None:
            act(self)
        if self.peer.context is not None:
            plain = self.sock
            self.sock = self.peer.context.wrap_socket(plain, server_side=True)
        try:
            self._associate()
            while True:
                self._message()
        finally:
            self.sock.close()

    def _associate(self) -> None:
        kind, body = self.pdu()
        assert kind == 1
        self.titles = body[4:36]
        proposals = []
        for item, value in items(body[68:]):
            if item == 0x20:
                inner = list(items(value[4:]))
                abstract = next(v.decode() for k, v in inner if k == 0x30)
                transfer = [v.decode() for k, v in inner if k == 0x40]
                self.contexts[value[0]] = abstract
                proposals.append((value[0], abstract, transfer))
        self.proposals = proposals
        self.peer.proposals.append([(a, t) for _, a, t in proposals])
        self.peer.began.append(monotonic())
        self.act("associate", accept())

    def accept(self, maximum: int, results: Mapping[str, int]) -> None:
        body = b"\0\x01\0\0" + self.titles + bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1")
        for number, abstract, transfer in self.proposals:
            head = bytes((number, 0, results.get(abstract, 0), 0))
            body += item(0x21, head + item(0x40, transfer[0].encode()))
        body += item(0x50, item(0x51, struct.pack(">I", maximum)) + item(0x52, b"1.2.3.4"))
        self.send(struct.pack(">BxI", 2, len(body)) + body)

    def _message(self) -> None:
        kind, body = self.pdu()
        if kind == 5:
            self.peer.releases += 1
            self.act("release", lambda talk: talk.send(b"\x06\0\0\0\0\x04\0\0\0\0"))
            raise Over
        if kind == 7:
            self.peer.last_words.append(body)
            raise Over
        assert kind == 4, kind
        length, number, control = struct.unpack_from(">IBB", body)
        assert length == len(body) - 4, "one fragment in each PDU"
        if control & 1:
            self.number = number
            self.command = dict(elements(body[6:]))
            self.first, self.data = True, b""
            if self.command[0x800] == b"\x01\x01":
                self.act("response", status(0))
            return
        assert number == self.number
        if self.field != 1:  # small data sets of services other than storage are kept
            self.data += body[6:]
        if self.first:
            self.first = False
            self.act("data", lambda talk: None)
        if control & 2:
            if self.field == 1:
                self.peer.received.append(self.instance)
            self.act("response", status(0))

    def respond(
        self,
        value: int | None,
        *,
        comment: bytes = b"",
        offending: bytes = b"",
        instance: bytes | None = None,
        message_id: int | None = None,
        field: int | None = None,
    ) -> None:
        asked = int.from_bytes(self.command[0x100], "little")
        self.peer.asked.append((monotonic(), asked, self.instance))
        mine = int.from_bytes(self.command[0x110], "little")
        answer = {
            0x0002: self.command.get(0x0002) or self.command[0x0003],
            0x0100: struct.pack("<H", field or asked | 0x8000),
            0x0120: struct.pack("<H", mine if message_id is None else message_id),
            0x0800: b"\x01\x01",
        }
        if value is not None:
            answer[0x0900] = struct.pack("<H", value)
        if offending:
            answer[0x0901] = offending
        if comment:
            answer[0x0902] = comment
        if 0x1000 in self.command:
            answer[0x1000] = self.command[0x1000] if instance is None else instance
        data = b"".join(struct.pack("<HHI", 0, e, len(v)) + v for e, v in sorted(answer.items()))
        data = struct.pack("<HHII", 0, 0, 4, len(data)) + data
        self.send(struct.pack(">BxIIBB", 4, len(data) + 6, len(data) + 2, self.number, 3) + data)


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        kind, length = struct.unpack_from(">BxH", data)
        yield kind, data[4 : 4 + length]
        data = data[4 + length :]


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        _group, element, length = struct.unpack_from("<HHI", data)
        yield element, data[8 : 8 + length]
        data = data[8 + length :]
