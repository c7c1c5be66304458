"""`make bench`: everything side by side, a table of ratios and build/bench.json. ONLY=F1,F3 and ROUNDS=5 narrow it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench import capture, forwarding, idle, pages, pictures, queue, report, service

FAMILIES: Mapping[str, Callable[[Path, int], Iterator[report.Row]]] = {
    "F1": forwarding.f1,
    "F2": forwarding.f2,
    "F3": forwarding.f3,
    "F4": forwarding.f4,
    "F7": capture.f7,
    "F8": pictures.f8,
    "F9": idle.f9,
    "F10": queue.f10,
    "F11": service.f11,
    "F11-clip": pictures.f11_clip,
    "F12": pictures.f12,
    "F13": service.f13,
    "F14": pages.f14,
}
"""F5 is measured with F4, F6 by `make soak`."""


def main() -> None:
    wanted = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(FAMILIES)
    rows: list[report.Row] = []
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            made = list(FAMILIES[name](Path(folder), int(os.environ.get("ROUNDS", "5"))))
        report.show(made)
        rows += made
        report.write(made)
    missed = [row.id for row in rows if not row.met]
    print(f"{len(rows)} rows, missed: {', '.join(missed) or 'none'}; build/bench.json")


if __name__ == "__main__":
    main()
