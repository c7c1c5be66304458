"""A guest's whole file system as one cpio archive: busybox, the kernel's modules, the Python of this machine.

Which files Python needs is not guessed: a child imports what the guest will import, and every file that it then
has open or mapped is taken along.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
while read module options; do /bin/busybox insmod $module $options || echo "no $module"; done < /modules.list
/bin/busybox ip link set lo up
cd {work}
PYTHONPATH={path} SCENES="{scenes}" {python} -P -m {module}
/bin/busybox poweroff -f
"""

_LIST_FILES = """
import sys, importlib
for name in sys.argv[1].split(','): importlib.import_module(name)
import runpy, importlib.util, traceback, zlib, mmap
import encodings.idna, encodings.utf_16_le, encodings.ascii, encodings.latin_1, encodings.utf_8
files = {m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)}
files |= {l.split()[-1] for l in open('/proc/self/maps') if '/' in l}
print('\\n'.join(sorted(f for f in files if f.startswith('/') and not f.startswith('/dev'))))
"""


def python_files(modules: list[str], folder: Path) -> list[Path]:
    """Return every file that `modules` need, the interpreter and its libraries included."""
    code = [sys.executable, "-P", "-c", _LIST_FILES, ",".join(modules)]
    said = subprocess.run(code, cwd=folder, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(folder)})
    binary = Path(sys.executable).resolve()
    found = {Path(line) for line in said.stdout.splitlines()}
    linked = [str(f) for f in (binary, *found) if f == binary or ".so" in f.name]
    # By the names under which the loader looks for them, which are links.
    libraries = subprocess.run(["ldd", *linked], capture_output=True, text=True, check=True).stdout.split()
    found |= {Path(word.rstrip(":")) for word in libraries if word.startswith("/")}
    return sorted(path for path in {*found, binary, *_markers(found)} if path.is_file())


def _markers(files: set[Path]) -> set[Path]:
    """Return what the interpreter looks for to know where it is."""
    library = Path(sys.base_prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return {library / "os.py", *(f.parent / "__init__.py" for f in files if f.suffix == ".py")}


class Archive:
    """A cpio archive in the `newc` form (Documentation/driver-api/early-userspace/buffer-format)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._folders: set[Path] = set()
        self._number = 0

    def folder(self, path: Path) -> None:
        for parent in reversed([path, *path.parents]):
            if parent not in self._folders and str(parent) != "/":
                self._folders.add(parent)
                self._entry(parent, 0o40755, b"")

    def file(self, path: Path, data: bytes, mode: int = 0o100755) -> None:
        self.folder(path.parent)
        self._entry(path, mode, data)

    def link(self, path: Path, target: str) -> None:
        self.file(path, target.encode(), 0o120777)

    def _entry(self, path: Path, mode: int, data: bytes) -> None:
        self._number += 1
        name = str(path).lstrip("/").encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self._parts.append(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def bytes(self) -> bytes:
        self._entry(Path("TRAILER!!!"), 0, b"")
        return gzip.compress(b"".join(self._parts), 1)


def modules_in_order(folder: Path, wanted: dict[str, str]) -> list[tuple[Path, str]]:
    """Return module files with their options so that each comes after those it needs."""
    needs: dict[str, list[str]] = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name] = rest.split()
    by_name = {Path(path).name.partition(".ko")[0].replace("-", "_"): path for path in needs}
    order: dict[str, str] = {}
    for name, options in wanted.items():
        path = by_name.get(name.replace("-", "_"), "")
        if not path:
            continue  # built into the kernel
        for needed in reversed(needs[path]):
            order.setdefault(needed, "")
        order[path] = options
    return [(folder / path, options) for path, options in order.items()]
