"""Factory reset and erase: data that go, and go wholly, whatever cuts the power in between (H26).

The state stands in a file beside the configuration, because the data folder itself goes. Before that file is there,
nothing was touched; from then on there is no way back: every start of the service, before it looks at its
configuration, goes on where it was stopped. Table: `lifecycle.CLEARING`. What is outstanding is decided before, by
whoever begins (`agent.store.outstanding`); an unfinished salvage of this folder forbids all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agent.clearing_list import Going, Group, going, is_plain
from agent.config import versions
from agent.errors import AgentError
from agent.lifecycle import ClearingState, after
from agent.operations_errors import NotErased, SalvageUnfinished
from agent.plain import from_plain
from agent.spool import Steps, fsync_folder

SALVAGING = "salvage-unfinished"
"""In a data folder: a salvage of it was begun and has not ended; nothing of it may go."""
_BLOCK = bytes(1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a certificate says: what went, whose it was, who did it and when; nothing of a patient."""

    what: str
    box: str
    device_uid: str
    version: str
    who: str
    begun_at: str
    groups: tuple[str, ...]
    overwritten: bool
    files: int
    bytes: int
    counts: dict[str, int]
    """Kind of file → how many."""
    list_sha256: str
    """Of the list of all files, one line with size and name each."""
    lost_knowingly: tuple[str, ...]
    """What nobody had taken responsibility for, in words."""
    finished_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """One reset or erase, as its file says; nothing in it is of a patient."""

    state: ClearingState
    kind: str
    """`reset` or `erase`."""
    root: str
    """The data folder."""
    groups: tuple[str, ...]
    overwrite: bool
    configured: tuple[str, ...]
    """Files of the configuration that go."""
    config_sha256: str
    """Of the configuration file; another one that was put there meanwhile stays."""
    certificate: str
    """Where the certificate goes; empty: there is none."""
    told: Told


def marker(config: Path) -> Path:
    """Return the file that says a clearing was begun and is not over."""
    return config.with_name(f"{config.name}.clearing")


def under_way(config: Path) -> Clearing | None:
    """Return what was begun and is not over; None: nothing. Raises `NotErased` for a file that says nothing."""
    try:
        return from_plain(Clearing, json.loads(marker(config).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise NotErased(f"{marker(config)} cannot be read: nobody knows what was to be removed.") from e


def refuse_while_salvaged(root: Path) -> None:
    """Raise `SalvageUnfinished` while a salvage of the folder has not ended."""
    if (root / SALVAGING).exists():
        raise SalvageUnfinished


def begin(config: Path, clearing: Clearing, steps: Steps = lambda _step: None) -> Clearing:
    """Begin: on return nothing is gone yet, and nothing stops it any more. The caller holds the folder's lock.

    The certificate is written first, saying *begun*, so that a place where it cannot be is found out in time.
    Raises `NotErased`, `ConfigurationReadOnly`, `SalvageUnfinished`; then nothing was changed.
    """
    refuse_while_salvaged(Path(clearing.root))
    if clearing.certificate:
        _certify(Path(clearing.certificate), clearing.told)
    steps("clearing:announced")
    _save(config, clearing)
    steps("clearing:marked")
    return clearing


def finish(config: Path, now: Callable[[], str], steps: Steps = lambda _step: None) -> Clearing | None:
    """Bring what was begun to its end and return it; None: nothing was begun. The caller holds the folder's lock.

    On return everything is gone and the certificate says so, durably. A reset's file stays, as *cleared*, until
    `told`. Raises `NotErased`; begun again it goes on.
    """
    clearing = under_way(config)
    if clearing is None:
        return None
    if clearing.state is ClearingState.MARKED:
        clearing = _clear(config, clearing, now, steps)
    if Group.CONFIGURATION in clearing.groups:
        if _same(config, clearing):
            _remove_all((), (config,), (Group.CONFIGURATION,), clearing, steps)
            fsync_folder(config.parent)
            steps("clearing:configuration")
        told(config)
    return clearing


def _clear(config: Path, clearing: Clearing, now: Callable[[], str], steps: Steps) -> Clearing:
    """Remove everything but the configuration file itself, certify it, and say that it is gone."""
    refuse_while_salvaged(Path(clearing.root))
    groups = tuple(Group(name) for name in clearing.groups)
    configured = [Path(name) for name in clearing.configured if Path(name) != config] if _same(config, clearing) else []
    _remove_all((Path(clearing.root),), configured, groups, clearing, steps)
    for folder in {Path(clearing.root), *(path.parent for path in configured)}:
        _make_durable(folder)
    if clearing.certificate:
        _certify_somewhere(config, clearing, replace(clearing.told, finished_at=now()))
    steps("clearing:certified")
    clearing = replace(clearing, state=ClearingState(after("clearing", "all gone", clearing.state)))
    _save(config, clearing)
    steps("clearing:cleared")
    return clearing


def told(config: Path) -> None:
    """Forget a clearing that is over: whoever had to know, knows."""
    marker(config).unlink(missing_ok=True)
    fsync_folder(config.parent)


def _same(config: Path, clearing: Clearing) -> bool:
    """Return whether the configuration is the one that was to go, or is gone already."""
    return not config.exists() or versions.digest(config.read_bytes()) == clearing.config_sha256


def _save(config: Path, clearing: Clearing) -> None:
    text = json.dumps(asdict(clearing), ensure_ascii=False)
    versions.write(marker(config), text.encode(), 0o644)


def _remove_all(
    roots: Iterable[Path], configured: Iterable[Path], groups: Iterable[Group], clearing: Clearing, steps: Steps
) -> None:
    try:
        items = [item for root in (*roots, None) for item in going(root, configured if root is None else (), groups)]
    except OSError as e:
        raise NotErased(f"{e.filename} cannot be looked into.") from e
    for item in items:
        _remove(item, overwrite=clearing.overwrite)
        steps("clearing:file")


def _remove(item: Going, *, overwrite: bool) -> None:
    try:
        if overwrite and is_plain(item.path):
            with suppress(PermissionError):  # somebody else's file in our folder: it goes, unread
                _overwrite(item.path, item.size)
        item.path.unlink(missing_ok=True)
    except OSError as e:
        raise NotErased(f"A file of the group “{item.group}” does not go (errno {e.errno}).") from e


def _overwrite(path: Path, size: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        left = size
        while left > 0:
            left -= os.write(fd, _BLOCK[:left])
        os.fsync(fd)
    finally:
        os.close(fd)


def _make_durable(folder: Path) -> None:
    """Wait until the names are gone; folders stay, empty: they belong to whoever has to work in them again."""
    for inner in (folder, *(p for p in sorted(folder.rglob("*")) if p.is_dir() and not p.is_symlink())):
        with suppress(OSError):  # a folder that is not ours to read had nothing that was ours
            fsync_folder(inner)


# --- the certificate -----------------------------------------------------------------------------------------------


def signed(certificate: Told) -> bytes:
    """Return a certificate's text: what it says, and the SHA-256 of exactly that."""
    told = asdict(certificate)
    return json.dumps({**told, "sha256": _seal(told)}, ensure_ascii=False, indent=1).encode() + b"\n"


def is_genuine(content: bytes) -> bool:
    """Return whether a certificate says what it said when it was written."""
    try:
        told = json.loads(content)
        return isinstance(told, dict) and told.pop("sha256", "") == _seal(told)
    except ValueError:
        return False


def _seal(told: dict[str, Any]) -> str:
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _certify_somewhere(config: Path, clearing: Clearing, told: Told) -> None:
    """Write the certificate where it was wanted, or, where that is gone meanwhile, beside the configuration."""
    try:
        _certify(Path(clearing.certificate), told)
    except NotErased:
        _certify(config.with_name(Path(clearing.certificate).name), told)


def _certify(path: Path, told: Told) -> None:
    try:
        versions.write(path, signed(told), 0o644)
    except AgentError as e:
        raise NotErased(f"The certificate cannot be written to {path}.") from e
