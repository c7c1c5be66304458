"""Rows of the benchmark: one figure of ours, one of the other, their ratio and the goal."""

from __future__ import annotations

import json
import operator
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_HOLDS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; `ratio` is ours to the peer's, medians of the same rounds."""

    id: str
    work: str
    ours: float
    peer: float
    ratio: float
    goal: str
    met: bool


def row(name: str, work: str, ours: Sequence[float], peer: Sequence[float], goal: str) -> Row:
    """Return the row of two series of the same kind, medians; `goal` is like `>= 20`."""
    mine, theirs = statistics.median(ours), statistics.median(peer)
    ratio = mine / theirs if theirs else 0.0
    how, limit = goal.split()
    return Row(
        id=name, work=work, ours=_short(mine), peer=_short(theirs), ratio=round(ratio, 3), goal=goal,
        met=_HOLDS[how](ratio, float(limit)),
    )  # fmt: skip


def limit(name: str, work: str, ours: Sequence[float], most: float) -> Row:
    """Return the row of a figure that has a limit of its own."""
    mine = max(ours)
    return Row(
        id=name, work=work, ours=_short(mine), peer=most, ratio=round(mine / most, 3) if most else mine,
        goal=f"<= {most:g}", met=mine <= most,
    )  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def write(rows: Iterable[Row], path: Path = Path("build/bench.json")) -> None:
    """Write the results where programs look for them; those of ids that were not run stay."""
    path.parent.mkdir(exist_ok=True)
    old = json.loads(path.read_text())["results"] if path.exists() else []
    new = {r.id: asdict(r) for r in rows}
    kept = [r for r in old if r["id"] not in new]
    path.write_text(json.dumps({"results": sorted([*kept, *new.values()], key=lambda r: str(r["id"]))}, indent=1))


def show(rows: Iterable[Row]) -> None:
    """Print the table."""
    print(f"{'':10} {'ours':>10} {'peer':>10} {'ratio':>8}  {'goal':8} {'':6} (load {os.getloadavg()[0]:.1f})")
    for r in rows:
        verdict = "met" if r.met else "MISSED"
        print(f"{r.id:10} {r.ours:>10g} {r.peer:>10g} {r.ratio:>8g}  {r.goal:8} {verdict:6} {r.work}")
