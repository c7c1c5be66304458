"""What a new configuration changes, key by key, and which of it makes the box less certain (ruling 16)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.config.peer import PeerConfig
from agent.config.problem import toml
from agent.config.schema import Configuration
from agent.config.secrets import MASK, is_secret

_CERTAINTY = {"click": 0, "reenter": 1, "scan": 2}
_PROOF = {"ca-only": 0, "hostname": 1, "name": 1, "pin": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key; values as TOML writes them, secrets masked; empty: not there."""

    key: str
    before: str
    after: str
    weakens: bool = False


def difference(before: Mapping[str, Any], after: Mapping[str, Any], weaker: frozenset[str]) -> tuple[Change, ...]:
    """Return every key that differs between two files as TOML reads them, in the order of their names."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    told = [
        Change(key=k, before=_shown(k, old.get(k)), after=_shown(k, new.get(k)), weakens=k in weaker) for k in changed
    ]
    unseen = weaker - set(changed)  # a profile or a removed table, not a key of this file
    return (*told, *(Change(key=key, before="", after="", weakens=True) for key in sorted(unseen)))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        for number, row in enumerate(value, start=1):
            yield from _flat(row, f"{key}[{row.get('name', number)}]")
    else:
        yield key, value


def _shown(key: str, value: Any) -> str:
    if value is None:
        return ""
    return MASK if is_secret(key) else toml(value)


def weaker(before: Configuration, after: Configuration) -> frozenset[str]:
    """Return the keys by which `after` is less certain of patients or of its peers than `before`."""
    found = set()
    if _CERTAINTY[after.exam.confirmation] < _CERTAINTY[before.exam.confirmation]:
        found.add("exam.confirmation")
    if after.exam.undo_window_s < before.exam.undo_window_s:
        found.add("exam.undo_window_s")
    if after.exam.idle_question_min > before.exam.idle_question_min:
        found.add("exam.idle_question_min")
    if before.box.clock == "system" and after.box.clock == "host":
        found.add("box.clock")
    old = _peers(before)
    for where, peer in _peers(after).items():
        found |= _weaker_peer(where, old.get(where), peer)
    if after.listener and not after.listener.tls and (before.listener is None or before.listener.tls):
        found.add("listener.tls")
    return frozenset(found)


def _peers(c: Configuration) -> dict[str, PeerConfig]:
    single = {"worklist": c.worklist, "procedure_step": c.procedure_step}
    rows = {f"destination[{d.name}]": d for d in c.destination}
    return {where: peer for where, peer in {**single, **rows}.items() if peer is not None}


def _weaker_peer(where: str, before: PeerConfig | None, after: PeerConfig) -> set[str]:
    found = set()
    if not after.tls and (before is None or before.tls):
        found.add(f"{where}.tls")
    proof = _PROOF[after.verify.partition(":")[0]]
    if after.tls and proof < (_PROOF[before.verify.partition(":")[0]] if before else _PROOF["hostname"]):
        found.add(f"{where}.verify")
    return found
