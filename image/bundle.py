"""Update bundles (RAUC, verity format): one slot's system, signed; and the key that a build trusts.

Without a given key a development key is made once below `build/` and said so aloud: an image that is given to others
is built with `--key` and `--certificate`, and the key stays on the machine that signs.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from board import Board
from root import HERE, run

DAYS = "7300"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs the bundles that an image accepts."""

    key: Path
    certificate: Path


def signer(folder: Path, key: Path | None, certificate: Path | None) -> Signer:
    """Return the given key pair, or the development pair of this machine."""
    if key and certificate:
        return Signer(key=key, certificate=certificate)
    made = Signer(key=folder / "development.key", certificate=folder / "development.pem")
    if not made.key.exists():
        new_signer(made)
    print("bundles are signed with this machine's development key: an image for others needs --key and --certificate")
    return made


def new_signer(at: Signer) -> None:
    """Make a key and a certificate that may sign code and nothing else."""
    at.key.parent.mkdir(parents=True, exist_ok=True)
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
        "-subj", "/CN=modality-agent updates", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "extendedKeyUsage=codeSigning", "-keyout", at.key, "-out", at.certificate,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    at.key.chmod(0o600)


def make(board: Board, slot: Path, out: Path, version: str, key: Signer) -> None:
    """Write the signed bundle that carries the system `slot` as `version`."""
    folder = out.parent / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(HERE / "files/usr/lib/modality-agent-image/install-kernel", folder / "install-kernel")
    (folder / "system.img").hardlink_to(slot)
    (folder / "manifest.raucm").write_text(
        f"[update]\ncompatible=modality-agent-{board.name}\nversion={version}\n"
        "[bundle]\nformat=verity\n[hooks]\nfilename=install-kernel\n"
        "[image.system]\nfilename=system.img\nhooks=post-install;\n"
    )
    out.unlink(missing_ok=True)
    run(
        "rauc", "bundle", f"--cert={key.certificate}", f"--key={key.key}",
        "--mksquashfs-args=-comp zstd -Xcompression-level 1 -no-progress -quiet", folder, out,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    shutil.rmtree(folder)


def firmware(root: Path, work: Path) -> None:
    """Take what the Raspberry Pi's GPU loads, and the boards' device trees, out of the system."""
    target, trees = work / "firmware", work / "dtb"
    for folder in (target, trees):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for path in sorted((root / "usr/lib/raspi-firmware").iterdir()):
        shutil.copy(path, target) if path.is_file() else shutil.copytree(path, target / path.name)
    for path in root.glob("usr/lib/linux-image-*/broadcom/bcm2[78]*-rpi-*.dtb"):
        shutil.copy(path, trees)
    shutil.rmtree(root / "usr/lib/raspi-firmware")
    for folder in root.glob("usr/lib/linux-image-*"):
        shutil.rmtree(folder)
