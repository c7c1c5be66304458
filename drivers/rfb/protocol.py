"""The messages of RFC 6143 that a viewer needs, over one socket with a deadline for every byte."""

from __future__ import annotations

import socket
import struct
from time import monotonic

from drivers.contract import DriverError

RAW, COPY_RECTANGLE, DESKTOP_SIZE = 0, 1, -223
MOST_PIXELS = 64 << 20
MOST_RECTANGLES = 65535
_NONE, _VNC = 1, 2
_SAFE_TEXT = 4096


class Peer:
    """A socket from which exactly so many bytes come within the time, or an error."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except (TimeoutError, OSError) as e:
            raise DriverError("absent", "the workstation does not answer") from e
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes; raises `DriverError("broken")`."""
        whole, at, until = bytearray(size), 0, monotonic() + self._timeout_s
        view = memoryview(whole)
        while at < size:
            self._socket.settimeout(max(0.01, until - monotonic()))
            try:
                got = self._socket.recv_into(view[at:])
            except (TimeoutError, OSError) as e:
                raise DriverError("broken", "the workstation stopped answering") from e
            if got == 0 or monotonic() > until:
                raise DriverError("broken", "the workstation hung up")
            at += got
        return bytes(whole)

    def unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def put(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(data)
        except (TimeoutError, OSError) as e:
            raise DriverError("broken", "the workstation hung up") from e

    def quiet(self, timeout_s: float) -> bool:
        """Return whether nothing arrives within `timeout_s`."""
        self._socket.settimeout(max(0.001, timeout_s))
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            return True
        except OSError as e:
            raise DriverError("broken", "the workstation hung up") from e

    def close(self) -> None:
        self._socket.close()


def handshake(peer: Peer, password: bytes) -> tuple[int, int]:
    """Agree on a version and security, and return the screen's width and height (RFC 6143 7.1 to 7.3)."""
    said = peer.take(12)
    if not said.startswith(b"RFB 00"):
        raise DriverError("format", "this is no VNC server")
    version = min(said[4:11], b"003.008") if said[4:11] >= b"003.007" else b"003.003"
    peer.put(b"RFB " + version + b"\n")
    _authenticate(peer, version, password)
    peer.put(b"\1")  # shared: nobody else is thrown out
    width, height = peer.unpack(">HH")
    peer.take(16)
    (length,) = peer.unpack(">I")
    peer.take(min(length, _SAFE_TEXT))
    if length > _SAFE_TEXT or not _possible(width, height):
        raise DriverError("format", "a screen of impossible size")
    peer.put(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 0, 8, 16))
    peer.put(struct.pack(">BxH3i", 2, 3, COPY_RECTANGLE, RAW, DESKTOP_SIZE))
    return width, height


def _possible(width: int, height: int) -> bool:
    return 16 <= width <= 16384 and 16 <= height <= 16384 and width * height <= MOST_PIXELS


def _authenticate(peer: Peer, version: bytes, password: bytes) -> None:
    if version == b"003.003":
        (chosen,) = peer.unpack(">I")
        offered = [chosen]
    else:
        (count,) = peer.unpack(">B")
        offered = list(peer.take(count))
        chosen = _VNC if password and _VNC in offered else _NONE if _NONE in offered else 0
        if not chosen:
            raise DriverError("permission", "the workstation asks for a password or a method that is not known")
        peer.put(bytes([chosen]))
    if chosen not in (_NONE, _VNC) or (chosen == _VNC and not password):
        raise DriverError("permission", "the workstation asks for a password or refuses")
    if chosen == _VNC:
        peer.put(_answered(peer.take(16), password))
    if (chosen == _VNC or version == b"003.008") and peer.unpack(">I") != (0,):
        raise DriverError("permission", "the workstation does not take this password")


def _answered(challenge: bytes, password: bytes) -> bytes:
    """Return the challenge as VNC wants it: DES, with the bits of each byte of the password mirrored (7.2.2)."""
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password[:8].ljust(8, b"\0"))
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - what the protocol asks for
    return encryptor.update(challenge) + encryptor.finalize()
