"""A grabber, camera or capture card straight from the kernel (Video for Linux 2).

Memory-mapped buffers in the device's own format; of what is ready the newest whole picture is returned, with the
kernel's counter and time. Short and broken buffers are refused. The input's state is asked for every second and at
every event, so that a blue screen of a grabber without a cable is not taken for a patient. Digital timings are
followed: another size is another geometry. A device found by its USB identity is found again after it moved.
"""

from __future__ import annotations

from drivers.v4l2.options import Options
from drivers.v4l2.source import Source

__all__ = ["Options", "Source"]
