"""A box whose clocks a test can push: seconds that are added to what the host says, read from files at every look."""

from __future__ import annotations

from pathlib import Path

_CODE = """
import agent.host as host, datetime, pathlib, time
_folder = pathlib.Path({folder!r})
def _added(name):
    try:
        return float((_folder / name).read_text())
    except (OSError, ValueError):
        return 0.0
_now, _boot = host.SystemClock.now, host.SystemClock.boottime_ns
host.SystemClock.now = lambda self: _now(self) + datetime.timedelta(seconds=_added("wall"))
host.SystemClock.boottime_ns = lambda self: _boot(self) + int(_added("boot") * 1e9)
host.kernel_says_synchronised = lambda: _added("unsynchronised") == 0.0
_boot_id = host.boot_id
import agent.supervisor as supervisor
supervisor.boot_id = lambda: _boot_id() + str(_added("boots"))
"""


class FakeTime:
    """The clocks of one box; `code` is to be run in it first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.code = _CODE.format(folder=str(folder))

    def _put(self, name: str, value: float) -> None:
        fresh = self._folder / f"{name}.new"
        fresh.write_text(str(value))
        fresh.replace(self._folder / name)

    def wall(self, seconds: float) -> None:
        """Let the wall clock say so much more than the host's."""
        self._put("wall", seconds)

    def passes(self, seconds: float) -> None:
        """Let so much time have passed since the box was started, for the boot clock alone."""
        self._put("boot", seconds)

    def unsynchronised(self, *, yes: bool) -> None:
        """Let no time service vouch for the wall clock."""
        self._put("unsynchronised", float(yes))

    def boots(self, number: int) -> None:
        """Let the next start of the service be in another boot of the machine."""
        self._put("boots", number)
