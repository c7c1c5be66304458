"""axe-core, an independent reader of accessibility rules, put into a page by the browser's own debugger."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

from tests.peers.process import program

HERE = Path(__file__).parent / "axe"
_RUN = """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`)"""


@cache
def source() -> str:
    """Return the script, as its lock file says; installed for the length of the call, outside of the project."""
    with TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        line = [program("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        subprocess.run(line, cwd=folder, check=True, timeout=150)
        return (Path(folder) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return what is seriously or critically wrong with the page as it is shown now."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source())
    return list(page.evaluate(_RUN))
