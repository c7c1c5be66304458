"""Inside the guest: hands a USB device that is served over the network to the kernel's own virtual host controller."""

import socket
import struct
import sys


def main(host, port):
    peer = socket.create_connection((host, int(port)))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(struct.pack(">HHI", 0x111, 0x8003, 0) + b"1-1".ljust(32, b"\0"))
    told = b""
    while len(told) < 8 + 312:
        told += peer.recv(4096)
    bus, device, speed = struct.unpack(">III", told[8 + 288 : 8 + 300])
    with open("/sys/devices/platform/vhci_hcd.0/attach", "w") as file:
        file.write(f"0 {peer.fileno()} {bus << 16 | device} {speed}")


main(*sys.argv[1:])
