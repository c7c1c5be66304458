"""The last good configuration (ruling 14): the file, the site's layer and its profiles as a run had them that was good.

The image's layer is not among them: it comes with the system and goes back with the system. All of it stands in one
file beside the configuration (`versions.last_good`, JSON), so that it is whole or not there. It may hold passwords, so
whoever may not read the configuration may not read it either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config import layers, toml_file, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What stood in the files at one moment; a missing file is not among them."""

    config: str
    """Digest of the configuration file alone."""
    files: dict[str, str] = field(default_factory=dict)
    """Name, relative to the folder of the configuration where it can be → text."""

    @property
    def digest(self) -> str:
        """What names all of it: a profile that changed is a change."""
        return versions.digest(json.dumps(self.files, ensure_ascii=False, sort_keys=True).encode())


def take(config: Path) -> Taken:
    """Return the files as they are now; one that cannot be read is left out."""
    told, _problem = toml_file.read(config)
    names = [config.name, layers.FILES["site"], *_profiles(layers.merge(told, config.parent).raw)]
    texts = {name: _text(config.parent / name) for name in names}
    content = config.read_bytes() if config.is_file() else b""
    return Taken(config=versions.digest(content), files={n: t for n, t in texts.items() if t is not None})


def _profiles(told: dict[str, Any]) -> list[str]:
    rows = told.get("source")
    named = [row.get("profile") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in named if isinstance(name, str) and name.isprintable() and name]


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except (OSError, ValueError):
        return None


def read(config: Path) -> Taken | None:
    """Return what was kept, or None: a torn file is as good as none."""
    try:
        told = json.loads(versions.last_good(config).read_bytes())
        files = {str(name): str(text) for name, text in told["files"].items()}
        return Taken(config=str(told["config"]), files=files) if config.name in files else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(config: Path, taken: Taken) -> None:
    """Keep what was taken as the last good one; durable on return. Raises `ConfigurationReadOnly`."""
    content = json.dumps({"config": taken.config, "files": taken.files}, sort_keys=True).encode()
    versions.write(versions.last_good(config), content, config.stat().st_mode & 0o777)


def put(config: Path, taken: Taken) -> None:
    """Put every file that differs back, the configuration last; what stood there is kept as `*.failed`.

    May be done again after any interruption. Raises `ConfigurationReadOnly`.
    """
    site = config.with_name(layers.FILES["site"])
    if site.name not in taken.files and site.is_file():
        versions.put(site, versions.failed(site))
        versions.write(site, b"")
    for name in sorted(taken.files, key=lambda name: name == config.name):
        path, content = config.parent / name, taken.files[name].encode(errors="surrogateescape")
        if path.is_file() and path.read_bytes() == content:
            continue
        mode = path.stat().st_mode & 0o777 if path.is_file() else 0o640
        if path.is_file():
            versions.put(path, versions.failed(path))
        versions.write(path, content, mode)
