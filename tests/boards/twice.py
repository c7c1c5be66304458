"""Two builds of one commit, each from nothing: Debian, our package, image. Whatever differs is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.appliance.image import BUILD, ROOT
from tests.boards.contents import Contents

ALLOWED: dict[str, str] = {}
"""What may differ between two builds → why. A part (`system-a`, `sbom.cdx.json`) or a file of the system (`/etc/x`)."""
MOST_NAMED = 40
PARTS = {1: "boot", 3: "choice", 4: "data", 5: "kernel-a", 6: "kernel-b", 7: "system-a", 8: "system-b"}
FILES = ("sbom.cdx.json",)


def built(board: str, name: str, *, base: bool) -> Path:
    """Build a board's image anew into a folder of its own; `base`: Debian as well."""
    out = BUILD / f"twice-{name}"
    shutil.rmtree(out, ignore_errors=True)
    line = [sys.executable, str(ROOT / "image/build.py"), board, "--out", str(out), *(["--fresh"] if base else [])]
    subprocess.run(line, check=True)
    return out


def differences(one: Path, two: Path, folder: Path) -> list[str]:
    """Return what differs between two builds, part by part; of a system file by file."""
    first, second = Contents(one / "disk.img"), Contents(two / "disk.img")
    found = [name for name in FILES if digest(one / name) != digest(two / name)]
    if first.table["partitions"] != _renamed(second, one / "disk.img") or first.table["id"] != second.table["id"]:
        found.append("partition table")
    for number, name in PARTS.items():
        if hash_of(first, number) == hash_of(second, number):
            continue
        if name != "system-a":
            found.append(name)
            continue
        inside = tree_differences(first.unpack(number, folder / "one"), second.unpack(number, folder / "two"))
        found += inside or [name]
        for place in ("one", "two"):
            shutil.rmtree(folder / place, ignore_errors=True)
    if not found and digest(one / "disk.img") != digest(two / "disk.img"):
        found.append("disk.img, between its partitions")
    return [name for name in found if name not in ALLOWED]


def _renamed(image: Contents, disk: Path) -> list[dict[str, object]]:
    return [{**row, "node": str(row["node"]).replace(str(image.disk), str(disk))} for row in image.table["partitions"]]


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of(image: Contents, number: int) -> str:
    made = hashlib.sha256()
    place = image.partitions[number]
    for skip in range(0, place.size, 1 << 20):
        made.update(image.read(number, min(1 << 20, place.size - skip), skip))
    return made.hexdigest()


def tree_differences(one: Path, two: Path) -> list[str]:
    """Return the files that two unpacked systems do not have in common: content, kind, mode, owner or time."""
    first, second = _tree(one), _tree(two)
    return sorted(
        f"/{name}: {_why(first.get(name), second.get(name))}"
        for name in first.keys() | second.keys()
        if first.get(name) != second.get(name)
    )


Row = dict[str, object]


def _tree(root: Path) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            told = path.lstat()
            row: Row = {"mode": oct(told.st_mode), "owner": (told.st_uid, told.st_gid), "time": int(told.st_mtime)}
            if path.is_symlink():
                row["target"] = str(path.readlink())
            elif path.is_file():
                row["size"], row["content"] = told.st_size, digest(path)
            found[str(path.relative_to(root))] = row
    return found


def _why(one: Row | None, two: Row | None) -> str:
    if one is None or two is None:
        return "only in one of them"
    return ", ".join(name for name in sorted(one.keys() | two.keys()) if one.get(name) != two.get(name))
