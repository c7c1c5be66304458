"""`make vivid-test`: grabbers and triggers on a real kernel, in a guest under QEMU.

Debian's kernel package is unpacked, not installed; the guest lives in memory and has neither disk nor network.
Software emulation: function only, no frame rate is asserted. With RECORD=1 what was said to the kernel is kept as
the recording that `tests/unit/drivers/test_v4l2.py` replays everywhere.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.peers.recorded import load, save
from tests.vivid.initramfs import INIT, Archive, modules_in_order, python_files
from tests.vivid.inputs import EXPECTED_INPUTS, INPUTS
from tests.vivid.scenes import EXPECTED, SCENES, known_picture

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests/data/vivid.jsonl.gz"
MODULES = {
    "vivid": "n_devs=1 node_types=0x101 num_inputs=2 input_types=0xe num_outputs=1 output_types=0x0 "
    "ccs_cap_mode=0 ccs_out_mode=0",
    **dict.fromkeys(("uinput", "evdev", "vhci_hcd", "ftdi_sio"), ""),
}
GUEST_MODULES = ["tests.vivid.guest", "numpy", "serial", "serial.serialposix"]
LIMIT_S = 1500


def kernel(folder: Path) -> tuple[Path, Path]:
    """Return the kernel image and the module folder of Debian's current kernel package."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
    package = next(line.split()[-1] for line in depends.stdout.splitlines() if "Depends:" in line)
    cache = Path(os.environ.get("KERNEL_CACHE", ROOT / "build/kernel"))
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", "-qq", package], cwd=cache, check=True)
    subprocess.run(["dpkg-deb", "-x", next(cache.glob(f"{package}_*.deb")), folder], check=True)
    (modules,) = (folder / "lib/modules").iterdir()
    subprocess.run(["/sbin/depmod", "-b", folder, modules.name], check=True)
    return next(folder.glob("boot/vmlinuz-*")), modules


def archive(modules: Path, scenes: str) -> bytes:
    """Return the guest's file system."""
    made = Archive()
    made.file(Path("/bin/busybox"), Path("/bin/busybox").read_bytes())
    words = []
    for path, options in modules_in_order(modules, MODULES):
        name = Path("/m") / path.name
        made.file(name, path.read_bytes())
        words.append(f"{name} {options}")
    made.file(Path("/modules.list"), ("\n".join(words) + "\n").encode())
    for path in python_files(GUEST_MODULES, ROOT):
        made.file(path, path.read_bytes())
    site = next(p for p in sys.path if p.endswith("site-packages"))
    python = Path(sys.executable).resolve()
    init = INIT.format(
        work=ROOT, path=f"{ROOT}:{site}", scenes=scenes, python=python, module="tests.vivid.guest"
    )
    made.folder(ROOT)
    made.folder(Path("/dev"))
    made.file(Path("/init"), init.encode())
    return made.bytes()


def run(folder: Path, scenes: str) -> list[Any]:
    """Boot the guest and return the lines that it said."""
    image, modules = kernel(folder)
    initrd, said, console = folder / "initrd", folder / "said", folder / "console"
    initrd.write_bytes(archive(modules, scenes))
    arguments = [
        "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none", "-machine", "q35",
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536",
        "-kernel", str(image), "-initrd", str(initrd), "-append", "console=ttyS0 quiet panic=-1",
        "-serial", f"file:{console}", "-serial", f"file:{said}",
    ]  # fmt: skip
    guest = subprocess.Popen(arguments, start_new_session=True)
    try:
        guest.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(guest.pid, signal.SIGKILL)
        guest.wait()
    text = said.read_text()
    if not text.rstrip().endswith("null"):
        raise SystemExit(f"the guest did not finish:\n{console.read_text(errors='replace')[-6000:]}")
    if os.environ.get("CONSOLE"):
        print(console.read_text(errors="replace"))
    return [json.loads(line) for line in text.splitlines()][:-1]


def judge(played: dict[str, Any]) -> list[str]:
    """Return what went wrong, a line for each scene."""
    wrong = []
    for name, scene in played.items():
        came = json.dumps(scene["came"], sort_keys=True)
        wanted = json.dumps((EXPECTED | EXPECTED_INPUTS).get(name, scene["came"]), sort_keys=True)
        good = not scene["failed"] and came == wanted
        print(f"{'holds' if good else 'FAILS'}  {name}  {len(scene['words'])} words")
        if not good:
            wrong.append(f"{name}: {scene['failed'] or f'came {came}, expected {wanted}'}")
    return wrong


def main() -> int:
    scenes = os.environ.get("SCENES", "")
    with tempfile.TemporaryDirectory() as folder:
        head, *lines = run(Path(folder), scenes)
    played = dict(lines)
    wrong = judge(played)
    print("\n".join(wrong))
    missing = set(scenes.split() or [*SCENES, *INPUTS]) - set(played)
    if wrong or missing:
        print("not played:", *sorted(missing))
        return 1
    if os.environ.get("RECORD"):
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        RECORDING.parent.mkdir(exist_ok=True)
        before = load(RECORDING)[1] if scenes else {}
        played = {name: (before | played)[name] for name in SCENES}
        save(RECORDING, {**head, "commit": commit.stdout.strip()}, played, known_picture())
        print(f"recorded: {RECORDING.relative_to(ROOT)} ({RECORDING.stat().st_size} bytes)")
    print(f"{len(played)} scenes hold on kernel {head['kernel']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
