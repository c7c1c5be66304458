"""`make bundle`: the system that `make image` built, as a signed update (RAUC, verity format).

Without a given key a development authority and signer are made once below `build/` and said so aloud: an image that is
given to others is built with `--authority`, its bundles with `--key` and `--certificate`, and the key stays on the
machine that signs.

    python3 image/bundle.py pc-amd64 [--key signer.key --certificate signer.pem]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from board import BOARDS, Board

from agent.store.schema import READABLE_FROM, SCHEMA_VERSION
from agent.updating import Schema

BUILD = Path(__file__).resolve().parents[1] / "build/image"
DAYS = "7300"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs the bundles that an image accepts."""

    authority: Path
    key: Path
    certificate: Path


def development(folder: Path) -> Signer:
    """Return this machine's development signer, made once."""
    made = Signer(
        authority=folder / "development-authority.pem",
        key=folder / "development.key",
        certificate=folder / "development.pem",
    )
    if not made.certificate.exists():
        new_signer(made)
    print("updates are trusted from this machine's development key: an image for others needs its own authority")
    return made


def new_signer(at: Signer) -> None:
    """Make an authority, and a signer by it who may sign code and nothing else."""
    at.key.parent.mkdir(parents=True, exist_ok=True)
    root_key = at.key.with_name("authority.key")
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS)
    _quiet(
        *new, "-subj", "/CN=modality-agent updates, authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", root_key, "-out", at.authority,
    )  # fmt: skip
    _quiet(
        *new, "-subj", "/CN=modality-agent updates", "-CA", at.authority, "-CAkey", root_key,
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "extendedKeyUsage=codeSigning", "-keyout", at.key, "-out", at.certificate,
    )  # fmt: skip
    for key in (root_key, at.key):
        key.chmod(0o600)


def make(board: Board, system: Path, kernel: Path, out: Path, version: str, signer: Signer) -> None:
    """Write the signed bundle that carries a slot's system and kernel as `version`."""
    folder = out.parent / f"{out.stem}.parts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "system.img").hardlink_to(system)
    (folder / "kernel.img").hardlink_to(kernel)
    schema = Schema(makes=SCHEMA_VERSION, readable_from=READABLE_FROM[SCHEMA_VERSION])
    (folder / "manifest.raucm").write_text(
        f"[update]\ncompatible=modality-agent-{board.name}\nversion={version}\nbuild={schema}\n"
        "[bundle]\nformat=verity\n[image.system]\nfilename=system.img\n[image.kernel]\nfilename=kernel.img\n"
    )
    out.unlink(missing_ok=True)
    _quiet(
        "rauc", "bundle", f"--cert={signer.certificate}", f"--key={signer.key}",
        "--mksquashfs-args=-comp zstd -Xcompression-level 1 -no-progress -quiet", folder, out,
    )  # fmt: skip
    shutil.rmtree(folder)


def _quiet(*line: str | Path) -> None:
    """Run a command; what it says is shown when it fails."""
    done = subprocess.run([str(word) for word in line], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{line[0]} {line[1]}: {done.stderr.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board", choices=sorted(BOARDS))
    parser.add_argument("--key", type=Path, default=None)
    parser.add_argument("--certificate", type=Path, default=None)
    a = parser.parse_args()
    folder = BUILD / a.board
    version = str(json.loads((folder / "manifest.json").read_text())["version"])
    signer = development(BUILD / "signing")
    if a.key and a.certificate:
        signer = Signer(authority=signer.authority, key=a.key, certificate=a.certificate)
    out = folder / f"modality-agent-{version}-{a.board}.raucb"
    make(BOARDS[a.board], folder / "system.squashfs", folder / "kernel.fat", out, version, signer)
    print(f"{out}: {out.stat().st_size >> 20} MiB, version {version}")


if __name__ == "__main__":
    main()
