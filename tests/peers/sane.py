"""SANE's test backend, saned on the loopback, and a network scanner that speaks eSCL."""

from __future__ import annotations

import io
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from tests.peers.process import program, running

SYSTEM = Path("/etc/sane.d")
SANE_PORT = 6566
"""The net backend knows no other."""


def virtual_scanner(folder: Path) -> Path:
    """Return a configuration folder in which SANE has its test device and nothing else."""
    made = folder / "sane"
    made.mkdir(parents=True, exist_ok=True)
    (made / "dll.conf").write_text("test\n")
    shutil.copy(SYSTEM / "test.conf", made)
    return made


@contextmanager
def saned(folder: Path) -> Iterator[Path]:
    """Run saned with the test device on the loopback; yields the client's configuration folder."""
    server = virtual_scanner(folder)
    (server / "saned.conf").write_text("127.0.0.1\n")
    client = folder / "client"
    client.mkdir()
    (client / "dll.conf").write_text("net\n")
    (client / "net.conf").write_text("connect_timeout = 5\n127.0.0.1\n")
    line = [program("saned"), "-l", "-b", "127.0.0.1", "-e"]
    environment = {**os.environ, "SANE_CONFIG_DIR": str(server)}
    with running(line, folder / "saned.log", SANE_PORT, env=environment):
        yield client


_INPUT = """<scan:{name}><scan:MinWidth>16</scan:MinWidth><scan:MaxWidth>2550</scan:MaxWidth>
<scan:MinHeight>16</scan:MinHeight><scan:MaxHeight>3508</scan:MaxHeight><scan:MaxScanRegions>1</scan:MaxScanRegions>
<scan:SettingProfiles><scan:SettingProfile><scan:ColorModes><scan:ColorMode>Grayscale8</scan:ColorMode>
<scan:ColorMode>RGB24</scan:ColorMode></scan:ColorModes><scan:DocumentFormats>
<pwg:DocumentFormat>image/jpeg</pwg:DocumentFormat><scan:DocumentFormatExt>image/jpeg</scan:DocumentFormatExt>
</scan:DocumentFormats><scan:SupportedResolutions><scan:DiscreteResolutions><scan:DiscreteResolution>
<scan:XResolution>75</scan:XResolution><scan:YResolution>75</scan:YResolution></scan:DiscreteResolution>
</scan:DiscreteResolutions></scan:SupportedResolutions></scan:SettingProfile></scan:SettingProfiles></scan:{name}>"""
_SPACES = (
    'xmlns:scan="http://schemas.hp.com/imaging/escl/2011/05/03" xmlns:pwg="http://www.pwg.org/schemas/2010/12/sm"'
)


class Escl:
    """A scanner on the network with a glass and a feeder of three sheets; `fault` is jam or cut."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self._jobs: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                outer.get(self)

            def do_POST(self) -> None:
                outer.post(self)

            def do_DELETE(self) -> None:
                answer(self, 200)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Escl:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def configuration(self, folder: Path) -> Path:
        """Return a client's configuration folder that knows this scanner alone."""
        made = folder / "airscan"
        made.mkdir()
        (made / "dll.conf").write_text("airscan\n")
        (made / "airscan.conf").write_text(
            f'[devices]\n"Ward scanner" = http://127.0.0.1:{self.port}/eSCL, eSCL\n[options]\ndiscovery = disable\n'
        )
        return made

    def get(self, h: BaseHTTPRequestHandler) -> None:
        if h.path == "/eSCL/ScannerCapabilities":
            inputs = (
                f"<scan:Platen>{_INPUT.format(name='PlatenInputCaps')}</scan:Platen>"
                f"<scan:Adf>{_INPUT.format(name='AdfSimplexInputCaps')}"
                "<scan:FeederCapacity>3</scan:FeederCapacity></scan:Adf>"
            )
            about = "<pwg:Version>2.6</pwg:Version><pwg:MakeAndModel>Ward</pwg:MakeAndModel>"
            about += f"<scan:UUID>{uuid.UUID(int=1)}</scan:UUID>"
            answer(h, 200, _xml("ScannerCapabilities", about + inputs))
        elif h.path == "/eSCL/ScannerStatus":
            state = "ScannerAdfJam" if self.fault == "jam" else "ScannerAdfLoaded"
            about = f"<pwg:Version>2.6</pwg:Version><pwg:State>Idle</pwg:State><scan:AdfState>{state}</scan:AdfState>"
            answer(h, 200, _xml("ScannerStatus", about))
        elif (found := re.match(r"/eSCL/ScanJobs/([^/]+)/NextDocument", h.path)) is not None:
            self._page(h, found[1])
        else:
            answer(h, 404)

    def _page(self, h: BaseHTTPRequestHandler, job: str) -> None:
        if self._jobs.get(job, 0) <= 0:
            answer(h, 404)
        elif self.fault == "jam":
            answer(h, 409)
        else:
            self._jobs[job] -= 1
            page = io.BytesIO()
            Image.linear_gradient("L").resize((300, 400)).save(page, "JPEG", dpi=(75, 75))
            body = page.getvalue()
            answer(h, 200, body, "image/jpeg", cut=len(body) // 2 if self.fault == "cut" else 0)

    def post(self, h: BaseHTTPRequestHandler) -> None:
        asked = h.rfile.read(int(h.headers.get("Content-Length", 0))).decode()
        job = str(uuid.uuid4())
        self._jobs[job] = 3 if "Feeder" in asked else 1
        answer(h, 201, location=f"/eSCL/ScanJobs/{job}")


def _xml(name: str, body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><scan:{name} {_SPACES}>{body}</scan:{name}>'.encode()


def answer(
    h: BaseHTTPRequestHandler, code: int, body: bytes = b"", kind: str = "text/xml", *, cut: int = 0, location: str = ""
) -> None:
    """Answer one request; `cut` bytes of the body are never sent."""
    h.send_response(code)
    h.send_header("Content-Type", kind)
    h.send_header("Content-Length", str(len(body)))
    if location:
        h.send_header("Location", location)
    h.end_headers()
    h.wfile.write(body[: len(body) - cut])
    if cut:
        h.wfile.flush()
        h.close_connection = True
