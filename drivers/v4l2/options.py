"""What the v4l2 driver may be told: settings only, no import of numpy or of the kernel's interface."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.options import option
from drivers.v4l2.standards import STANDARDS

FORMATS = ("auto", "MJPG", "YUYV", "UYVY", "NV12", "GREY", "Y16")
_USB = re.compile(r"usb:[0-9a-f]{4}:[0-9a-f]{4}(:[^/]+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the driver may be told; 0 and "" leave a thing as the device has it."""

    device: str = option(
        "/dev/video0",
        sentence="A node, a link below /dev/v4l/by-id or by-path, usb:vendor:product with or without :serial, "
        "or bus: and the kernel's own word for where it is plugged in (bus:usb-0000:01:00.0-1.2).",
    )
    input: str = option("", sentence="Name or number of the input: Composite, S-Video, HDMI, 0 and so on.")
    standard: str = option(
        "", sentence="Analog standard: PAL, NTSC, SECAM or a variant; auto takes what the decoder sees, and follows it."
    )
    pixel_format: str = option("auto", sentence="auto, MJPG, YUYV, UYVY, NV12, GREY or Y16.")
    prefer: str = option("pixels", sentence="What auto looks for: pixels (native) or jpeg (MJPG kept as it is).")
    rows: int = option(0, unit="pixels", sentence="Height to ask for; digital inputs follow their signal instead.")
    columns: int = option(0, unit="pixels", sentence="Width to ask for; digital inputs follow their signal instead.")
    frames_per_s: float = option(0.0, unit="1/s", sentence="Frame rate to ask for.")
    wide: bool = option(False, sentence="The analog picture is 16:9 squeezed into 4:3.")
    matrix: str = option("", sentence="Colour matrix where the device tells wrongly: bt601 or bt709.")
    buffers: int = option(4, sentence="How many buffers the kernel fills in turn.")
    look_s: float = option(1.0, unit="s", sentence="How often the signal is asked for.")
    usb_reset_after: int = option(4, sentence="Failed openings after which a USB device is reset; 0: never.")

    def __post_init__(self) -> None:
        if not self.device.startswith(("/", "bus:")) and not _USB.fullmatch(self.device):
            raise ValueError("device is a path, usb:vendor:product, usb:vendor:product:serial or bus:place")
        if self.standard not in ("", "auto", *STANDARDS):
            raise ValueError(f"standard must be auto or one of {', '.join(STANDARDS)}")
        if self.pixel_format not in FORMATS:
            raise ValueError(f"pixel_format must be one of {', '.join(FORMATS)}")
        if self.prefer not in ("pixels", "jpeg"):
            raise ValueError("prefer must be pixels or jpeg")
        if self.matrix not in ("", "bt601", "bt709"):
            raise ValueError("matrix must be bt601 or bt709")
        if min(self.rows, self.columns, self.frames_per_s, self.usb_reset_after) < 0:
            raise ValueError("rows, columns, frames_per_s and usb_reset_after are not negative")
        if not 2 <= self.buffers <= 32 or not 0.1 <= self.look_s <= 60:
            raise ValueError("buffers must be 2 to 32, look_s 0.1 to 60")
