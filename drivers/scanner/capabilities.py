"""What a device offers, from the text of `scanimage -A`, and our few words in the device's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LONGEST = 200_000
_OPTION = re.compile(r"^ {2,}(--?)([A-Za-z0-9][A-Za-z0-9-]*)(.*)$")
_STATE = re.compile(r"\s\[([^\[\]]*)\](?:\s*\[[a-z, ]+\])?\s*$")
_RANGE = re.compile(r"^(-?[0-9.]+)\.\.(-?[0-9.]+)([a-zA-Z%]*)(?:,\.\.\.)?(?: \(in steps of ([0-9.]+)\))?$")

WORDS = {
    "flatbed": ("flatbed", "platen", "normal", "document table", "fb"),
    "feeder": ("automatic document feeder", "adf front", "adf", "feeder", "adf simplex"),
    "duplex": ("adf duplex", "duplex", "automatic document feeder(duplex)", "both"),
    "film": ("transparency unit", "transparency adapter", "transparency", "tpu", "tma", "film", "slide", "negative"),
    "colour": ("color", "24bit color", "colour", "true color", "rgb", "24 bit color"),
    "grey": ("gray", "grey", "true gray", "grayscale", "8bit gray", "greyscale"),
    "line": ("lineart", "binary", "black & white", "line art", "b/w", "black and white"),
}
"""Our word → what devices call it, lower case, the better first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option of a device."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    value: str = ""
    """What is set now."""
    active: bool = True
    flag: str = field(default="--")


def parse(text: str) -> dict[str, Choice]:
    """Return the options in the answer to `scanimage -A`, by name; lines that are none are left out."""
    found: dict[str, Choice] = {}
    for line in text[:LONGEST].splitlines():
        if (seen := _OPTION.match(line)) is not None:
            choice = _choice(seen[1], seen[2], seen[3])
            found.setdefault(choice.name, choice)
    return found


def _choice(flag: str, name: str, rest: str) -> Choice:
    state = _STATE.search(rest)
    value = state[1] if state else ""
    offered = rest[: state.start()] if state else rest
    offered = offered.replace("[=(", "").replace(")]", "").strip()
    offered = offered.removesuffix(",...").strip()
    ranged = _RANGE.match(offered)
    active = "inactive" not in rest[state.start() if state else 0 :]
    if ranged:
        return Choice(name=name, low=float(ranged[1]), high=float(ranged[2]), value=value, active=active, flag=flag)
    values = tuple(v.strip() for v in offered.split("|")) if offered else ()
    return Choice(name=name, values=values, value=value, active=active, flag=flag)


def word_for(choice: Choice | None, ours: str) -> str:
    """Return the device's own word for one of ours; empty where it has none."""
    if choice is None:
        return ""
    values = {value.casefold(): value for value in choice.values}
    for word in WORDS[ours]:
        if word in values:
            return values[word]
    for word in WORDS[ours]:
        for low, value in values.items():
            if word in low and not (ours == "feeder" and "duplex" in low):
                return value
    return ""


def nearest(choice: Choice | None, wanted: float) -> str:
    """Return the value of a list or range that is nearest to `wanted`; empty where nothing can be set."""
    if choice is None:
        return ""
    numbers = [n for n in (_number(value) for value in choice.values) if n is not None]
    if numbers:
        return f"{min(numbers, key=lambda n: abs(n - wanted)):g}"
    if choice.high > choice.low:
        return f"{min(max(wanted, choice.low), choice.high):g}"
    return ""


def _number(text: str) -> float | None:
    digits = re.match(r"[0-9]+(?:\.[0-9]+)?", text)
    return float(digits[0]) if digits else None
