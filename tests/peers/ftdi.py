"""An FTDI FT232R serial adapter over USB/IP: its modem lines and its text are what a test says.

The kernel's own vhci_hcd and ftdi_sio drive it, so that the port that pyserial opens is a real one. Only what these
drivers ask is answered (Linux Documentation/usb/usbip_protocol.rst; FTDI's vendor requests as ftdi_sio uses them).
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

LINES = {"cts": 16, "dsr": 32, "ri": 64, "dcd": 128}
SERIAL = "PEDAL001"
_DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 8, 0x0403, 0x6001, 0x0600, 1, 2, 3, 1)
_CONFIGURATION = (
    struct.pack("<BBHBBBBB", 9, 2, 32, 1, 1, 0, 0xA0, 45)
    + struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 2, 255, 255, 255, 2)
    + struct.pack("<BBBBHB", 7, 5, 0x81, 2, 64, 0)
    + struct.pack("<BBBBHB", 7, 5, 0x02, 2, 64, 0)
)
_TEXTS = {1: "FTDI", 2: "FT232R USB UART", 3: SERIAL}
_SUBMIT, _UNLINK = 1, 2
_STALL, _RESET = -32, -104


class Adapter:
    """One adapter; `plug` hands it to this machine's kernel, `unplug` pulls it out."""

    def __init__(self) -> None:
        self._status, self._text = 1, b""
        self._waiting: dict[int, int] = {}
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._peer: socket.socket | None = None

    def plug(self, port: int = 0) -> None:
        """Attach to a port of this machine's virtual host controller."""
        self.serve()
        kernel = socket.create_connection(self._listening.getsockname())
        kernel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kernel.sendall(struct.pack(">HHI", 0x111, 0x8003, 0) + b"1-1".ljust(32, b"\0"))
        told = _take(kernel, 8 + 312)
        bus, device, speed = struct.unpack(">III", told[8 + 288 : 8 + 300])
        words = f"{port} {kernel.fileno()} {bus << 16 | device} {speed}"
        Path("/sys/devices/platform/vhci_hcd.0/attach").write_text(words)
        kernel.detach()  # the kernel has it now

    def serve(self) -> int:
        """Wait for one kernel to attach, this machine's or a guest's; return the TCP port for it."""
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._listening.getsockname()[1])

    def unplug(self) -> None:
        if self._peer is not None:
            with suppress(OSError):
                self._peer.shutdown(socket.SHUT_RDWR)

    def line(self, name: str, *, on: bool) -> None:
        """Set one of the modem lines."""
        with self._changed:
            self._status = self._status | LINES[name] if on else self._status & ~LINES[name]
            self._changed.notify_all()

    def say(self, text: bytes) -> None:
        """Let text arrive on the line."""
        with self._changed:
            self._text += text
            self._changed.notify_all()

    # --- the wire -------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        peer, _ = self._listening.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _take(peer, 40)
        about = b"/sys/devices/adapter/1-1".ljust(256, b"\0") + b"1-1".ljust(32, b"\0")
        about += struct.pack(">IIIHHHBBBBBB", 1, 2, 2, 0x0403, 0x6001, 0x0600, 0, 0, 0, 1, 1, 1)
        peer.sendall(struct.pack(">HHI", 0x111, 3, 0) + about)
        self._peer = peer
        self._waiting.clear()
        threading.Thread(target=self._deliver, args=(peer,), daemon=True).start()
        with suppress(OSError, EOFError):
            while True:
                self._request(peer)
        self._peer = None

    def _request(self, peer: socket.socket) -> None:
        head = _take(peer, 48)
        command, number, _device, to_host, endpoint = struct.unpack(">5I", head[:20])
        if command == _UNLINK:
            (which,) = struct.unpack(">I", head[20:24])
            with self._changed:
                found = self._waiting.pop(which, None) is not None
                peer.sendall(struct.pack(">IIIII", 4, number, 0, 0, 0) + struct.pack(">i24x", _RESET if found else 0))
            return
        length = struct.unpack(">i", head[24:28])[0]
        if not to_host and length > 0:
            _take(peer, length)
        with self._changed:
            if endpoint == 0:
                self._control(peer, number, head[40:48])
            elif to_host:
                self._waiting[number] = length
            else:
                _answer(peer, number, length=length)

    def _control(self, peer: socket.socket, number: int, setup: bytes) -> None:
        kind, request, value, _index, length = struct.unpack("<BBHHH", setup)
        data: bytes | None = b""
        if kind & 0x60 == 0:
            data = self._standard(request, value)
        elif kind & 0x80:
            told = {5: bytes([self._status, 0x60]), 0xA: b"\x10", 0x90: b"\xff\xff", 0xC: b"\0"}
            data = told.get(request, bytes(length))
        if data is None:
            _answer(peer, number, status=_STALL)
        elif kind & 0x80:
            _answer(peer, number, data[:length])
        else:
            _answer(peer, number, length=length)

    @staticmethod
    def _standard(request: int, value: int) -> bytes | None:
        if request != 6:
            return {0: b"\1\0", 8: b"\1"}.get(request, b"")
        kind, index = value >> 8, value & 255
        if kind != 3:
            return {1: _DEVICE, 2: _CONFIGURATION}.get(kind)
        if index == 0:
            return b"\x04\x03\x09\x04"
        text = _TEXTS.get(index, "")
        return bytes([2 + 2 * len(text), 3]) + text.encode("utf-16le")

    def _deliver(self, peer: socket.socket) -> None:
        """Answer the host's reads with the lines and the text, as the chip does at least every 16 ms."""
        while self._peer is peer:
            with self._changed:
                self._changed.wait(0.05)
                if not self._waiting:
                    continue
                number = next(iter(self._waiting))
                self._waiting.pop(number)
                data, self._text = bytes([self._status, 0x60]) + self._text[:62], self._text[62:]
                with suppress(OSError):
                    _answer(peer, number, data)


def _answer(peer: socket.socket, number: int, data: bytes = b"", *, status: int = 0, length: int = -1) -> None:
    size = len(data) if length < 0 else length
    head = struct.pack(">IIIII", 3, number, 0, 0, 0) + struct.pack(">iiiii8x", status, size, 0, 0, 0)
    peer.sendall(head + data)


def _take(peer: socket.socket, size: int) -> bytes:
    whole = b""
    while len(whole) < size:
        part = peer.recv(size - len(whole))
        if not part:
            raise EOFError
        whole += part
    return whole
