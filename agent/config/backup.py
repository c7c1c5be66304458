"""Whether the box makes copies of itself, and how many are kept."""

from __future__ import annotations

from agent.config.section import Section
from agent.config.values import setting


class BackupPolicy(Section):
    """Copies that the box makes of itself every night, into `/var/backups/modality-agent`."""

    keep: int = setting(
        7, "So many copies are kept; the oldest goes after a new one was made and read again.", unit="copies", ge=1,
        le=1000,
    )  # fmt: skip
    pictures: bool = setting(True, "Whether pictures and objects are in it, or the database and the identity alone.")
    mounted: bool = setting(
        True, "Whether the folder must be a disk or share of its own: a copy on the box's own card dies with it."
    )
