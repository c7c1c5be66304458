"""What goes wrong at the legacy device and in the box's own source child, and what the box says and does then."""

from __future__ import annotations

import pytest

from agent.device_errors import FrameRefused, NoSignal
from tests.appliance.story import SOURCE, Story, slowly

MODE = "Standard Signal Mode"
AS_SET, NO_SIGNAL, CHOSEN = 0, 1, 4
OTHER_PATIENT, THIRD, FOURTH = "UA-00017", "UA-00042", "UA-00031"
NTSC = ("Standard", 0, MODE, CHOSEN)
"""What the decoder sees."""
CHILD = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q 'drivers.host' && echo ${p#/proc/}; done"
"""Children of sources and triggers: the one that has the grabber open is the source's."""
GRABBER = f"for p in $({CHILD}); do ls -l /proc/$p/fd 2>/dev/null | grep -q '/dev/video' && echo $p; done; true"


def unplugged(story: Story) -> str:
    """Without the cable the box says so, refuses a press aloud, and sees the cable come back."""
    story.open_exam(OTHER_PATIENT)
    story.turn(MODE, NO_SIGNAL)
    said = story.source_where("the box says that there is no signal", signal="no signal")
    with pytest.raises(NoSignal) as refused:
        story.post(f"/sources/{SOURCE}/capture", {"trigger_id": "unplugged"})
    assert story.captured() == []
    story.turn(MODE, AS_SET)
    story.source_where("the signal is back", signal="present", state="ready")
    return f"“{said['signal']}”; a press is refused ({refused.value.code}): {refused.value.message}"


def other_standard(story: Story) -> str:
    """The device is switched to NTSC: followed; no exam gets pictures of two kinds; the next exam has the new kind."""
    story.turn(*NTSC)
    story.feed("NTSC")
    source = story.source_where("the box follows", geometry="NTSC", signal="present", state="ready")
    with pytest.raises(FrameRefused) as refused:
        story.post(f"/sources/{SOURCE}/capture", {"trigger_id": "in the exam that began with PAL"})
    story.post(f"/exams/{story.exam['exam_id']}/finish")
    story.open_exam(THIRD)
    before = story.guest.boottime_ms()
    frame = story.post(f"/sources/{SOURCE}/capture", {"trigger_id": "in the next exam"})
    arrived = story.finish_and_receive(frame["sop_instance_uid"])
    age = story.age_ms(arrived.pixel_array, before)
    assert (arrived.Rows, arrived.Columns, str(arrived.PatientID)) == (480, 720, THIRD)
    return f"{source['geometry']}; {refused.value.code} in the open exam, {arrived.Rows} rows in the next, {age} ms"


def hung(story: Story) -> str:
    """The source's child is stopped (SIGSTOP) in an exam: another one shows the picture soon, and the exam goes on."""
    story.open_exam(FOURTH)
    (old,) = story.guest.sh(GRABBER).split()
    story.guest.sh(f"kill -STOP {old}")
    gone = f"test ! -e /proc/{old}"
    slowly("the hung child is ended", lambda: story.guest.ask(sh=gone)["rc"] == 0)
    story.source_where("another child shows a picture", signal="present", state="ready")
    (new,) = story.guest.sh(GRABBER).split()
    assert new != old
    frame = story.post(f"/sources/{SOURCE}/capture", {"trigger_id": "after the hang"})
    arrived = story.finish_and_receive(frame["sop_instance_uid"])
    assert str(arrived.PatientID) == FOURTH
    return f"child {old} ended, child {new} shows the picture, the exam went on"
