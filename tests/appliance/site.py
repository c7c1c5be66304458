"""The hospital around the box: a RIS and a PACS over mutual TLS, a time server, and the enrolment file it hands out."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.world import Sandbox, sandbox_in

HOST = "10.0.2.2"
"""This machine, as QEMU's user network shows it to the box."""
BOX = "УЗД 2"
NTP_PORT, _EPOCH = 123, 2_208_988_800
ANSWERED_S = 60.0
PEDAL = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_PEDAL001-if00-port0"
GRABBER = "/dev/v4l/by-path/platform-vivid.0-video-index0"
V4L2 = f'driver = "v4l2"\noptions = {{ device = "{GRABBER}", input = "0", standard = "auto" }}'
SIMULATOR = 'driver = "simulator"'


class TimeServer(threading.Thread):
    """Answers SNTP (RFC 5905) on this machine's loopback; without it the box would not trust its clock.

    The emulated box's seconds are longer than ours, and its clock would be stepped again and again: after each start
    its questions are answered for a while, and then no more.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", NTP_PORT))
        self._first: float | None = None

    def run(self) -> None:
        while True:
            try:
                asked, who = self._socket.recvfrom(256)
            except OSError:
                return
            self._first = self._first or time.monotonic()
            if time.monotonic() > self._first + ANSWERED_S:
                continue
            now = time.time() + _EPOCH
            stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
            head = struct.pack(">BBbbII4s", 0x24, 2, 6, -20, 0, 0, b"TEST")
            self._socket.sendto(head + stamp + asked[40:48] + stamp + stamp, who)

    def anew(self) -> None:
        """A box starts: it is told the time."""
        self._first = None

    def close(self) -> None:
        self._socket.close()


class Site(Sandbox):
    """RIS and PACS, and the time server."""

    def __init__(self, sandbox: Sandbox, time_server: TimeServer) -> None:
        super().__init__(sandbox.folder, sandbox.description)
        self.time_server = time_server


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """Run RIS, PACS and time server for the length of the block."""
    clock = TimeServer()
    clock.start()
    try:
        with sandbox_in(folder) as sandbox:
            yield Site(sandbox, clock)
    finally:
        clock.close()


def enrolment(sandbox: Sandbox, *, source: str = V4L2, pedal: bool = True, reader: bool = True) -> bytes:
    """Return the enrolment file of one box of this site, the key made by the site."""
    told = sandbox.description
    pem = {name: Path(told[key]).read_text() for name, key in _MATERIAL.items()}
    triggers = (_TRIGGER.format(name="pedal", driver="serial_line", options=f'port = "{PEDAL}"') if pedal else "") + (
        _TRIGGER.format(name="reader", driver="evdev", options='device = "name:QEMU USB Keyboard", action = "scan"')
        if reader
        else ""
    )
    peers = "".join(
        f'[{table}]\nhost = "{HOST}"\nport = {told[who]["port"]}\n'
        f'called_ae_title = "{told[who]["called_ae_title"]}"\nverify = "name:localhost"\n{more}'
        for table, who, more in (
            ("configuration.worklist", "ris", ""),
            ("configuration.procedure_step", "ris", ""),
            ("[configuration.destination]", "pacs", 'name = "archive"\n'),
        )
    )
    return f"""format = 1
[site]
time_servers = ["{HOST}"]
[certificates]
authority = '''{pem["authority"]}'''
certificate = '''{pem["certificate"]}'''
key = '''{pem["key"]}'''
[configuration.box]
name = "{BOX}"
ae_title = "{told["agent_ae_title"]}"
language = "uk"
[configuration.web]
listen = "0.0.0.0"
port = 443
names = ["localhost"]
[configuration.exam]
undo_window_s = 0
[[configuration.source]]
name = "us1"
{source}
object = {{ modality = "US" }}
{triggers}{peers}[configuration.delivery]
first_retry_s = 2.0
minimum_free_mb = 50
""".encode()


_MATERIAL = {"authority": "ca", "certificate": "agent_certificate", "key": "agent_key"}
_TRIGGER = (
    '[[configuration.trigger]]\nname = "{name}"\ndriver = "{driver}"\nsource = "us1"\noptions = {{ {options} }}\n'
)
