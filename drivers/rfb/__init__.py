"""A workstation's screen over VNC (the Remote Framebuffer protocol, RFC 6143): for what has a network but no DICOM.

View only: no key and no pointer event is ever sent. Every update is asked for when the one before is complete, so a
slow link delivers fewer pictures, never torn ones. Versions 3.3, 3.7 and 3.8; no password or the VNC challenge; raw and
copied rectangles, which every server must speak.
"""

from __future__ import annotations

from drivers.rfb.options import Options
from drivers.rfb.source import Source

__all__ = ["Options", "Source"]
