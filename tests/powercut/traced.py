"""The calls by which the box wrote its files, and the folders that a power cut can leave of them.

For machines that give no disk of one's own (no loop device, no FUSE, as in many containers): strace notes every
write, truncation, fsync and change of a folder below the data folder, with its bytes. POSIX promises of a power cut:
what was written to a file before its last fsync is there; every later write may be there, not be there or be torn
at any sector; a name that was made, moved or removed is certain only when its folder was fsynced, and of the later
changes in one folder a beginning may be there. That is stricter than ext4, and knows nothing of ext4 itself.

The trace proves itself: played to its end it must give the very folder that the box left.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.powercut.log import SECTOR, CrashState

CALLS = (
    "openat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,ftruncate,fallocate,lseek,fsync,fdatasync,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir"
)
LONGEST = 1 << 26
"""Bytes of one write that the trace holds."""
UNDER_STRACE = """
import os, sys
if not os.environ.get("UNDER_STRACE"):
    line = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "{longest}", "-e", "signal=none",
            "-e", "trace={calls}", "-o", "{trace}"]
    os.environ["UNDER_STRACE"] = "yes"
    os.execvp("strace", [*line, *sys.orig_argv])
"""
"""Runs first in the service: it becomes its own traced self."""
_LEFT_OUT = ("-shm", ".sock", ".lock")
"""Of no meaning after a power cut: SQLite's index of its log, what is bound or locked."""
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_FD = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:\\x[0-9a-f]{2})*)"')


@dataclass(slots=True)
class Act:
    """One thing that was done to a file or to the names of a folder."""

    end: int
    """Where its line ends in the trace."""
    kind: str
    """`write`, `size`, `sync`: of a file; `name`, `unname`, `move`, `folder`, `sync folder`: of names."""
    file: int = 0
    at: int = 0
    data: bytes | None = b""
    """None: bytes that went from file to file; they are read from what the box left."""
    length: int = 0
    path: str = ""
    to: str = ""


@dataclass
class Tree:
    """Names and files, as they are at one moment."""

    names: dict[str, int] = field(default_factory=dict)
    """Path → number of a file; 0: a folder."""
    files: dict[int, bytearray] = field(default_factory=dict)

    def apply(self, act: Act) -> None:
        content = self.files.setdefault(act.file, bytearray()) if act.file else bytearray()
        if act.kind == "write":
            data = act.data or bytes(act.length)
            content.extend(bytes(max(0, act.at - len(content))))
            content[act.at : act.at + len(data)] = data
        elif act.kind == "size":
            content.extend(bytes(max(0, act.at - len(content))))
            del content[act.at :]
        elif act.kind in ("name", "folder"):
            self.names[act.path] = act.file
        elif act.kind == "unname":
            self.names.pop(act.path, None)
        elif act.kind == "move" and act.file:
            self.names.pop(act.path, None)
            self.names[act.to] = act.file
        elif act.kind == "move":
            for name in [n for n in self.names if n == act.path or n.startswith(f"{act.path}/")]:
                self.names[act.to + name[len(act.path) :]] = self.names.pop(name)

    def write(self, folder: Path) -> None:
        """Make a folder of it; a name whose folder is not there is not there."""
        for name, number in sorted(self.names.items()):
            path = folder / name
            if not number and path.parent.is_dir():
                path.mkdir(mode=0o700)
            elif path.parent.is_dir():
                path.write_bytes(self.files.get(number, b""))


class Trace:
    """What strace noted below `root`; `mounted` is the folder that holds the box's data, as a disk has one."""

    def __init__(self, folder: Path) -> None:
        self.mounted, self.log = folder / "mounted", folder / "trace"
        self.mounted.mkdir()
        self.log.touch()
        self.acts: list[Act] = []
        self._open: dict[str, str] = {}
        self._at: dict[str, int] = {}
        self._size: dict[int, int] = {}
        self._appended: set[str] = set()
        self._cut_off: set[str] = set()
        """Files to which a call was under way when the process was killed: nobody knows how far it came."""
        self._now = Tree()
        self._numbers = iter(range(1, 1 << 30))

    @property
    def code(self) -> str:
        """Return what has to run first in the service."""
        return UNDER_STRACE.format(longest=LONGEST, calls=CALLS, trace=self.log)

    def position(self) -> int:
        """Return how far the trace is now; strace writes each line before the caller goes on."""
        return self.log.stat().st_size

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the trace; fails when it does not lead to what the box left."""
        self._do(Act(0, "folder", path="box"))
        self._do(Act(0, "sync folder"))
        end = 0
        with self.log.open("rb") as lines:
            for raw in lines:
                end += len(raw)
                self._line(raw.decode("ascii", "replace").rstrip("\n"), end)
        for act in self.acts:
            if act.data is None:
                act.data = self._left(act)
        self._cut_off = {path for words in self._open.values() for path in self._named(words)}
        whole = Tree()
        for act in self.acts:
            whole.apply(act)
        self._prove(whole)

    def _line(self, line: str, end: int) -> None:
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            self._open[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            return
        if rest.startswith("<..."):
            rest = self._open.pop(thread, "") + rest.partition("resumed>")[2]
        found = _CALL.match(rest)
        if rest.endswith("= ?"):
            self._open[f"{thread} at its end"] = rest
        elif found and int(found[3]) >= 0:
            self._call(found[1], found[2], int(found[3]), end)

    def _call(self, call: str, words: str, result: int, end: int) -> None:
        if call in ("rename", "renameat", "renameat2", "link", "linkat"):
            self._two(call, self._paths(words), end)
        elif call in ("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"):
            self._one(call, self._paths(words)[0], end)
        elif call == "openat":
            self._opened(self._paths(words)[0], words, end)
        elif (found := _FD.match(words)) and (path := self._inside(_plain(found[1]))) is not None:
            texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(words)]
            self._written(call, path, words, texts, result, end)

    def _paths(self, words: str) -> list[str | None]:
        found = [
            (_plain(base), os.fsdecode(bytes.fromhex(text.replace("\\x", "")))) for base, text in _PATH.findall(words)
        ]
        return [self._inside(os.path.join(base, text)) for base, text in found]

    def _named(self, words: str) -> list[str]:
        found = _FD.match(words.partition("(")[2])
        path = self._inside(_plain(found[1])) if found else None
        return [path for path in (path, *self._paths(words)) if path is not None]

    def _inside(self, path: str) -> str | None:
        """Return a path relative to the data folder; None: it is elsewhere or has no meaning after a cut."""
        root = str(self.mounted.resolve())
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not real.startswith(f"{root}/") or real.endswith(_LEFT_OUT) or " (deleted)" in real:
            return None
        return real[len(root) + 1 :]

    def _two(self, call: str, paths: list[str | None], end: int) -> None:
        old, new = paths
        if call.startswith("link") and new is not None and old in self._now.names:
            self._do(Act(end, "name", self._now.names[old], path=new))
        elif old is not None and new is not None and old in self._now.names:
            self._do(Act(end, "move", self._now.names[old], path=old, to=new))

    def _one(self, call: str, path: str | None, end: int) -> None:
        if path is not None:
            self._do(Act(end, "folder" if call.startswith("mkdir") else "unname", path=path))

    def _opened(self, path: str | None, words: str, end: int) -> None:
        if path is None or not ("O_CREAT" in words or path in self._now.names):
            return
        self._at[path] = 0
        if "O_APPEND" in words:
            self._appended.add(path)
        if path not in self._now.names:
            self._do(Act(end, "name", next(self._numbers), path=path))
        elif "O_TRUNC" in words:
            self._do(Act(end, "size", self._now.names[path]))

    def _written(self, call: str, path: str, words: str, texts: list[bytes], result: int, end: int) -> None:
        if call in ("fsync", "fdatasync"):
            number = self._now.names.get(path, 0)
            self._do(Act(end, "sync" if number else "sync folder", number, path=path))
            return
        number = self._now.names.get(path, 0)
        if not number:
            return
        numbers = [int(n) for n in re.findall(r", (\d+)", _TEXT.sub("", words))]
        if call == "lseek":
            self._at[path] = result
        elif call == "ftruncate":
            self._do(Act(end, "size", number, at=numbers[-1]))
        elif call == "fallocate" and sum(numbers[-2:]) > self._size.get(number, 0):
            self._do(Act(end, "size", number, at=sum(numbers[-2:])))
        elif call in ("pwrite64", "pwritev"):
            self._do(Act(end, "write", number, at=numbers[-1], data=b"".join(texts)[:result], length=result))
        elif call in ("write", "writev", "sendfile", "copy_file_range"):
            data = b"".join(texts)[:result] if call.startswith("write") else None
            at = self._size.get(number, 0) if path in self._appended else self._at.get(path, 0)
            self._do(Act(end, "write", number, at=at, data=data, length=result))
            self._at[path] = at + result

    def _do(self, act: Act) -> None:
        self.acts.append(act)
        if act.kind == "size":
            self._size[act.file] = act.at
        elif act.kind == "write":
            self._size[act.file] = max(self._size.get(act.file, 0), act.at + act.length)
        if act.kind != "write":
            self._now.apply(act)
        if act.kind == "move":
            self._at[act.to] = self._at.pop(act.path, 0)
            self._appended.discard(act.path)

    # --- proof ----------------------------------------------------------------------------------------------------

    def _left(self, act: Act) -> bytes:
        """Return bytes that were not in the trace, from the file as the box left it."""
        for name, number in self._now.names.items():
            if number == act.file and (self.mounted / name).is_file():
                with (self.mounted / name).open("rb") as file:
                    file.seek(act.at)
                    return file.read(act.length)
        return bytes(act.length)

    def _prove(self, whole: Tree) -> None:
        left = {
            str(path.relative_to(self.mounted)): path
            for path in self.mounted.rglob("*")
            if not str(path).endswith(_LEFT_OUT) and (path.is_file() or path.is_dir()) and not path.is_symlink()
        }
        names = (set(whole.names) ^ set(left)) - self._cut_off
        assert not names, f"names that differ: {sorted(names)[:5]}"
        sure = [name for name, number in whole.names.items() if number and name not in self._cut_off]
        wrong = [name for name in sure if left[name].read_bytes() != whole.files.get(whole.names[name], b"")]
        assert not wrong, f"files that differ: {wrong[:5]}"


def _plain(path: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), path)


class Cuts:
    """The folders that a power cut can leave, in order of time."""

    def __init__(self, trace: Trace, folder: Path, luck: random.Random) -> None:
        self._acts, self._luck, self.state = trace.acts, luck, folder / "state"

    def points(self, number: int, told_from: int) -> list[int]:
        """Return `number` acts after which power goes; those with much in flight come more often."""
        start = next(i for i, act in enumerate(self._acts) if act.end >= told_from) // 2
        weights, count = [], 0
        for act in self._acts[start:]:
            count = 0 if act.kind.startswith("sync") else count + 1
            weights.append(1 + 4 * count)
        return sorted(self._luck.choices(range(start, len(self._acts)), weights=weights, k=number))

    def states(self, points: Sequence[int]) -> Iterator[CrashState]:
        """Yield a crash state for each point; it is in the folder `state` until the next one is asked for."""
        for point in points:
            shutil.rmtree(self.state, ignore_errors=True)
            self.state.mkdir()
            yield self._cut(point)

    def _cut(self, point: int) -> CrashState:
        acts = self._acts[: point + 1]
        files = {act.file: i for i, act in enumerate(acts) if act.kind == "sync"}
        folders = {act.path: i for i, act in enumerate(acts) if act.kind == "sync folder"}
        keep = self._luck.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        tree, pending, lost = Tree(), [], set()
        kept = dropped = torn = 0
        for number, act in enumerate(acts):
            if act.kind in ("write", "size"):
                if number < files.get(act.file, -1):
                    tree.apply(act)
                else:
                    pending.append(act)
            elif not act.kind.startswith("sync"):
                where = {os.path.dirname(path) for path in (act.path, act.to) if path}
                certain = any(number < folders.get(folder, -1) for folder in where)
                if certain or (not where & lost and self._luck.random() < keep):
                    tree.apply(act)
                    kept += not certain
                else:
                    lost |= where
                    dropped += 1
        for act in self._luck.sample(pending, len(pending)):
            if self._luck.random() < keep:
                tree.apply(act)
                kept += 1
            elif act.kind == "write" and act.length > SECTOR and self._luck.random() < 0.5:
                self._tear(tree, act)
                torn += 1
            else:
                dropped += 1
        tree.write(self.state)
        return CrashState(point=point, log_end=acts[-1].end, kept=kept, dropped=dropped, torn=torn)

    def _tear(self, tree: Tree, act: Act) -> None:
        """Write some sectors: a beginning, an end, or any that chance takes."""
        data, sectors = act.data or b"", range(0, act.length, SECTOR)
        way, cut = self._luck.randrange(3), self._luck.randrange(1, len(sectors))
        for number, at in enumerate(sectors):
            if (number < cut, number >= cut, self._luck.random() < 0.5)[way]:
                part = data[at : at + SECTOR]
                tree.apply(Act(act.end, "write", act.file, at=act.at + at, data=part, length=len(part)))
