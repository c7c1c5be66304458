"""`make image`: from Debian packages to a file that is written to a disk.

Unattended; needs root, but no loop device and no mount. What comes out, below `build/image/BOARD`: the disk image and
its compressed form, the system of one slot, the bill of materials, and a manifest with the hash of each.

    python3 image/build.py pc-amd64|rpi-arm64 [--package modality-agent_….deb] [--fresh]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bom
import bundle
import disk
import root as system
from board import BOARDS, SUITE, Board

TREE = system.TREE
BUILD = TREE / "build/image"


def version_of(epoch: int) -> str:
    """Return the version of an image: the project's, and the commit's time, so that a later one is higher."""
    told = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["version"]
    return f"{told}+{time.strftime('%Y%m%d%H%M%S', time.gmtime(epoch))}"


def commit_time() -> int:
    """Return the time that everything in the image is given."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told:
        return int(told)
    line = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(line, cwd=TREE, capture_output=True, text=True, check=True).stdout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is built besides the board: from which package, trusting whom, and whether Debian is fetched anew."""

    out: Path
    package: Path | None
    trusted: Path
    fresh: bool


def build(board: Board, asked: Asked, version: str, epoch: int) -> None:
    """Build everything of one board into `asked.out`."""
    out, package = asked.out, asked.package
    begun = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - begun:4.0f} s] {what}", flush=True)

    out.mkdir(parents=True, exist_ok=True)
    work = BUILD / f"work-{board.name}"
    root = work / "root"
    archive = system.base(board, BUILD, fresh=asked.fresh)
    say(f"Debian: {archive.name}")
    system.unpack(archive, root)
    system.agent(board, root, package, epoch)
    say(f"agent from {package.name if package else 'the source tree'}")
    disk.loader(board).made(root, work)
    system.configure(board, root, version, epoch, asked.trusted)
    system.clamp(root, epoch)
    parts = bom.write(board, root, version, out / "sbom.cdx.json", epoch)
    say(f"system configured, {parts} parts in the bill of materials")
    disk.slot(root, out / "system.squashfs", epoch)
    say(f"slot: {(out / 'system.squashfs').stat().st_size >> 20} MiB")
    disk.fat(root / "boot", out / "kernel.fat", board.kernel_mb, epoch, "KERNEL")
    disk.fat(disk.boot_files(board, work), work / "boot.fat", board.boot_mb, epoch)
    disk.data(work / "data.ext4", epoch)
    slot = {"system-a": out / "system.squashfs", "kernel-a": out / "kernel.fat"}
    made = {"boot": work / "boot.fat", "choice": work / "choice.img", **slot, "data": work / "data.ext4"}
    disk.assemble(board, made, out / "disk.img")
    say("disk")
    subprocess.run(["zstd", "-q", "-f", "-T2", "-3", out / "disk.img", "-o", out / "disk.img.zst"], check=True)
    shutil.rmtree(work)
    (out / "manifest.json").write_text(json.dumps(_manifest(out, board, version), indent=1) + "\n")
    say(f"{out.relative_to(TREE) if out.is_relative_to(TREE) else out}/disk.img.zst: "
        f"{(out / 'disk.img.zst').stat().st_size >> 20} MiB")  # fmt: skip


def own_package(board: Board) -> Path | None:
    """Build the agent's Debian package for this image, where the tree has the recipe; None: it has none."""
    recipe = TREE / "packaging/build.py"
    if not recipe.exists():
        return None
    line = [sys.executable, recipe, "--suite", SUITE, "--architecture", board.architecture, "--out", BUILD / "package"]
    done = subprocess.run(line, check=True, capture_output=True, text=True, env={**os.environ, "COMPRESS": "fast"})
    return Path(done.stdout.split()[-1])


def _manifest(out: Path, board: Board, version: str) -> dict[str, object]:
    files = {}
    for path in sorted(out.iterdir()):
        if path.name != "manifest.json":
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            files[path.name] = {"sha256": digest, "size": path.stat().st_size}
    return {"board": board.name, "version": version, "files": files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board", choices=sorted(BOARDS))
    parser.add_argument("--package", type=Path, default=None, help="the agent's .deb for this board and suite")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--authority", type=Path, default=None, help="who vouches for signers of updates (PEM)")
    parser.add_argument("--fresh", action="store_true", help="fetch and configure Debian anew, too")
    a = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("the image is built as root: files of the system belong to many accounts")
    epoch, board = commit_time(), BOARDS[a.board]
    asked = Asked(
        out=a.out or BUILD / board.name,
        package=a.package or own_package(board),
        trusted=a.authority or bundle.development(BUILD / "signing").authority,
        fresh=a.fresh,
    )
    build(board, asked, version_of(epoch), epoch)


if __name__ == "__main__":
    main()
