"""Logging: one record, one line, fields beside it, and never patient data.

To the journal natively where systemd-python is installed and the manager asked for it, else to stderr, which
the journal reads as well. Errors are logged once, at the border that shows them.
"""

from __future__ import annotations

import logging
import os
import sys

from agent.ops.ring import Ring

LOG = logging.getLogger("modality-agent")
RING = Ring()
_PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}


class _ForJournald(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{k}={v}" for k, v in getattr(record, "fields", {}).items())
        return f"<{_PRIORITY.get(record.levelname, 6)}>{record.getMessage()} {fields}".rstrip()


class _ForPeople(_ForJournald):
    def format(self, record: logging.LogRecord) -> str:
        return f"{self.formatTime(record)} {super().format(record)}"


def _native() -> logging.Handler | None:
    if "JOURNAL_STREAM" not in os.environ:
        return None
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="modality-agent")
    return handler


def start() -> None:
    """Send this process's log to the journal or to stderr."""
    handler = _native()
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_ForJournald())
    RING.setFormatter(_ForPeople("%(asctime)s %(levelname)s"))
    LOG.handlers[:] = [handler, RING]
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


def say(level: int, message: str, **fields: str | int | float) -> None:
    """Log one sentence with fields (codes, our own identifiers, counts; never a person's data)."""
    extra = {"fields": fields, **{f"AGENT_{k.upper()}": str(v) for k, v in fields.items()}}
    LOG.log(level, message, extra=extra)
