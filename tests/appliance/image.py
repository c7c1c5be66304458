"""The product image that the tests boot: taken from the build folder, or built once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/image"
BOOT_OFFSET = 4 << 20


def image(board: str = "pc-amd64") -> Path:
    """Return the folder of a board's image; `IMAGE=fresh` in the environment builds it anew."""
    folder = BUILD / board
    if not (folder / "manifest.json").exists() or os.environ.get("IMAGE") == "fresh":
        subprocess.run([sys.executable, str(ROOT / "image/build.py"), board], check=True)
    return folder


def manifest(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def missing(machine: str = "x86_64") -> str:
    """Return why a box cannot be emulated here; empty: it can."""
    wanted = (f"qemu-system-{machine}", "qemu-img", "mcopy", "mksquashfs")
    absent = [name for name in wanted if shutil.which(name) is None]
    return f"needs {', '.join(absent)}" if absent else ""


def from_kernel(folder: Path, name: str, out: Path) -> Path:
    """Copy a file out of the partition that goes with a slot: its kernel, its first file system, its command line."""
    line = ["mcopy", "-o", "-i", str(folder / "kernel.fat"), f"::{name}", str(out)]
    subprocess.run(line, check=True, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})
    return out
