"""A screen over VNC against a server that lies; the real server is met in the system tests."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.contract import DriverError
from drivers.rfb import Options, Source

GREETING = b"RFB 003.008\n\x01\x01"
OPEN = b"\0\0\0\0" + struct.pack(">HH16sI", 32, 16, b"", 4) + b"desk"


@contextmanager
def server(said: bytes, *, hang: bool = False) -> Iterator[int]:
    """Say these bytes to whoever comes, then hang up, or stay silent for ever."""
    listening, done = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        with suppress(OSError):
            peer, _ = listening.accept()
            with peer:
                peer.sendall(said)
                done.wait(5 if hang else 0.3)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        done.set()
        listening.close()
        thread.join(5)


def update(*rectangles: bytes) -> bytes:
    return struct.pack(">BxH", 0, len(rectangles)) + b"".join(rectangles)


def raw(x: int, y: int, width: int, height: int, colour: bytes = b"\x10\x20\x30\0") -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, 0) + colour * (width * height)


def test_rectangles_and_copies_make_one_picture() -> None:
    copied = struct.pack(">HHHHiHH", 16, 0, 16, 16, 1, 0, 0)
    whole = update(raw(0, 0, 16, 16), copied)
    with server(GREETING + OPEN + whole) as port, Source(Options(port=port)) as source:
        geometry = source.open()
        assert (geometry.rows, geometry.columns) == (16, 32)
        frame = source.read(1.0)
        assert frame is not None
        assert (frame.data == (0x10, 0x20, 0x30)).all()


def read_on(source: Source) -> None:
    for _ in range(5):
        source.read(0.2)


LIES = {
    "beyond the screen": update(raw(20, 0, 16, 16)),
    "a copy from beyond": update(struct.pack(">HHHHiHH", 0, 0, 16, 16, 1, 30, 10)),
    "an encoding nobody agreed to": update(struct.pack(">HHHHi", 0, 0, 16, 16, 7)),
    "a screen of 4 gigapixels": update(struct.pack(">HHHHi", 0, 0, 65535, 65535, -223)),
    "a text of 4 GB": struct.pack(">BxxxI", 3, 2**32 - 1),
    "an unknown message": b"\xfe" * 20,
    "half a rectangle": update(raw(0, 0, 32, 16))[:-5],
}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_server_is_an_error_in_bounded_time(name: str) -> None:
    with server(GREETING + OPEN + LIES[name]) as port, Source(Options(port=port, timeout_s=1.0)) as source:
        source.open()
        with pytest.raises(DriverError) as lied:
            read_on(source)
        assert lied.value.cause in DriverError.CAUSES


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "format"),
        (b"RFB 003.008\n\x01\x13", "permission"),
        (b"RFB 003.008\n\x01\x02" + b"c" * 16, "permission"),
        (b"RFB 003.008\n\x00\0\0\0\x04full", "permission"),
        (GREETING + b"\0\0\0\0" + struct.pack(">HH16sI", 0, 0, b"", 0), "format"),
        (GREETING + b"\0\0\0\0" + struct.pack(">HH16sI", 32, 16, b"", 2**32 - 1), "format|broken"),
        (b"", "broken"),
    ],
)
def test_who_is_no_screen_is_told(said: bytes, cause: str) -> None:
    with server(said) as port, pytest.raises(DriverError) as refused:
        Source(Options(port=port, timeout_s=1.0)).open()
    assert refused.value.cause in cause.split("|")


def test_a_silent_server_and_none_at_all() -> None:
    with server(b"", hang=True) as port, pytest.raises(DriverError, match="stopped answering"):
        Source(Options(port=port, timeout_s=0.6)).open()
    with pytest.raises(DriverError) as absent:
        Source(Options(port=1)).open()
    assert absent.value.cause == "absent"


@given(st.binary(max_size=400))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_noise_is_an_error_without_a_hang(noise: bytes) -> None:
    _survive(GREETING + OPEN + noise)


def test_a_hundred_thousand_random_bytes() -> None:
    noise = np.random.default_rng(3).bytes(100_000)
    _survive(noise)
    _survive(GREETING + noise)
    _survive(GREETING + OPEN + noise)


def _survive(said: bytes) -> None:
    with server(said) as port, Source(Options(port=port, timeout_s=0.5)) as source, suppress(DriverError):
        source.open()
        for _ in range(3):
            source.read(0.05)
