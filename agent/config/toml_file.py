"""Reading one TOML file: whatever is wrong with it becomes one sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

LARGEST = 1 << 20
"""Bytes; a configuration is a few kilobytes, anything larger is another file by mistake."""


def read(path: Path) -> tuple[dict[str, Any], str]:
    """Return the file's tables and the empty string, or nothing and what is wrong (with line and column)."""
    try:
        with path.open("rb") as f:
            data = f.read(LARGEST + 1)
    except (OSError, ValueError) as e:
        return {}, f"cannot be read: {getattr(e, 'strerror', None) or e}"
    if len(data) > LARGEST:
        return {}, "is larger than a configuration may be (1 MiB)"
    try:
        return tomllib.loads(data.decode("utf-8-sig")), ""
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        return {}, f"is not UTF-8 text (line {line}); save it as UTF-8"
    except (ValueError, RecursionError) as e:
        return {}, f"is not TOML: {str(e) or 'nested too deeply'}"
