"""Builds the rooms of accounts and audit from the configuration; part of the composition root, as `assembly`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from agent import service
from agent.accounts.access import Access
from agent.accounts.keeping import Keeping
from agent.accounts.logins import Logins
from agent.accounts.passwords import Passwords
from agent.accounts.people import People
from agent.accounts.rules import AccountRules
from agent.accounts.secrets import new_token
from agent.audit import AuditTrail, Repository, longest_send_s
from agent.audit_anchor import Anchor
from agent.clock import Clock
from agent.config.schema import Configuration
from agent.launcher import Launcher
from agent.store import Store
from agent.store.transition import Stamp

_BESIDES_S = 60.0
"""A turn of the audit may take so long besides sending: the start of its child, a slow disk."""


class AccountRooms:
    """Everything that knows accounts, wired together; the box without an administrator has its code afterwards."""

    def __init__(
        self,
        configuration: Configuration,
        root: Path,
        store: Store,
        clock: Clock,
        *,
        key: bytes,
        stamp: Callable[[str], Stamp],
        turned: Callable[[], None],
    ) -> None:
        rules = _rules(configuration)
        passwords = Passwords(rules, new_token(os.urandom))
        logins = Logins(store, clock, rules, passwords, key=key, random=os.urandom, stamp=stamp)
        people = People(store, rules, passwords, logins, random=os.urandom, stamp=stamp)
        names = frozenset(source.name for source in configuration.source)
        access = Access(store, clock, rules, sources=names, random=os.urandom, stamp=stamp)
        self.keeping = Keeping(store, logins, access, root, stamp=stamp, turned=turned)
        self.keeping.first_start()
        self.service = service.Accounts(store, logins, people, access, self.keeping)


def _rules(configuration: Configuration) -> AccountRules:
    a = configuration.accounts
    return AccountRules(
        idle_lock_s=a.idle_lock_min * 60.0,
        session_s=a.session_hours * 3600.0,
        password_again_s=a.password_again_min * 60.0,
        password_length=a.password_length,
        pin_length=a.pin_length,
        hash_memory_kib=a.hash_memory_mb * 1024,
        hash_passes=a.hash_passes,
        hashes_at_once=a.hashes_at_once,
    )


def audit_trail(
    configuration: Configuration,
    store: Store,
    anchor: Anchor,
    launcher: Launcher,
    *,
    stamp: Callable[[], Stamp],
    expect: Callable[[str, float], Callable[[], None]],
) -> AuditTrail:
    """Return the worker of the audit trail; without a repository it anchors only."""
    a = configuration.audit
    repository = Repository(
        host=a.host,
        port=a.port,
        tls=configuration.audit_tls(),
        timeout_s=a.timeout_s,
        box=configuration.box.ae_title,
        site=a.site,
    )
    return AuditTrail(
        store,
        anchor,
        launcher,
        repository=repository if a.host else None,
        keep_s=a.keep_days * 86400.0,
        stamp=stamp,
        turned=expect("audit", _BESIDES_S + longest_send_s(a.timeout_s)),
    )
