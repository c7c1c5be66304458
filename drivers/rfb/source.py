"""The screen source: asks for what changed, keeps the whole screen, hands over one picture after the other."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drivers.clock import Clock, Monotonic
from drivers.contract import DriverError, Frame, Geometry, PixelFormat
from drivers.rfb.options import Options
from drivers.rfb.protocol import COPY_RECTANGLE, DESKTOP_SIZE, MOST_PIXELS, RAW, Peer, handshake

_LONGEST_TEXT = 1 << 20


class Source:
    """One VNC session."""

    knows_signal = True
    """A connection is a signal: a dark or blue desktop is not taken for a missing cable."""

    def __init__(self, options: Options | None = None, *, clock: Clock | None = None) -> None:
        self._options = options or Options()
        self._clock = clock or Monotonic()
        self._peer: Peer | None = None
        self._screen: Any = None
        self._number = -1
        self._due_ns = self._asked_ns = 0
        self._asked = False

    def open(self) -> Geometry:
        """Take the screen; raises `DriverError`: absent, permission, format, broken."""
        self.close()
        password = self._password()
        peer = Peer(self._options.host, self._options.port, self._options.timeout_s)
        try:
            width, height = handshake(peer, password)
        except BaseException:
            peer.close()
            raise
        self._peer, self._number, self._asked = peer, -1, False
        self._resize(width, height)
        self._ask(whole=True)
        return self._geometry()

    def _password(self) -> bytes:
        if not self._options.password_file:
            return b""
        try:
            return Path(self._options.password_file).read_bytes().splitlines()[0]
        except (OSError, IndexError) as e:
            raise DriverError("permission", "the password file cannot be read") from e

    def _resize(self, width: int, height: int) -> None:
        import numpy as np

        if not 16 <= width <= 16384 or not 16 <= height <= 16384 or width * height > MOST_PIXELS:
            raise DriverError("format", "a screen of impossible size")
        self._screen = np.zeros((height, width, 3), np.uint8)

    def _geometry(self) -> Geometry:
        rows, columns = self._screen.shape[:2]
        told = self._options.image_format or f"VNC {columns}x{rows}"
        return Geometry(rows=rows, columns=columns, pixel_format=PixelFormat.RGB, image_format=told)

    def _ask(self, *, whole: bool) -> None:
        if self._peer is None:
            raise DriverError("absent", "not open")
        rows, columns = self._screen.shape[:2]
        self._peer.put(struct.pack(">BBHHHH", 3, int(not whole), 0, 0, columns, rows))
        self._asked, self._asked_ns = True, self._clock.now_ns()

    def read(self, timeout_s: float) -> Frame | None:
        """Return the screen after its next complete update, or None after `timeout_s` without one.

        A picture began when it was asked for: what it shows is not older than that. A screen that does not change
        is asked for whole now and then, so that a still of a resting screen can be taken.
        """
        peer, now_ns = self._peer, self._clock.now_ns()
        if peer is None:
            raise DriverError("absent", "not open")
        if not self._asked:
            self._clock.wait(min(timeout_s, max(0.0, (self._due_ns - now_ns) / 1e9)))
            if self._clock.now_ns() < self._due_ns:
                return None
            self._ask(whole=True)
        if peer.quiet(timeout_s):
            return None
        return self._frame() if self._message(peer) else None

    def _frame(self) -> Frame:
        self._asked = False
        self._number += 1
        self._due_ns = self._asked_ns + round(1e9 / self._options.frames_per_s)
        return Frame(
            data=self._screen.copy(), geometry=self._geometry(), captured_ns=self._asked_ns, number=self._number
        )

    def _message(self, peer: Peer) -> bool:
        """Take one message of the server; True: the screen is complete as of now (RFC 6143 7.6)."""
        (kind,) = peer.unpack(">B")
        if kind == 0:
            (count,) = peer.unpack(">xH")
            return all([self._rectangle(peer) for _ in range(count)])  # noqa: C419 - every one is to be read
        if kind == 1:
            _, colours = peer.unpack(">xHH")
            peer.take(6 * colours)
        elif kind == 3:
            (length,) = peer.unpack(">xxxI")
            if length > _LONGEST_TEXT:
                raise DriverError("broken", "the workstation sends nonsense")
            peer.take(length)
        elif kind != 2:
            raise DriverError("broken", "the workstation sends nonsense")
        return False

    def _rectangle(self, peer: Peer) -> bool:
        """Put one rectangle onto the screen; False: the screen has another size now and is asked for anew."""
        import numpy as np

        x, y, width, height, encoding = peer.unpack(">HHHHi")
        if encoding == DESKTOP_SIZE:
            self._resize(width, height)
            self._ask(whole=True)
            return False
        rows, columns = self._screen.shape[:2]
        if x + width > columns or y + height > rows:
            raise DriverError("broken", "the workstation draws beyond its screen")
        if encoding == RAW:
            pixels = np.frombuffer(peer.take(width * height * 4), np.uint8).reshape(height, width, 4)
            self._screen[y : y + height, x : x + width] = pixels[:, :, :3]
        elif encoding == COPY_RECTANGLE:
            from_x, from_y = peer.unpack(">HH")
            if from_x + width > columns or from_y + height > rows:
                raise DriverError("broken", "the workstation copies from beyond its screen")
            part = self._screen[from_y : from_y + height, from_x : from_x + width].copy()
            self._screen[y : y + height, x : x + width] = part
        else:
            raise DriverError("broken", "the workstation uses an encoding that was not agreed")
        return True

    def close(self) -> None:
        """Give the screen back; may be called twice, never raises."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
