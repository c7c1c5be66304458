"""What scanimage is told, and what its ends mean (SANE standard 1.x, table of status values)."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from drivers.contract import DriverError
from drivers.scanner.capabilities import Choice, nearest, parse, word_for
from drivers.scanner.options import Options

ENDINGS = {
    2: ("V-23", "The scan was cancelled."),
    3: ("V-24", "The scanner is busy. Wait until it is free and scan again."),
    6: ("V-20", "Paper is jammed. Clear it and scan the remaining sheets again."),
    7: ("V-22", "There is no sheet in the feeder. Put sheets in and scan again."),
    8: ("V-21", "The scanner's cover is open. Close it and scan again."),
    11: ("V-25", "The box may not use this scanner. Call IT."),
}
"""Exit status of scanimage → our code and sentence."""
OTHER = ("V-26", "The scanner stopped. Check its cable and scan again.")
TRUNCATED = ("V-27", "The page did not arrive whole and was not kept. Scan it again.")
TOO_SLOW = ("V-28", "The scanner did not deliver the page in time. Check it and scan again.")
LIST_FORMAT = "%d\t%v\t%m%n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One device as SANE lists it."""

    name: str
    vendor: str
    model: str


def environment(options: Options) -> dict[str, str]:
    """Return the environment of a scanimage child."""
    told = {"SANE_CONFIG_DIR": options.configuration_dir} if options.configuration_dir else {}
    return {**os.environ, "LC_ALL": "C", **told}


def devices(options: Options) -> list[Found]:
    """Return every device that SANE sees now; raises `DriverError`."""
    said = _ask(["scanimage", "-f", LIST_FORMAT], options)
    rows = [line.split("\t") for line in said.splitlines()]
    return [Found(name=r[0], vendor=r[1], model=r[2]) for r in rows if len(r) == 3]


def choose(found: list[Found], options: Options) -> Found:
    """Return the one device that is meant; raises `DriverError("absent")` for none or several."""
    fitting = [
        d for d in found
        if options.device.casefold() in d.name.casefold()
        and options.vendor.casefold() in d.vendor.casefold()
        and options.model.casefold() in d.model.casefold()
    ]  # fmt: skip
    exact = [d for d in fitting if d.name == options.device] or fitting
    if len(exact) != 1:
        names = ", ".join(f"{d.vendor} {d.model}" for d in (exact or found)) or "none"
        raise DriverError("absent", f"{len(exact)} scanners fit; there are: {names}")
    return exact[0]


def capabilities(device: Found, options: Options) -> dict[str, Choice]:
    """Return the device's own list of options; raises `DriverError`."""
    return parse(_ask(["scanimage", "-d", device.name, "-A"], options))


def command(device: Found, offered: dict[str, Choice], options: Options, *, batch: bool) -> list[str]:
    """Return the command of one job; raises `DriverError("format")` for what the device cannot do."""
    words = ["scanimage", "-d", device.name, "--format=pnm", "--batch=page-%04d.pnm", "--batch-print"]
    words += [] if batch else ["--batch-count=1"]
    feed = "feeder" if options.feed == "manual-duplex" else options.feed
    words += _worded(offered, "source", feed, needed=feed != "flatbed")
    words += _mode(offered, options)
    if options.mode != "line" and "depth" in offered:
        depth = nearest(offered["depth"], options.depth)
        if options.depth == 16 and depth not in ("16", "14", "12"):
            raise DriverError("format", "the scanner has no more than 8 bits")
        words += ["--depth", depth] if depth else []
    resolution = nearest(offered.get("resolution"), options.resolution)
    words += ["--resolution", resolution] if resolution else []
    for word in options.more:
        words.append(f"--{word}")
    return words + _area(options)


def resolution_of(words: list[str], wanted: int) -> float:
    """Return the resolution that a command really asks for."""
    return float(words[words.index("--resolution") + 1]) if "--resolution" in words else float(wanted)


def _mode(offered: dict[str, Choice], options: Options) -> list[str]:
    """Line art is a mode of its own, or grey with one bit."""
    has_line_art = bool(word_for(offered.get("mode"), "line"))
    if options.mode == "line" and not has_line_art and "1" in offered.get("depth", Choice(name="depth")).values:
        return [*_worded(offered, "mode", "grey", needed=True), "--depth", "1"]
    if options.depth == 16 and "depth" not in offered and options.mode != "line":
        deep = [v for v in offered.get("mode", Choice(name="mode")).values if "16" in v]
        return _worded({"mode": Choice(name="mode", values=tuple(deep))}, "mode", options.mode, needed=True)
    return _worded(offered, "mode", options.mode, needed=True)


def _worded(offered: dict[str, Choice], name: str, ours: str, *, needed: bool) -> list[str]:
    word = word_for(offered.get(name), ours)
    if not word and needed:
        there = ", ".join(offered[name].values) if name in offered else "nothing to choose"
        raise DriverError("format", f"the scanner has no {ours} {name}; it has: {there}")
    return [f"--{name}", word] if word else []


def _area(options: Options) -> list[str]:
    if options.area is None:
        return []
    x, y, width, height = (f"{value:g}" for value in options.area)
    return ["-l", x, "-t", y, "-x", width, "-y", height]


def _ask(words: list[str], options: Options) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, timeout=options.list_timeout_s, check=False, env=environment(options)
        )
    except FileNotFoundError as e:
        raise DriverError("absent", "scanimage is not installed") from e
    except subprocess.TimeoutExpired as e:
        raise DriverError("broken", "the scanner's software does not answer") from e
    if done.returncode not in (0, 1):
        raise DriverError("broken", ENDINGS.get(done.returncode, OTHER)[1])
    return done.stdout.decode("utf-8", "replace")
