"""What goes wrong at a source: a grabber, a clip, a scanner. Codes V-01 on; part of `agent.errors`."""

from __future__ import annotations

from agent.error import AgentError, Blame


class DeviceError(AgentError):
    """The capture device does not work."""

    code = "V-01"
    blame = Blame.DEVICE
    hint = "Check the cable and the device."


class DeviceAbsent(DeviceError):
    """The capture device is not there."""

    code = "V-02"
    hint = "Check that the grabber is plugged in."


class NoSignal(DeviceError):
    """There is no video signal. Nothing can be captured."""

    code = "V-03"
    hint = "Check the cable and that the device is switched on."


class PictureNotLive(DeviceError):
    """The picture is not moving or is a test picture. Nothing was captured."""

    code = "V-04"
    hint = "Check the device's own screen."


class FrameRefused(DeviceError):
    """The device delivered a broken picture. Nothing was captured."""

    code = "V-05"
    hint = "Press again; if it happens often, check the cable and the device's settings."


class NoFrameInTime(DeviceError):
    """The device delivered no new picture after the press. Nothing was captured."""

    code = "V-06"
    hint = "Press again."


class NoCable(NoSignal):
    """There is no cable at the input, or the device at its other end is off. Nothing can be captured."""

    code = "V-08"
    hint = "Check the cable at both ends and that the device is switched on."


class NoSync(NoSignal):
    """The video signal cannot be locked. Nothing can be captured."""

    code = "V-09"
    hint = "Check the cable and the device's output format; the source's profile says what is expected."


class WrongStandard(NoSignal):
    """The video standard is not the one that is set. Nothing can be captured."""

    code = "V-10"
    hint = "Set the standard in the source's options: PAL, NTSC or SECAM."


class ClipFailed(DeviceError):
    """The clip could not be written. What was recorded until then is kept."""

    code = "V-11"
    safe = ""
    blame = Blame.BOX
    hint = "Look at the free space; call IT if it happens again."


class ClipBusy(DeviceError):
    """A clip is being recorded already."""

    code = "V-12"
    blame = Blame.PERSON
    hint = "End it first."


class NoClip(DeviceError):
    """No clip is being recorded."""

    code = "V-13"
    blame = Blame.PERSON
    hint = "Start one first."


class ScannerJammed(DeviceError):
    """Paper is jammed. The pages scanned before are kept."""

    code = "V-20"
    safe = ""
    hint = "Clear the paper and scan the remaining sheets again."


class CoverOpen(DeviceError):
    """The scanner's cover is open."""

    code = "V-21"
    hint = "Close it and scan again."


class OutOfPaper(DeviceError):
    """There is no sheet in the feeder."""

    code = "V-22"
    hint = "Put sheets in and scan again."


class ScanCancelled(DeviceError):
    """The scan was cancelled. The pages scanned before are kept."""

    code = "V-23"
    safe = ""
    blame = Blame.PERSON
    hint = "Scan again when ready."


class ScannerBusy(DeviceError):
    """The scanner is busy."""

    code = "V-24"
    hint = "Wait until it is free and scan again."


class ScannerForbidden(DeviceError):
    """The box may not use this scanner."""

    code = "V-25"
    blame = Blame.BOX
    hint = "Call IT."


class ScannerFailed(DeviceError):
    """The scanner stopped. The pages scanned before are kept."""

    code = "V-26"
    safe = ""
    hint = "Check its cable and scan again."


class PageTruncated(DeviceError):
    """A page did not arrive whole and was not kept."""

    code = "V-27"
    hint = "Scan it again."


class ScannerSlow(DeviceError):
    """The scanner did not deliver the page in time. The pages scanned before are kept."""

    code = "V-28"
    safe = ""
    hint = "Check it and scan again."


class UnknownSource(DeviceError):
    """There is no source of that name."""

    code = "V-07"
    blame = Blame.PERSON
    hint = "`modality-agent status` lists the sources."
