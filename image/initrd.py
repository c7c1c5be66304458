"""The first file system of a boot: a static busybox, the kernel's modules, one script. Made natively for any board.

The script finds the data partition by its label, and with it the disk; mounts the chosen system slot read-only; puts
a layer in memory over /var; and gives the box the name (machine-id) that it was born with.
"""

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

from board import DATA, DATA_LABEL, DATA_UNFINISHED, Board
from layout import CHOICE

SCRIPT = """#!/bin/busybox sh
B=/bin/busybox
export PATH=
$B mkdir -p /proc /sys /dev /run /newroot
$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
$B mount -t tmpfs -o mode=755,nosuid,nodev,size=20% run /run
while read m; do $B insmod $m 2>/dev/null; done < /modules.list
slot=a
for word in $($B cat /proc/cmdline); do case $word in rauc.slot=*) slot=${{word#rauc.slot=}};; esac; done
case $slot in {cases} *) part={first};; esac
tries=0
# Encrypted (LUKS2), its label and UUID stand in its first sector, where `findfs` does not look.
sealed() {{
  for p in /dev/sd?{data} /dev/vd?{data} /dev/mmcblk?p{data} /dev/nvme?n?p{data}; do
    [ "$($B dd if=$p bs=1 count=4 2>/dev/null)" = LUKS ] || continue
    case $($B dd if=$p bs=1 skip=24 count=48 2>/dev/null | $B tr -d '\\0') in
      {label}|{unfinished}) echo $p; return 0;;
    esac
  done
  return 1
}}
while ! data=$(sealed || $B findfs LABEL={label} 2>/dev/null); do
  tries=$((tries+1)); [ $tries -gt 600 ] && {{ echo "no data partition"; $B sleep 5; $B reboot -f; }}; $B sleep 0.1
done
disk=${{data%{data}}}
$B mount -t squashfs -o ro,noatime,nodev ${{disk}}$part /newroot || {{
  echo "slot $slot has no system"; $B sleep 5; $B reboot -f
}}
$B mkdir -p /run/modality-agent-image/slots /run/var/upper /run/var/work
$B ln -s ${{disk}}1 /run/modality-agent-image/slots/boot
{links}
$B ln -s $data /run/modality-agent-image/slots/data
echo $slot > /run/modality-agent-image/booted
if sealed > /dev/null; then
  $B dd if=$data bs=1 skip=168 count=36 2>/dev/null | $B sed 's/-//g' > /run/modality-agent-image/machine-id
fi
# The data is looked at without its journal: only a name that never changes is read.
$B mkdir /run/early
if $B mount -t ext4 -o ro,noload,noatime $data /run/early 2>/dev/null; then
  $B cp /run/early/machine-id /run/modality-agent-image/machine-id 2>/dev/null
  $B umount /run/early
fi
$B rmdir /run/early
id=/run/modality-agent-image/machine-id
[ -s $id ] || $B sed 's/-//g' /proc/sys/kernel/random/uuid > $id
$B mount --bind $id /newroot/etc/machine-id
$B mount -t tmpfs -o mode=755,nosuid,nodev,size=25% var /run/var
$B mkdir -p /run/var/upper /run/var/work
$B mount -t overlay -o lowerdir=/newroot/var,upperdir=/run/var/upper,workdir=/run/var/work var /newroot/var
for m in proc sys dev run; do $B mount --move /$m /newroot/$m; done
exec $B switch_root /newroot /sbin/init
"""


def _dependencies(modules: Path) -> dict[str, tuple[str, list[str]]]:
    """Return name → (file, files it needs) of every module."""
    found = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needs = line.partition(":")
        found[_name(path)] = (path, needs.split())
    return found


def _name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def in_order(modules: Path, wanted: tuple[str, ...]) -> list[Path]:
    """Return the files of the wanted modules and what they need, in the order in which they can be loaded."""
    known, order = _dependencies(modules), []
    builtin = {_name(line) for line in (modules / "modules.builtin").read_text().splitlines()}

    def add(path: str) -> None:
        if path not in order:
            for need in reversed(known[_name(path)][1]):
                add(need)
            order.append(path)

    for name in wanted:
        if name in known:
            add(known[name][0])
        elif name not in builtin:
            print(f"initrd: this kernel has no module {name}")
    return [modules / path for path in order]


class Archive:
    """A cpio archive in the `newc` form; every time and owner is 0, so that two builds are the same."""

    def __init__(self) -> None:
        self._parts, self._number = [], 0

    def add(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._number += 1
        raw = name.encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        self._parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def bytes(self) -> bytes:
        self.add("TRAILER!!!", 0)
        return b"".join(self._parts)


def script(board: Board) -> str:
    """Return the script that finds the chosen system on a board's disk."""
    cases = " ".join(f"{slot}) part={number};;" for slot, number in board.systems.items())
    names = {**board.systems, **{f"kernel-{slot}": number for slot, number in board.kernels.items()}}
    if board.table == "dos":
        names["choice"] = CHOICE
    links = "\n".join(f"$B ln -s ${{disk}}{n} /run/modality-agent-image/slots/{name}" for name, n in names.items())
    return SCRIPT.format(
        cases=cases, first=board.systems["a"], label=DATA_LABEL, unfinished=DATA_UNFINISHED, links=links,
        data=DATA,
    )  # fmt: skip


def make(board: Board, root: Path, modules: Path, out: Path) -> None:
    """Write the compressed initrd of the system in `root`."""
    made = Archive()
    for folder in ("bin", "dev", "m"):
        made.add(folder, 0o40755)
    made.add("bin/busybox", 0o100755, (root / "usr/bin/busybox").read_bytes())
    made.add("init", 0o100755, script(board).encode())
    made.add("dev/console", 0o20600, b"", (5, 1))
    names = []
    for path in in_order(modules, board.initrd_modules):
        packed = path.suffix == ".xz"
        data = lzma.decompress(path.read_bytes()) if packed else path.read_bytes()
        names.append(f"/m/{path.stem if packed else path.name}")
        made.add(names[-1].lstrip("/"), 0o100644, data)
    made.add("modules.list", 0o100644, ("\n".join(names) + "\n").encode())
    packing = ["zstd", "-q", "-19", "-c"]
    out.write_bytes(subprocess.run(packing, input=made.bytes(), capture_output=True, check=True).stdout)
