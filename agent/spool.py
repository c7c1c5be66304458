"""The only durable files: frames as captured, objects as built. Names are our own UUIDs, never from outside.

`frames/<uuid>.frm` and `objects/<uuid>.dcm` exist only complete: written as `incoming/<uuid>.part`, fsynced,
renamed, and the folder fsynced, in this order. What is damaged or unknown goes to `aside/`, never away.
`steps` is called at every named step so that tests can end the process exactly there.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import DiskFull, SpoolDamaged, StorageError
from agent.model import FrameRecord

Steps = Callable[[str], None]
FRAME, OBJECT, PART, CLIP, INDEX, ITEM = ".frm", ".dcm", ".part", ".clp", ".idx", ".itm"
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FOR_PEERS = 0o640
"""Objects alone: a peer child that is another user reads them by its group, which `incoming/` hands on (setgid)."""
_BALLAST_BYTES = 16 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        if e.errno in _FULL:
            raise DiskFull from e
        raise StorageError(f"The disk answered {errno.errorcode.get(e.errno or 0, 'an error')}.") from e


def fsync_file(fd: int) -> None:
    """Wait until the bytes of an open file are on the disk. A failed fsync is never tried again."""
    os.fsync(fd)


def fsync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def rename(source: Path, target: Path) -> None:
    """Give a complete file its final name, atomically."""
    source.rename(target)


class Spool:
    """The files of one box below `root`."""

    def __init__(self, root: Path, *, steps: Steps = lambda _step: None) -> None:
        self._steps = steps
        self.incoming, self.frames, self.clips, self.tray, self.objects, self.renditions, self.aside = (
            root / name for name in ("incoming", "frames", "clips", "tray", "objects", "renditions", "aside")
        )
        self._ballast = root / "ballast"
        with _storage_errors():
            for folder in (
                self.incoming, self.frames, self.clips, self.tray, self.objects, self.renditions, self.aside,
            ):  # fmt: skip
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A file is no safer than the names of the folders above it; not every file system saves those with it.
            fsync_folder(root)
            fsync_folder(root.parent)

    def write_frame(
        self,
        frame_id: str,
        header: bytes,
        payload_fd: int | None,
        payload_size: int,
        *,
        offset: int = 0,
        step: str = "capture",
    ) -> int:
        """Store header and payload (`payload_size` bytes of a descriptor from `offset` on, None: in a clip's own file)
        and return the file's size.

        On return the file is whole, named and on the disk. Raises `DiskFull` or `StorageError`; then nothing
        of that name exists in `frames/`.
        """
        part = self._path(self.incoming, frame_id, PART)
        with _storage_errors():
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _write_all(fd, header)
                if payload_fd is not None:
                    _copy(payload_fd, fd, payload_size, offset)
                self._steps(f"{step}:written")
                fsync_file(fd)
                self._steps(f"{step}:file-synced")
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            finally:
                os.close(fd)
            self._publish(part, self.frames / f"{frame_id}{FRAME}", step)
        return len(header) + (payload_size if payload_fd is not None else 0)

    def size_of(self, record: FrameRecord, payload_offset: int) -> int:
        """Return how large the frame file of `record` has to be; raises `SpoolDamaged` if a clip's own file is not."""
        if not record.payload_file:
            return payload_offset + record.payload_size
        path = self._path(self.clips, record.frame_id, CLIP)
        if not path.exists() or path.stat().st_size < record.payload_size:
            raise SpoolDamaged("The file of a clip is missing or too short.")
        return payload_offset

    def begin_clip(self, frame_id: str) -> tuple[int, int]:
        """Return new, empty files for a clip's payload and its index, durably named; the caller closes them."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        with _storage_errors():
            opened: list[int] = []
            try:
                opened = [os.open(self._path(self.clips, frame_id, suffix), flags, 0o600) for suffix in (CLIP, INDEX)]
                fsync_folder(self.clips)
            except BaseException:
                for fd in opened:
                    os.close(fd)
                raise
        return opened[0], opened[1]

    def write_item(self, item_id: str, payload_fd: int, payload_size: int) -> None:
        """Store one item of the tray; on return it is whole, named and on the disk."""
        part = self._path(self.incoming, item_id, PART)
        with _storage_errors():
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                _copy(payload_fd, fd, payload_size)
                fsync_file(fd)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            finally:
                os.close(fd)
            self._publish(part, self._path(self.tray, item_id, ITEM), "tray")

    def open_item(self, item_id: str) -> int:
        """Return a descriptor of an item of the tray; raises `SpoolDamaged` when it is not there."""
        return self._open(self._path(self.tray, item_id, ITEM))

    def drop_item(self, item_id: str) -> None:
        """Remove an item's file: it entered an exam, or a person gave it up."""
        self.remove(self._path(self.tray, item_id, ITEM))

    def clip_index(self, frame_id: str) -> bytes:
        """Return the index of a clip; empty where there is none."""
        with _storage_errors():
            path = self._path(self.clips, frame_id, INDEX)
            return path.read_bytes() if path.exists() else b""

    def open_clip(self, frame_id: str, *, writable: bool = False) -> int:
        """Return a descriptor of a clip's payload; raises `SpoolDamaged` when it is not there."""
        return self._open(self._path(self.clips, frame_id, CLIP), os.O_RDWR if writable else os.O_RDONLY)

    def end_clip(self, frame_id: str) -> None:
        """Remove a clip's index once its frame is recorded: the record says the same."""
        with _storage_errors():
            self._path(self.clips, frame_id, INDEX).unlink(missing_ok=True)

    def drop_clip(self, frame_id: str) -> None:
        """Remove the files of a clip that came to nothing."""
        with _storage_errors():
            for suffix in (CLIP, INDEX):
                self._path(self.clips, frame_id, suffix).unlink(missing_ok=True)

    def link_clip(self, old: str, new: str) -> None:
        """Give a clip's payload a second name; on return that is durable. Purging one name leaves the other."""
        with _storage_errors():
            os.link(self._path(self.clips, old, CLIP), self._path(self.clips, new, CLIP))
            fsync_folder(self.clips)

    def linked_clips(self) -> set[str]:
        """Return the clips whose payload has more names than one."""
        with _storage_errors(), os.scandir(self.clips) as entries:
            return {
                entry.name[: -len(CLIP)]
                for entry in entries
                if entry.name.endswith(CLIP) and entry.stat(follow_symlinks=False).st_nlink > 1
            }

    def begin_object(self, frame_id: str) -> int:
        """Return a new, empty, private file for the build child to write; the caller closes it."""
        part = self._path(self.incoming, frame_id, PART)
        with _storage_errors():
            part.unlink(missing_ok=True)
            fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchmod(fd, _FOR_PEERS)
            return fd

    def begin_video(self) -> int:
        """Return a new, empty file without a name: a video that lives as long as its object is being built.

        The encoder opens it anew through its descriptor and may be another user; nobody else can reach it.
        """
        with _storage_errors():
            fd = os.open(self.incoming, os.O_TMPFILE | os.O_RDWR, 0o600)
            os.fchmod(fd, 0o666)
            return fd

    def finish_object(self, frame_id: str, fd: int) -> None:
        """Make the written object durable under its final name."""
        with _storage_errors():
            fsync_file(fd)
            self._publish(self.incoming / f"{frame_id}{PART}", self.objects / f"{frame_id}{OBJECT}", "build")

    def finish_rendition(self, frame_id: str, transfer_syntax_uid: str, fd: int) -> None:
        """Make a written rendition durable under its final name."""
        final = self.rendition_path(frame_id, transfer_syntax_uid)
        with _storage_errors():
            if not final.parent.exists():
                final.parent.mkdir(mode=0o700)
                final.parent.chmod(0o750)
                fsync_folder(self.renditions)
            fsync_file(fd)
            self._publish(self.incoming / f"{frame_id}{PART}", final, "rendition")

    def _publish(self, part: Path, final: Path, step: str) -> None:
        rename(part, final)
        self._steps(f"{step}:renamed")
        fsync_folder(final.parent)
        self._steps(f"{step}:folder-synced")

    def open_frame(self, frame_id: str) -> int:
        """Return a read-only descriptor of a frame file; raises `SpoolDamaged` when it is not there."""
        return self._open(self._path(self.frames, frame_id, FRAME))

    def open_object(self, frame_id: str) -> int:
        """Return a read-only descriptor of an object file; raises `SpoolDamaged` when it is not there."""
        return self._open(self.object_path(frame_id))

    def has_object(self, frame_id: str) -> bool:
        """Return whether a whole object file of that frame is there, recorded or not."""
        return self.object_path(frame_id).exists()

    def rendition_path(self, frame_id: str, transfer_syntax_uid: str) -> Path:
        """Return where the object of a frame is in another transfer syntax."""
        if not re.fullmatch(r"[0-9.]{1,64}", transfer_syntax_uid) or ".." in transfer_syntax_uid:
            raise StorageError("A folder name must be a UID.")
        return self._path(self.renditions / transfer_syntax_uid, frame_id, OBJECT)

    def files_of(self, frame_id: str) -> list[Path]:
        """Return every file of one frame: as captured, its object and its renditions."""
        known = [self._path(self.frames, frame_id, FRAME), self.object_path(frame_id)]
        known += [self._path(self.clips, frame_id, suffix) for suffix in (CLIP, INDEX)]
        return [f for f in (*known, *self.renditions.glob(f"*/{frame_id}{OBJECT}")) if f.exists()]

    def object_path(self, frame_id: str) -> Path:
        """Return where the object of a frame is, for the peer child."""
        return self._path(self.objects, frame_id, OBJECT)

    def _open(self, path: Path, mode: int = os.O_RDONLY) -> int:
        try:
            return os.open(path, mode | os.O_NOFOLLOW)
        except FileNotFoundError as e:
            raise SpoolDamaged("A stored file is missing.") from e
        except OSError as e:
            raise StorageError from e

    def sizes(self, folder: Path, suffix: str) -> dict[str, int]:
        """Return our name → size of every file of one kind; foreign names are left alone and left out."""
        with _storage_errors(), os.scandir(folder) as entries:
            return {
                entry.name[: -len(suffix)]: entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if entry.name.endswith(suffix) and _NAME.fullmatch(entry.name[: -len(suffix)])
            }

    def set_aside(self, path: Path) -> Path:
        """Move a file that cannot be used to `aside/` and return where it is; the move is durable."""
        target = self.aside / path.name
        with _storage_errors():
            rename(path, target)
            fsync_folder(self.aside)
            fsync_folder(path.parent)
        return target

    def remove(self, path: Path) -> None:
        """Remove a file that nobody was promised (an unfinished or unrecorded one)."""
        with _storage_errors():
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return how many bytes may still be written."""
        with _storage_errors():
            status = os.statvfs(self.incoming)
            return status.f_bavail * status.f_frsize

    def hold_ballast(self) -> None:
        """Keep 16 MiB in reserve, so that a full disk still takes status rows once it is given up."""
        if self._ballast.exists() and self._ballast.stat().st_size == _BALLAST_BYTES:
            return
        with _storage_errors():
            fd = os.open(self._ballast, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(fd, 0, _BALLAST_BYTES)
            finally:
                os.close(fd)

    def drop_ballast(self) -> bool:
        """Give the reserve up; False: it was given up before."""
        held = self._ballast.exists()
        with _storage_errors():
            self._ballast.unlink(missing_ok=True)
        return held

    @staticmethod
    def _path(folder: Path, name: str, suffix: str) -> Path:
        if not _NAME.fullmatch(name):
            raise StorageError("A file name must be one of our own.")
        return folder / f"{name}{suffix}"


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _copy(source: int, target: int, size: int, offset: int = 0) -> None:
    end = offset + size
    while offset < end:
        sent = os.sendfile(target, source, offset, end - offset)
        if sent == 0:
            raise StorageError("The payload is shorter than announced.")
        offset += sent
