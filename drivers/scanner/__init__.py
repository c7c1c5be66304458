"""A scanner through SANE: one `scanimage` child for each job, so that a backend that crashes or hangs harms nobody.

The device is found anew for every job by vendor, model and name, its options are taken from its own list, pages are
read as PNM with their true depth, and a page that is not whole is never kept. Network scanners come in through
SANE's own net and airscan backends.
"""

from __future__ import annotations

from drivers.scanner.options import Options
from drivers.scanner.source import Source

__all__ = ["Options", "Source"]
