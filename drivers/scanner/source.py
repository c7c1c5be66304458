"""The scanner as a source of pages: it delivers when it is asked, not by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from drivers.contract import DriverError
from drivers.scanner.command import capabilities, choose, command, devices, resolution_of
from drivers.scanner.job import Job
from drivers.scanner.options import Options
from drivers.scanner.pnm import Page

BATCHED = ("feeder", "duplex", "manual-duplex")
"""Where sheet after sheet is drawn in until there is none."""
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


class Source:
    """One scanner; found anew for every job, because SANE does not tell of one that came or went."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()

    def look(self) -> str:
        """Return the scanner's name as people know it; raises `DriverError` when it is not there."""
        found = choose(devices(self._options), self._options)
        return f"{found.vendor} {found.model}".strip()

    def scan(self, page: Callable[[dict[str, Any], bytes], None], turn: Callable[[], bool], *, preview: bool) -> int:
        """Scan what lies there and hand over each whole page; return how many. Raises `DriverError`, `JobFailed`."""
        found = choose(devices(self._options), self._options)
        offered = capabilities(found, self._options)
        words = command(found, offered, self._options, batch=self._options.feed in BATCHED)
        if preview and "preview" in offered:
            words.append("--preview=yes")
        dpi = resolution_of(words, self._options.resolution)

        def deliver(read: Page) -> None:
            page(self._facts(read, dpi, f"{found.vendor} {found.model}".strip()), read.payload)

        job = Job(words, self._options, page=deliver, turn=turn)
        job.run()
        return job.pages

    def _facts(self, page: Page, dpi: float, name: str) -> dict[str, Any]:
        """Return the header of one page (PS3.3 C.8.6.2: resolution is the nominal spacing on the medium)."""
        if dpi <= 0:
            raise DriverError("format", "a scan without a resolution")
        spacing = round(25.4 / dpi, 6)
        return {
            "rows": page.rows,
            "columns": page.columns,
            "samples_per_pixel": page.samples,
            "bits_allocated": page.bits_allocated,
            "bits_stored": page.bits_allocated,
            "photometric_interpretation": "RGB" if page.samples == 3 else "MONOCHROME2",
            "transfer_syntax_uid": EXPLICIT_VR_LITTLE_ENDIAN,
            "payload_size": len(page.payload),
            "payload_sha256": hashlib.sha256(page.payload).hexdigest(),
            "lossy": [],
            "pixel_aspect_ratio": None,
            "image_format": f"{name} {dpi:g} dpi"[:64],
            "processing": "",
            "frame_number": 0,
            "signal": "present",
            "scanned_spacing_mm": [spacing, spacing],
            "rotation_degrees": self._options.rotation_degrees,
        }
