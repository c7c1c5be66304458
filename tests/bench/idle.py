"""F9: what the whole service costs while nobody does anything and a device sends 25 pictures a second."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from tests.bench.report import Row, limit
from tests.system.world import PAUSE, box_in, toml_for_peer

SECONDS = 60.0
WIDTH, HEIGHT = 720, 576

DRIVER = textwrap.dedent(
    f'''
    """A source that reads raw YUYV pictures from a pipe: what a capture card costs without a capture card."""
    import os, select, time
    from dataclasses import dataclass
    import drivers.contract as c
    from drivers.options import option

    SIZE = {WIDTH} * {HEIGHT} * 2

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Options:
        path: str = option("", sentence="The pipe.")

    class Source:
        def __init__(self, options=None):
            self._path, self._fd, self._number = options.path, -1, -1
        def open(self):
            import numpy as np
            self._np = np
            self.close()
            self._fd = os.open(self._path, os.O_RDONLY)
            self._poll = select.poll()
            self._poll.register(self._fd, select.POLLIN)
            self._geometry = c.Geometry(rows={HEIGHT}, columns={WIDTH}, pixel_format=c.PixelFormat.YUYV,
                                        interlaced=True, image_format="PAL")
            return self._geometry
        def read(self, timeout_s):
            if not self._poll.poll(round(timeout_s * 1000)):
                return None
            whole = self._np.empty(SIZE, self._np.uint8)
            view, at = memoryview(whole), 0
            while at < SIZE:
                got = os.readv(self._fd, [view[at:]])
                if not got:
                    raise c.DriverError("broken")
                at += got
            self._number += 1
            data = whole.reshape({HEIGHT}, {WIDTH}, 2)
            return c.Frame(data=data, geometry=self._geometry, captured_ns=time.monotonic_ns() - 40_000_000,
                           number=self._number)
        def close(self):
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
        def __enter__(self): return self
        def __exit__(self, *_): self.close()
    '''
)

FEEDER = textwrap.dedent(
    f"""
    import os, sys, time, random, fcntl
    size = {WIDTH} * {HEIGHT} * 2
    pictures = [random.Random(n).randbytes(size) for n in range(4)]
    fd = os.open(sys.argv[1], os.O_WRONLY)
    fcntl.fcntl(fd, 1031, 1 << 20)
    due = time.monotonic()
    number = 0
    while True:
        at = memoryview(pictures[number % 4])
        while at:
            at = at[os.write(fd, at):]
        number += 1
        due += 0.04
        time.sleep(max(0.0, due - time.monotonic()))
    """
)


def f9(folder: Path, _count: int) -> Iterator[Row]:
    """CPU and voluntary context switches of the core and all its children over a minute."""
    plugin = folder / "plugin"
    info = plugin / "idle_source-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: idle-source\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[modality_agent.drivers]\npipe = idle_source\n")
    (plugin / "idle_source.py").write_text(DRIVER)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    toml = toml_for_peer(9).replace('driver = "simulator"', f'driver = "pipe"\noptions = {{ path = "{pipe}" }}')
    feeder = subprocess.Popen([sys.executable, "-c", FEEDER, pipe])
    try:
        with box_in(folder / "box", toml, PYTHONPATH=str(plugin)) as box:
            PAUSE.wait(10)
            assert box.process is not None
            before, began = _spent(box.process.pid), monotonic()
            PAUSE.wait(SECONDS)
            after, took = _spent(box.process.pid), monotonic() - began
    finally:
        feeder.kill()
        feeder.wait()
    cpu = 100 * (after[0] - before[0]) / os.sysconf("SC_CLK_TCK") / took
    yield limit("F9-cpu", "idle service with a 25 fps 720x576 source, % of a core", [cpu], 1.5)
    yield limit("F9-wakeups", "its wakeups in a second", [(after[1] - before[1]) / took], 60)


def _spent(core: int) -> tuple[int, int]:
    """Return clock ticks and voluntary context switches of a process and everything below it."""
    ticks = switches = 0
    waiting = [core]
    while waiting:
        pid = waiting.pop()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        for task in Path(f"/proc/{pid}/task").iterdir():
            switches += int((task / "status").read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
            waiting += map(int, (task / "children").read_text().split())
    return ticks, switches
