"""From an open node to a stream as the settings want it: input, standard or timings, format, rate."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from drivers.contract import DriverError, Geometry
from drivers.v4l2 import abi, formats
from drivers.v4l2.options import Options
from drivers.v4l2.standards import LINES_525, STANDARDS, named
from drivers.v4l2.video import Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What the device delivers now."""

    pix: abi.PixFormat
    geometry: Geometry
    period_ns: int
    input_name: str


def tune(video: Video, options: Options) -> Tuned:
    """Set everything up and return what came of it; raises `DriverError("format")`, or `OSError` of the kernel."""
    chosen = _choose_input(video, options.input)
    standard = ""
    timed: abi.DvTimings | None = None
    if chosen.capabilities & abi.IN_CAP_DV_TIMINGS:
        timed = _follow_timings(video)
    elif chosen.capabilities & abi.IN_CAP_STD:
        standard = _set_standard(video, options.standard)
    pix = _set_format(video, options, fixed=bool(standard or timed))
    if options.frames_per_s:
        _set_rate(video, options.frames_per_s)
    period_ns = STANDARDS[standard].period_ns if standard else video.frame_period_ns()
    geometry = _geometry(pix, options, standard, timed)
    return Tuned(pix=pix, geometry=geometry, period_ns=period_ns, input_name=chosen.name.decode("latin-1"))


def _choose_input(video: Video, wanted: str) -> abi.Input:
    if wanted:
        every = list(video.inputs())
        found = [i for i in every if wanted in (str(i.index), i.name.decode("latin-1"))]
        found += [i for i in every if wanted.casefold() in i.name.decode("latin-1").casefold()]
        if not found:
            names = ", ".join(i.name.decode("latin-1") for i in every)
            raise DriverError("format", f"there is no input of that name; there are: {names}")
        video.number(abi.S_INPUT, found[0].index)
    return video.input()


def _set_standard(video: Video, wanted: str) -> str:
    """Set the analog standard and return its name."""
    if wanted == "auto":
        seen = 0
        with suppress(OSError):
            seen = video.number(abi.QUERYSTD, size=8)
        # A decoder that sees nothing answers "any": what is set stays.
        wanted = named(seen) if seen and not (seen & LINES_525 and seen & ~LINES_525) else ""
    if wanted:
        try:
            video.number(abi.S_STD, STANDARDS[wanted].bits, size=8)
        except OSError as e:
            raise DriverError("format", f"the device does not know {wanted}") from e
        return wanted
    return named(video.number(abi.G_STD, size=8))


def _follow_timings(video: Video) -> abi.DvTimings:
    """Take over the timings that the input sees; without a signal those that are set stay."""
    with suppress(OSError):
        seen = video.timings()
        return video.ask(abi.S_DV_TIMINGS, seen)
    return video.ask(abi.G_DV_TIMINGS, abi.DvTimings())


def _set_format(video: Video, options: Options, *, fixed: bool) -> abi.PixFormat:
    letters = formats.choose(video.formats(), options)
    now = video.format()
    asked = abi.PixFormat(
        width=now.width if fixed or not options.columns else options.columns,
        height=now.height if fixed or not options.rows else options.rows,
        pixelformat=abi.fourcc(letters),
        field=abi.FIELD_ANY,
    )
    got = video.set_format(asked)
    wanted = (options.columns or got.width, options.rows or got.height)
    if abi.letters(got.pixelformat) != letters or (not fixed and (got.width, got.height) != wanted):
        raise DriverError(
            "format", f"{letters} {wanted[0]}x{wanted[1]} was asked for, {abi.letters(got.pixelformat)} "
            f"{got.width}x{got.height} is delivered"
        )  # fmt: skip
    if not 16 <= got.width <= 16384 or not 16 <= got.height <= 16384:
        raise DriverError("format", "a picture of impossible size")
    return got


def _set_rate(video: Video, frames_per_s: float) -> None:
    asked = abi.StreamParameters(type=abi.CAPTURE, numerator=1000, denominator=round(frames_per_s * 1000))
    try:
        video.ask(abi.S_PARM, asked)
    except OSError as e:
        raise DriverError("format", "the device does not take a frame rate") from e


def _geometry(pix: abi.PixFormat, options: Options, standard: str, timed: abi.DvTimings | None) -> Geometry:
    letters = abi.letters(pix.pixelformat)
    kind, _ = formats.KNOWN[letters]
    known = STANDARDS.get(standard)
    aspect = None
    if known and (pix.height, pix.width) == (known.rows, 720):
        vertical, horizontal = known.aspect
        aspect = (vertical * 3, horizontal * 4) if options.wide else known.aspect
    return Geometry(
        rows=pix.height,
        columns=pix.width,
        pixel_format=kind,
        **formats.interlaced(pix.field, known.top_field_first if known else True),
        bits_stored=16 if letters == "Y16" else 8,
        pixel_aspect_ratio=aspect,
        image_format=known.image_format if known else _digital_format(pix, timed, letters),
        matrix=formats.matrix(pix, options.matrix),
    )


def _digital_format(pix: abi.PixFormat, timed: abi.DvTimings | None, letters: str) -> str:
    if timed is None:
        return f"{letters} {pix.width}x{pix.height}"
    scan = "i" if timed.interlaced else "p"
    total = (timed.width + sum(timed.horizontal)) * (timed.height + sum(timed.vertical) + sum(timed.vertical2))
    rate = round(timed.pixelclock / total) if total else 0
    return f"HDMI {timed.width}x{timed.height}{scan}{rate} {letters}"
