"""A watched folder: pictures, PDFs and videos that other software leaves there become items of the unassigned tray.

A file is taken when it has stopped growing, by an atomic rename into `.taking`, and is removed only after the box said
that it is durable. What cannot be read goes to `.refused` and is told: nothing ends in nothing (ruling 1).
"""

from __future__ import annotations

from drivers.folder.options import Options
from drivers.folder.source import Source

__all__ = ["Options", "Source"]
