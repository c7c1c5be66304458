"""One open video node, in typed words: inputs, standards, timings, formats, buffers, events.

Every request that fails raises `OSError` with the kernel's errno; who calls knows what it means there.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from drivers.kernel import Kernel, Mapping
from drivers.v4l2 import abi

S = TypeVar("S", bound=abi.Struct)
MOST = 64
"""No device has more inputs, formats or buffers; a lying one is not listened to for longer."""
_MASK = 0xFFFF_FFFF
LARGEST_PICTURE = 64 << 20


class Video:
    """One node. Life: construct (opens it), ask, `start`, `take` and `give` buffers, `close`."""

    def __init__(self, kernel: Kernel, node: str) -> None:
        self._kernel = kernel
        self.fd = kernel.open(node)
        self._mapped: list[Mapping] = []
        self._streaming = False

    def ask(self, request: int, value: S) -> S:
        """Return `value` after the kernel changed it."""
        argument = value.bytes
        self._kernel.ioctl(self.fd, request, argument)
        return type(value).from_buffer_copy(argument)

    def number(self, request: int, value: int = 0, size: int = 4) -> int:
        """Ask with a plain integer and return it as the kernel left it."""
        argument = bytearray(value.to_bytes(size, "little"))
        self._kernel.ioctl(self.fd, request, argument)
        return int.from_bytes(argument, "little")

    # --- what it is -----------------------------------------------------------------------------------------

    def captures(self, bus: str = "") -> bool:
        """Return whether this very node delivers pictures that can be streamed, at the place `bus` if that is said."""
        told = self.ask(abi.QUERYCAP, abi.Capability())
        wanted = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING
        there = not bus or told.bus_info.decode("latin-1") == bus
        return there and int(told.device_caps) & wanted == wanted

    def inputs(self) -> Iterator[abi.Input]:
        """Yield the inputs with their state at this moment."""
        for index in range(MOST):
            with suppress(OSError):
                yield self.ask(abi.ENUMINPUT, abi.Input(index=index))
                continue
            return

    def input(self) -> abi.Input:
        """Return the input that is chosen, with its state."""
        return self.ask(abi.ENUMINPUT, abi.Input(index=self.number(abi.G_INPUT) & _MASK))

    def formats(self) -> list[str]:
        """Return the pixel formats on offer, in the device's order."""
        found = []
        with suppress(OSError):
            for index in range(MOST):
                asked = abi.FormatDescription(index=index, type=abi.CAPTURE)
                found.append(abi.letters(self.ask(abi.ENUM_FMT, asked).pixelformat))
        return found

    def format(self) -> abi.PixFormat:
        return self._pix(self.ask(abi.G_FMT, abi.Format(type=abi.CAPTURE)))

    def set_format(self, wanted: abi.PixFormat) -> abi.PixFormat:
        """Ask for a format and return what the device made of it."""
        asked = abi.Format(type=abi.CAPTURE)
        asked.fmt.pix = wanted
        return self._pix(self.ask(abi.S_FMT, asked))

    @staticmethod
    def _pix(told: abi.Format) -> abi.PixFormat:
        return abi.PixFormat.from_buffer_copy(told.fmt.pix)

    def control(self, number: int) -> int | None:
        """Return a control's value; None: there is no such control."""
        try:
            return int(self.ask(abi.G_CTRL, abi.Control(id=number)).value)
        except OSError:
            return None

    # --- events ---------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Be told when the source changes; a device that cannot tell is asked now and then instead."""
        with suppress(OSError):
            self.ask(abi.SUBSCRIBE_EVENT, abi.Subscription(type=abi.EVENT_SOURCE_CHANGE))

    def changed(self) -> bool:
        """Take all pending events and return whether there was one."""
        seen = False
        with suppress(OSError):
            for _ in range(MOST):
                self.ask(abi.DQEVENT, abi.Event())
                seen = True
        return seen

    # --- buffers --------------------------------------------------------------------------------------------

    def start(self, count: int) -> None:
        """Map `count` buffers, hand them to the kernel and start the stream."""
        got = self.ask(abi.REQBUFS, abi.RequestBuffers(count=count, type=abi.CAPTURE, memory=abi.MMAP)).count
        if not 1 <= got <= MOST:
            raise OSError(errno.ENOMEM, "no buffers")
        for index in range(got):
            buffer = self.ask(abi.QUERYBUF, abi.Buffer(index=index, type=abi.CAPTURE, memory=abi.MMAP))
            if not 0 < buffer.length <= LARGEST_PICTURE:
                raise OSError(errno.EINVAL, "a buffer of impossible size")
            self._mapped.append(self._kernel.map(self.fd, buffer.length, buffer.offset & _MASK))
            self.give(index)
        self.number(abi.STREAMON, abi.CAPTURE)
        self._streaming = True

    def give(self, index: int) -> None:
        """Hand a buffer to the kernel to be filled."""
        self.ask(abi.QBUF, abi.Buffer(index=index, type=abi.CAPTURE, memory=abi.MMAP))

    def take(self) -> abi.Buffer | None:
        """Return a filled buffer, None where none is ready now."""
        try:
            return self.ask(abi.DQBUF, abi.Buffer(type=abi.CAPTURE, memory=abi.MMAP))
        except BlockingIOError:
            return None

    def content(self, index: int, size: int) -> bytes:
        """Return a copy of what a taken buffer holds."""
        if index >= len(self._mapped):
            raise OSError(errno.EIO, "a buffer that was never asked for")
        return self._mapped[index].read(size)

    def wait(self, timeout_s: float) -> int:
        """Return the node's events within `timeout_s`."""
        return self._kernel.wait(self.fd, timeout_s)

    def stop(self) -> None:
        """End the stream and give the buffers back, so that another format can be set."""
        if self._streaming:
            self._streaming = False
            with suppress(OSError):
                self.number(abi.STREAMOFF, abi.CAPTURE)
        while self._mapped:
            self._mapped.pop().close()
        with suppress(OSError):
            self.ask(abi.REQBUFS, abi.RequestBuffers(count=0, type=abi.CAPTURE, memory=abi.MMAP))

    def close(self) -> None:
        self.stop()
        with suppress(OSError):
            self._kernel.close(self.fd)

    def timings(self) -> abi.DvTimings:
        """Return the timings that the digital input sees now; ENOLINK, ENOLCK, ERANGE say why there are none."""
        return self.ask(abi.QUERY_DV_TIMINGS, abi.DvTimings())

    def frame_period_ns(self) -> int:
        """Return the announced frame period, 40 ms where the device does not say or says nonsense."""
        with suppress(OSError):
            told = self.ask(abi.G_PARM, abi.StreamParameters(type=abi.CAPTURE))
            if told.denominator and 4 <= told.numerator * 1000 / told.denominator <= 1000:
                return int(told.numerator * 1_000_000_000 // told.denominator)
        return 40_000_000


