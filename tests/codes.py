"""Every code that a person can be told, with what to do: `python -m tests.codes` writes it into the guide.

Errors speak for themselves (`agent.error.AgentError`); alarms that are no errors are told here.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import agent
from agent.error import AgentError

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "troubleshooting.md"
MARK = "<!-- every code: python -m tests.codes -->\n"
_CODE = re.compile(r"[A-Z]-\d\d")
ALARMS = {
    "A-21": ("The audit repository does not take the rows.", "They wait on the box; look at its machine and TLS."),
    "A-22": ("A channel of alarms does not take them.", "Look at `[alerts]`, its token or password, its server."),
    "B-31": ("The voltage is too low, or was since the start.", "Another power supply, a shorter and thicker cable."),
    "B-32": ("The box is too hot, or slows down for it.", "Out of the cupboard, off the monitor; a heat sink."),
    "B-33": ("The card is slow in keeping what it is given.", "Replace it soon: a worn card is slow first."),
    "C-07": ("A certificate ends within seven days.", "certificates.md: a request today, by hand."),
    "C-11": ("The box put its configuration back.", "Read the reason, mend `config.toml.failed`, apply it again."),
    "C-30": ("A certificate ends within thirty days.", "certificates.md: make the request."),
    "C-60": ("A certificate ends within sixty days.", "certificates.md: plan the request."),
    "D-06": ("The disk is full; nothing new is captured.", "`queue`: why does the archive not take it?"),
    "D-07": ("A file that arrived could not be kept yet; it stays where it is.", "Look at the reason beside it."),
    "D-08": ("This was in the backup that was restored; it may have been sent since.", "Look at the archive, then try "
             "again or discard."),
    "I-10": ("An exam is held for more than eight hours.", "Release or discard it."),
    "I-13": ("An exam was left open and closed by itself.", "Look at it: release it, or move what is not its."),
    "I-14": ("Pictures were moved after they had been sent, and the archive was not asked to remove the old ones.",
             "Ask the archive's people; the correction is in the list."),
    "O-05": ("The pages could not be bound and are kept as single pictures.", "Look at the reason; they may go so."),
    "P-01": ("The archive does not answer.", "Nothing now; after an hour `echo` it: which phase fails?"),
    "P-06": ("The archive would not take an object in any encoding.", "`queue why`: which class, which syntax."),
    "P-07": ("The archive refused images; or another node than the one that was asked reported a commitment.",
             "`queue why` has the archive's own words; compare AE titles."),
    "P-08": ("The commitment listener does not listen.", "The port is taken, or its TLS files cannot be read."),
    "U-02": ("An update did not come about; the box runs the old system.", "Read why beside it; `update` tells more."),
    "W-12": ("Entries of the worklist could not be read and are not shown.", "The RIS: character set, empty number."),
    "W-13": ("There are too many patients: the list was cut.", "Narrow it: `[worklist] modality`, station, days."),
}
"""Code → what the box says, what to do."""


def errors() -> dict[str, type[AgentError]]:
    """Return every error by its code, its class found by importing all rooms."""
    for module in pkgutil.walk_packages(agent.__path__, "agent."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {"B-00": AgentError}
    waiting = [AgentError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return {code: kind for code, kind in found.items() if kind.__module__.startswith("agent.")}


def in_the_source() -> set[str]:
    """Return every text of the source that is a code, whole."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "agent").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {node.value for node in nodes if isinstance(node.value, str) and _CODE.fullmatch(node.value)}


def table() -> str:
    """Return the table, in the order of the codes."""
    rows = dict(ALARMS)
    for code, kind in errors().items():
        said = " ".join((kind.__doc__ or "").split())
        rows.setdefault(code, (said, kind.hint))
    lines = [f"| {code} | {what} | {do} |" for code, (what, do) in sorted(rows.items())]
    return "\n".join(["| code | what the box says | what to do |", "|---|---|---|", *lines]) + "\n"


if __name__ == "__main__":
    head = GUIDE.read_text(encoding="utf-8").partition(MARK)[0]
    GUIDE.write_text(f"{head}{MARK}\n{table()}", encoding="utf-8")
