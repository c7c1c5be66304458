"""The OpenCV driver's own arithmetic; the rest is in the contract suite, on real files."""

from __future__ import annotations

import pytest

from drivers.lossy import stages
from drivers.opencv import Options, captured_at

NOW, PERIOD = 50_000_000_000, 40_000_000


@pytest.mark.parametrize(
    ("position_ms", "expected"),
    [
        (0.0, NOW - PERIOD),  # nothing told: one period before it was returned
        (49_900.0, 49_900_000_000),  # the buffer's own time
        (49_990.0, NOW - PERIOD),  # the time of its end: never newer than a period ago
        (51_000.0, NOW - PERIOD),  # the future is not believed
        (47_000.0, NOW - PERIOD),  # a position in a file, not an instant
    ],
)
def test_a_frame_is_never_dated_newer_than_it_is(position_ms: float, expected: int) -> None:
    assert captured_at(NOW, position_ms, PERIOD) == expected


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        (b"MJPG", "ISO_10918_1"),
        (b"h264", "ISO_14496_10"),
        (b"hevc", "ISO_23008_2"),
        (b"YUYV", None),
        (b"\0\0\0\0", None),
    ],
)
def test_the_fourcc_tells_the_lossy_method(letters: bytes, expected: str | None) -> None:
    found = stages(int.from_bytes(letters, "little"))
    assert found == (((expected, 0.0),) if expected else ())


@pytest.mark.parametrize(
    "wrong", [{"fourcc": "MJ"}, {"rows": -1}, {"aspect_vertical": 0}, {"open_timeout_s": 0.0}, {"lossy_method": "X"}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]
