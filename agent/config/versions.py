"""The versions of the configuration file: one name for each, all in one folder, so that a rename swaps them.

| file | what |
|---|---|
| `config.toml` | what the next start reads |
| `config.toml.proposed` | a reviewed change before it is confirmed |
| `config.toml.previous` | what was there before the last change; a roll-back puts it back |
| `config.toml.last-good` | what the service last came up with and stayed up, its profiles included, JSON |
| `config.toml.failed` | what the service did not stay up with three times; it was put back, and IT may look at it |
| `config.toml.change` | the state of the change (`agent.config_change`), JSON |
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from agent.errors import ConfigurationReadOnly


def proposed(config: Path) -> Path:
    return config.with_name(config.name + ".proposed")


def previous(config: Path) -> Path:
    return config.with_name(config.name + ".previous")


def last_good(config: Path) -> Path:
    return config.with_name(config.name + ".last-good")


def failed(config: Path) -> Path:
    return config.with_name(config.name + ".failed")


def change(config: Path) -> Path:
    return config.with_name(config.name + ".change")


def digest(content: bytes) -> str:
    """Return what names one version: SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes, mode: int = 0o640) -> None:
    """Write a version whole or not at all; durable on return. Raises `ConfigurationReadOnly`.

    Written by root, it stays its owner's; a new one belongs to the folder's group, so that the service can read it.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as f:
            if os.geteuid() == 0:
                _belong(f.fileno(), path)
            os.fchmod(f.fileno(), mode)
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as e:
        raise ConfigurationReadOnly(errno=e.errno) from e


def _belong(fd: int, path: Path) -> None:
    like = path if path.exists() else path.parent
    os.fchown(fd, like.stat().st_uid if like is path else 0, like.stat().st_gid)


def put(source: Path, target: Path) -> None:
    """Put the content of one version in the place of another, in one rename; durable on return.

    Who may read it stays as it was; a version that is new may be read by whom its source may be.
    """
    like = target if target.exists() else source
    write(target, source.read_bytes(), like.stat().st_mode & 0o777)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
