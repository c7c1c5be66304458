"""What a person asks for who resets or erases a box: checked against what the box still owes, made into a `Clearing`.

Nothing is lost by one word: the name of the box is always typed, and while anything is outstanding a second, explicit
word is needed besides (`StillOwed`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import __version__, clearing_list
from agent.clearing import Clearing, Told, refuse_while_salvaged
from agent.config import layers, versions
from agent.config.schema import Configuration
from agent.lifecycle import ClearingState
from agent.operations_errors import ClearingNotUnderstood, NotErased, OtherName, StillOwed
from agent.spool import CLIP, FRAME
from agent.store import outstanding
from agent.store.outstanding import Outstanding

DATABASE = "agent.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for on the command line. `kind`: `reset` or `erase`."""

    kind: str
    box: str
    """The name that was typed."""
    who: str
    lose: bool = False
    """Whether it was said that what is outstanding may be lost."""
    identity: bool = False
    configuration: bool = False
    certificate: str = ""

    @property
    def erases(self) -> bool:
        return self.kind == "erase"


_KINDS = ("reset", "erase")


def asked_in(data: bytes) -> Request:
    """Return what a file asks for: one table `[reset]` or `[erase]` with `box`, `who`, `lose_unsent`.

    Raises `ClearingNotUnderstood` for anything else: nothing is removed by a guess.
    """
    try:
        told = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ClearingNotUnderstood from e
    if len(told) != 1 or next(iter(told)) not in _KINDS:
        raise ClearingNotUnderstood
    ((kind, table),) = told.items()
    wanted = {"box": str, "who": str, "lose_unsent": bool}
    if not isinstance(table, dict) or not {"box", "who"} <= table.keys() <= wanted.keys():
        raise ClearingNotUnderstood
    if not all(isinstance(value, wanted[key]) for key, value in table.items()):
        raise ClearingNotUnderstood
    return Request(kind=kind, box=table["box"], who=table["who"], lose=table.get("lose_unsent", False))


def owed(configuration: Configuration, root: Path) -> Outstanding:
    """Return what the box whose data folder is `root` still owes."""
    spool = root / "spool"
    files = frozenset(path.stem for folder, suffix in (("frames", FRAME), ("clips", CLIP))
                      for path in (spool / folder).glob(f"*{suffix}"))  # fmt: skip
    aside = sum(1 for path in (spool / "aside").glob("*"))
    return outstanding.count(root / DATABASE, files, aside=aside, audit=bool(configuration.audit.host))


def prepare(config: Path, configuration: Configuration, request: Request, at: str) -> Clearing:
    """Return what `clearing.begin` is to be given. The caller holds the data folder's lock.

    Raises `OtherName`, `StillOwed` with what is outstanding, `SalvageUnfinished`, `NotErased`; nothing was changed.
    """
    root = Path(configuration.box.data_dir).absolute()
    if request.box != configuration.box.name:
        raise OtherName
    refuse_while_salvaged(root)
    owes = owed(configuration, root)
    if not owes.nothing and not request.lose:
        raise StillOwed(f"Not removed, because {'; '.join(owes.sentences())}.")
    configured = tuple(str(path) for path in _configured(config, configuration))
    groups = clearing_list.groups(
        identity=request.identity or request.erases, configuration=request.configuration or request.erases
    )
    told = _told(configuration, request, root, at, owes, configured, groups)
    return Clearing(
        state=ClearingState.MARKED,
        kind=request.kind,
        root=str(root),
        groups=groups,
        overwrite=request.erases,
        configured=configured,
        config_sha256=versions.digest(config.read_bytes()),
        certificate=request.certificate,
        told=told,
    )


def _told(
    configuration: Configuration,
    request: Request,
    root: Path,
    at: str,
    owes: Outstanding,
    configured: tuple[str, ...],
    groups: tuple[clearing_list.Group, ...],
) -> Told:
    try:
        items = clearing_list.going(root, [Path(name) for name in configured], groups)
        uid = root / "device-uid"
        device_uid = uid.read_text(encoding="ascii").strip() if uid.exists() else ""
    except OSError as e:
        raise NotErased(f"{e.filename} cannot be looked into.") from e
    _assert_outside(request, root, configured)
    return Told(
        what=f"modality-agent {request.kind}",
        box=configuration.box.name,
        device_uid=device_uid,
        version=__version__,
        who=request.who,
        begun_at=at,
        groups=groups,
        overwritten=request.erases,
        files=len(items),
        bytes=sum(item.size for item in items),
        counts=clearing_list.counts(items),
        list_sha256=clearing_list.digest(items),
        lost_knowingly=owes.sentences(),
    )


def _assert_outside(request: Request, root: Path, configured: tuple[str, ...]) -> None:
    if not request.certificate:
        return
    path = Path(request.certificate).resolve()
    if path.is_relative_to(root.resolve()) or str(path) in configured:
        raise NotErased("The certificate would be erased with the rest: name a file elsewhere.")
    if path.exists():
        raise NotErased(f"{path} is there already: a certificate never replaces another file.")


def _configured(config: Path, configuration: Configuration) -> Iterator[Path]:
    """Yield the files of the box's and the site's layer, their versions, and the secrets that they name."""
    for layer in (config, layers.path_of(config, "site")):
        versions_of = [*config.parent.glob(f"{layer.name}*"), *config.parent.glob(f".{layer.name}*")]
        yield from (path for path in sorted(versions_of) if not path.name.endswith(".clearing"))
    for folder in (config.parent / "tls", config.parent / "secrets"):
        yield from (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    yield from (Path(name) for name in sorted(set(_secrets(configuration.model_dump()))) if Path(name).is_file())


def _secrets(value: Any) -> Iterator[str]:
    """Yield every file that holds a key, a token or a password."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("key_file", "token_file", "password_file") and isinstance(inner, str) and inner:
                yield inner
            yield from _secrets(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets(inner)
