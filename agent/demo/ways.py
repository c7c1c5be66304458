"""The ways into the box that the demonstration can show: what is configured, what a person does, what proves it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.demo import evidence
from agent.demo.commands import Commands, DemoFailed

Tell = Callable[[str], None]
_SOURCE = re.compile(r"\[\[source\]\].*?(?=\[worklist\])", re.DOTALL)
_CLIP_S = 2.0


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of source. `prepare` gives its tables, `capture` does what a person does, `digest` reads the object."""

    name: str
    about: str
    prepare: Callable[[Commands], str]
    capture: Callable[[Commands, Tell], None]
    digest: Callable[[Path, Path], str]


def configure(commands: Commands, way: Way) -> None:
    """Put the way's source into the configuration that the sandbox wrote."""
    file = commands.folder / "config.toml"
    tables = way.prepare(commands)
    changed, times = _SOURCE.subn(lambda _found: tables, file.read_text(encoding="utf-8"))
    if times != 1:
        raise DemoFailed("the sandbox's configuration has no source")
    file.write_text(changed, encoding="utf-8")


def _tables(driver: str, told: dict[str, Any], options: dict[str, Any] | None = None, **more: dict[str, Any]) -> str:
    def table(name: str, values: dict[str, Any]) -> str:
        rows = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        return f"[source.{name}]\n{rows}\n"

    head = f'[[source]]\nname = "us1"\ndriver = "{driver}"\n\n'
    parts = {**({"options": options} if options else {}), **more, "object": told}
    return head + "".join(table(name, values) for name, values in parts.items())


# --- video and clips ----------------------------------------------------------------------------------------

_ULTRASOUND = {"modality": "US", "conversion_type": "DV", "series_description": "Simulated ultrasound"}


def _two_pictures(c: Commands, tell: Tell) -> None:
    for number in (1, 2):
        frame = c.ask("capture")
        tell(f"captured picture {number}: frame {frame['frame_number']} of the device, safe on the disk")


def _one_clip(c: Commands, tell: Tell) -> None:
    c.ask("clip", "start")
    tell("recording: each second is safe on the disk as it comes")
    c.pause(_CLIP_S)
    frame = c.ask("clip", "stop")
    tell(f"recorded a clip of {frame['frames']} frames, counted")


# --- scanners -----------------------------------------------------------------------------------------------


def _scanner(c: Commands, **options: Any) -> dict[str, Any]:
    """Return options for SANE's own test device, in a configuration folder of the demonstration's."""
    evidence.program("scanimage", "sane-utils")
    folder = c.folder / "sane"
    folder.mkdir()
    (folder / "dll.conf").write_text("test\n")
    shutil.copy("/etc/sane.d/test.conf", folder)
    made = {"configuration_dir": str(folder), "device": "test:0", "feed": "feeder", "resolution": 75}
    return {**made, "more": ["test-picture=Color pattern"], **options}


def _film(c: Commands) -> str:
    told = {"modality": "RG", "conversion_type": "DF", "series_description": "Digitised film"}
    return _tables("scanner", told, _scanner(c, mode="grey", depth=16), document={"output": "multi-frame"})


def _paper(c: Commands) -> str:
    told = {"modality": "DOC", "conversion_type": "SD", "series_description": "Referral"}
    options = _scanner(c, mode="colour")
    return _tables("scanner", told, options, document={"output": "pdf", "title": "Направлення"})


def _feed(c: Commands, tell: Tell) -> None:
    c.ask("capture")
    exam = c.ask("status")["sources"][0]["exam_id"]
    pages = c.ask("exam", "show", exam)["frames"]
    tell(f"scanned {len(pages)} sheets, each safe on the disk before the next one")


# --- a screen and a folder ----------------------------------------------------------------------------------


def _screen(c: Commands) -> str:
    server, paint = (evidence.program(n, p) for n, p in (("Xtigervnc", "tigervnc-standalone-server"),
                                                         ("xsetroot", "x11-xserver-utils")))  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    display = f":{20000 + port % 20000}"
    c.start_foreign(
        "screen",
        [server, display, "-geometry", "800x600", "-depth", "24", "-rfbport", str(port), "-localhost", "-ac",
         "-SecurityTypes", "None"],
    )  # fmt: skip
    c.until("the workstation's screen is up", lambda: _listens(port), 20)
    environment = {**os.environ, "DISPLAY": display}
    pattern = [paint, "-mod", "16", "12", "-fg", "#103050", "-bg", "#e0d0a0"]
    subprocess.run(pattern, env=environment, timeout=20, check=True)
    told = {"modality": "OT", "conversion_type": "WSD", "series_description": "Screens"}
    return _tables("rfb", told, {"port": port}, picture={"accept_still_screen": True})


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _folder(c: Commands) -> str:
    inbox = c.folder / "inbox"
    inbox.mkdir()
    told = {"modality": "OT", "conversion_type": "WSD", "series_description": "Exported files"}
    return _tables("folder", told, {"path": str(inbox), "settle_s": 0.5})


def _drop(c: Commands, tell: Tell) -> None:
    (c.folder / "inbox/export.png").write_bytes(_png(320, 240))
    tell("another program's picture appeared in the watched folder")
    c.until("it is in the tray", lambda: bool(c.ask("tray", "list")), 30)
    (item,) = c.ask("tray", "list")
    tell(f"it waits in the unassigned tray ({item['kind']}, {item['size']} bytes); nobody's until a person says whose")
    c.ask("tray", "assign", item["item_id"])
    tell("a person put it into the open exam")


def _png(width: int, height: int) -> bytes:
    """Return a small colour picture (ISO 15948)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def row(y: int) -> bytes:
        return b"\0" + bytes(v for x in range(width) for v in (x % 256, y % 256, (x + y) % 256))

    rows = b"".join(map(row, range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- what was delivered -------------------------------------------------------------------------------------


def _frames_sha256(file: Path, scratch: Path) -> str:
    """Return the SHA-256 of all JPEG frames as DCMTK takes them out of the object."""
    whole = hashlib.sha256()
    for raw in evidence.raw_values(file, scratch)[1:]:  # the first item is the table of offsets
        data = raw.read_bytes()
        whole.update(data[: data.rfind(b"\xff\xd9") + 2])
    return whole.hexdigest()


def _native_sha256(file: Path, scratch: Path) -> str:
    (raw,) = evidence.raw_values(file, scratch)
    return hashlib.sha256(raw.read_bytes()).hexdigest()


WAYS = {
    way.name: way
    for way in (
        Way("video", "its source is a simulated 720×576 interlaced PAL device",
            lambda _c: _tables("simulator", _ULTRASOUND), _two_pictures, evidence.pixels_sha256),
        Way("clip", "its source is a simulated 720×576 interlaced PAL device",
            lambda _c: _tables("simulator", _ULTRASOUND), _one_clip, _frames_sha256),
        Way("film", "its source is SANE's test scanner with ten films in the feeder, 16 bits", _film, _feed,
            _native_sha256),
        Way("paper", "its source is SANE's test scanner with ten sheets in the feeder", _paper, _feed,
            evidence.document_sha256),
        Way("screen", "its source is the screen of a workstation, over VNC", _screen, _two_pictures,
            evidence.pixels_sha256),
        Way("folder", "its source is a folder in which another program leaves its files", _folder, _drop,
            evidence.pixels_sha256),
    )
}  # fmt: skip
"""By the word that `make demo SOURCE=` takes."""
