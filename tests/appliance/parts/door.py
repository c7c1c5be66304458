"""Inside the guest, from outside: runs what the test asks, one JSON line each, on a virtio serial port.

Comes on a disk of its own by way of a system credential (systemd's `systemd.extra-unit.*`); the image knows nothing
of it. Standard library only.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time

PORT = "/dev/virtio-ports/door"
SOCKET = "/var/lib/modality-agent/control.sock"


class Unix(http.client.HTTPConnection):
    """The control socket of the service."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(SOCKET)


def ask(method, path, body):
    connection = Unix("localhost", timeout=120)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/api{path}", text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return {"status": answer.status, "value": json.loads(answer.read() or b"null")}
    except (OSError, http.client.HTTPException, ValueError) as e:
        return {"status": 0, "value": repr(e)}
    finally:
        connection.close()


def run(script, limit):
    try:
        line, none = ["/bin/sh", "-c", script], subprocess.DEVNULL
        done = subprocess.run(line, check=False, capture_output=True, timeout=limit, stdin=none)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return {"rc": done.returncode, "out": out, "err": err}
    except subprocess.TimeoutExpired:
        return {"rc": -1, "out": "", "err": "timeout"}


def answer(asked):
    if "sh" in asked:
        return run(asked["sh"], asked.get("limit", 120))
    if "http" in asked:
        return ask(*asked["http"])
    if "spawn" in asked:
        with open("/run/test-spawned.log", "ab") as log:
            subprocess.Popen(["/bin/sh", "-c", asked["spawn"]], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return {}
    return {"boottime_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME), "uptime": time.monotonic()}


def main():
    fd = os.open(PORT, os.O_RDWR)
    os.write(fd, b'{"hello": true}\n')
    rest = b""
    while True:
        part = os.read(fd, 65536)
        if not part:
            time.sleep(0.05)  # nobody is at the other end yet
            continue
        rest += part
        while b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            told = json.loads(line)
            data = json.dumps({"id": told["id"], **answer(told)}).encode() + b"\n"
            while data:
                data = data[os.write(fd, data) :]


if __name__ == "__main__":
    sys.exit(main())
