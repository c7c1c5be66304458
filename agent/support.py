"""The support bundle: what a stranger needs to help, and nothing of a patient, by construction (security.md H27).

Only what is known to be ours goes in: states and events that stand in our tables, our own identifiers, codes of a known
form, counts. What a person or a peer wrote (reasons, comments, names) is left out, not searched for names.
"""

from __future__ import annotations

import io
import json
import platform
import re
import ssl
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from agent import __version__
from agent.lifecycle import TABLES
from agent.outcome import Action, Phase

EVENTS, TRIES = 5000, 2000
_LIBRARIES = (
    "pydantic", "starlette", "uvicorn", "jinja2", "click", "pydicom", "pynetdicom", "numpy", "opencv-python-headless",
    "simplejpeg", "imagecodecs", "pyserial", "sqlite-utils", "cryptography", "tzdata", "systemd-python", "gpiod",
    "argon2-cffi",
)  # fmt: skip
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9]{1,18}|[0-9a-f]{16,64}")
_CODE = re.compile(r"[A-Z]{1,3}-[0-9]{2}|0x[0-9A-F]{4}|[0-9]-[0-9]-[0-9]|verify:[0-9]{1,3}|abort [0-9]-[0-9]")
_TIME = re.compile(r"[0-9T:.+-]{10,40}")
_MODEL = Path("/proc/device-tree/model")


def versions(sqlite: str) -> tuple[tuple[str, str], ...]:
    """Return (name, version) of the software, of what it stands on and of every library that is installed."""
    machine = _MODEL.read_text(errors="replace").strip("\0") if _MODEL.exists() else platform.machine()
    ground = (
        ("modality-agent", __version__),
        ("Python", platform.python_version()),
        ("SQLite", sqlite),
        ("OpenSSL", ssl.OPENSSL_VERSION),
        ("Linux", platform.release()),
        ("machine", machine),
    )
    return (*ground, *_libraries())


def _libraries() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def bundle(parts: Mapping[str, Callable[[], Any]]) -> bytes:
    """Return a zip file with one member for each of `parts`: text as it is, anything else as JSON."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, make in parts.items():
            content = make()
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1)
            archive.writestr(zipfile.ZipInfo(name), text, compress_type=zipfile.ZIP_DEFLATED)
    return made.getvalue()


def history(rows: Iterable[Mapping[str, str]], names: frozenset[str]) -> str:
    """Return changes as lines of JSON; `names` are those of the configuration (sources, destinations)."""
    return "".join(json.dumps(_event(row, names)) + "\n" for row in rows)


def _event(row: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    table = TABLES.get(row["machine"], {})
    events, states = {event for event, _ in table}, {str(s) for s in table.values()} | {str(s) for _, s in table}
    return {
        "at": _if(_TIME.fullmatch(row["at"]), row["at"]),
        "run": _if(_OURS.fullmatch(row["run_id"]), row["run_id"]),
        "machine": _if(row["machine"] in TABLES, row["machine"]),
        "subject": _if(_OURS.fullmatch(row["subject"]) or row["subject"] in names, row["subject"]),
        "event": _if(row["event"] in events, row["event"]),
        "before": _if(row["before"] in states or not row["before"], row["before"]),
        "after": _if(row["after"] in states, row["after"]),
        "code": _if(_CODE.fullmatch(row["code"]) or not row["code"], row["code"]),
    }


def tries(rows: Iterable[Mapping[str, str]], names: frozenset[str]) -> str:
    """Return tries at peers as lines of JSON: how far they came and what they came to."""
    phases, actions = {p.value for p in Phase}, {a.value for a in Action}
    kinds = {"store", "n-create", "n-set", "commit"}
    told = (
        {
            "at": _if(_TIME.fullmatch(row["at"]), row["at"]),
            "destination": _if(row["destination"] in names, row["destination"]),
            "kind": _if(row["kind"] in kinds, row["kind"]),
            "phase": _if(row["phase"] in phases, row["phase"]),
            "action": _if(row["action"] in actions, row["action"]),
            "code": _if(_CODE.fullmatch(row["code"]) or row["code"].isalpha(), row["code"]),
        }
        for row in rows
    )
    return "".join(json.dumps(line) + "\n" for line in told)


def _if(known: object, value: str) -> str:
    return value if known else "…"
