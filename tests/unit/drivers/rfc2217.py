"""A serial device server (RFC 2217) on 127.0.0.1 whose control lines a test moves by hand."""

from __future__ import annotations

import socket
import threading
from typing import Any

from serial.rfc2217 import PortManager


class Lines:
    """What `PortManager` needs of a port; `cts`, `dsr`, `ri` and `cd` are the lines."""

    def __init__(self) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.rtscts = self.xonxoff = self.dsrdtr = False
        self.rts = self.dtr = True
        self.break_condition, self.timeout, self.name = False, None, "lines"
        self.cts = self.dsr = self.ri = self.cd = False

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...

    def write(self, data: bytes) -> None: ...

    def get_settings(self) -> dict[str, Any]:
        return {}


class _Connection:
    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._lock = sock, threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._sock.sendall(data)


class DeviceServer:
    """Serves one client at a time; use as a context manager, `hang_up` is an unplug."""

    def __init__(self) -> None:
        self.lines = Lines()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"
        self._client: socket.socket | None = None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> DeviceServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def hang_up(self) -> None:
        if self._client is not None:
            try:
                self._client.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self._client = client
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        manager = PortManager(self.lines, _Connection(client))
        gone = threading.Event()

        def watch() -> None:
            while not gone.wait(0.01):
                try:
                    manager.check_modem_lines()
                except OSError:
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            while data := client.recv(1024):
                for _ in manager.filter(data):
                    pass
        except OSError:
            pass
        gone.set()
        watcher.join(5)
