"""The report of a salvage: one line for each picture, for programs and for people; the only place with names."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agent.spool import fsync_folder
from agent.store import Captured


@dataclass(slots=True, kw_only=True)
class Item:
    """One picture, clip or document."""

    frame_id: str
    exam_id: str
    patient_name: str
    patient_id: str
    birth_date: str
    accession_number: str
    study_instance_uid: str
    sop_instance_uid: str
    captured_at: str
    state: str
    exam_state: str
    destinations: dict[str, str]
    """Destination → `unsent`, `held`, `sent`, `confirmed`, `given up`; under an empty name `unknown`."""
    hash: str = ""
    """`ok`: the bytes are those that were captured; `changed`; `missing`; `none`: it has none."""
    folder: str = ""
    file: str = ""
    """Its object, below the target; empty: none was written, and `why` says why."""
    why: str = ""

    @classmethod
    def of(cls, captured: Captured, destinations: dict[str, str]) -> Item:
        """Return what is known before its bytes are looked at."""
        patient = captured.snapshot.patient
        return cls(
            frame_id=captured.frame_id,
            exam_id=captured.exam_id,
            patient_name=patient.patient_name,
            patient_id=patient.patient_id,
            birth_date=patient.patient_birth_date,
            accession_number=captured.snapshot.accession_number,
            study_instance_uid=captured.snapshot.study_instance_uid,
            sop_instance_uid=captured.sop_instance_uid,
            captured_at=captured.captured_at,
            state=str(captured.state),
            exam_state=str(captured.exam_state),
            destinations=destinations,
            why=captured.reason,
        )


@dataclass(slots=True, kw_only=True)
class Report:
    """What a salvage found and wrote."""

    source: str
    made_at: str
    version: str
    finished: bool = False
    database: str = ""
    """`intact`, `damaged` or `missing`."""
    unreadable: list[str] = field(default_factory=list)
    """Files that the card did not give."""
    pictures: list[Item] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return folder → objects written into it; `not written`: what the report explains."""
        counted = dict.fromkeys(("unsent", "held", "unknown", "sent", "not written"), 0)
        for item in self.pictures:
            counted[item.folder or "not written"] += 1
        return counted

    @property
    def lost(self) -> list[Item]:
        """Return what cannot be shown whole although nobody gave it up."""
        return [item for item in self.pictures if item.hash in ("changed", "missing")]

    def summary(self) -> str:
        """Return the outcome in words, without anything of a patient."""
        counted = self.counts()
        found = f"database: {self.database}; pictures, clips and documents: {len(self.pictures)}"
        written = ", ".join(f"{folder} {n}" for folder, n in counted.items())
        bad = f"bytes changed or missing: {len(self.lost)}; files that cannot be read: {len(self.unreadable)}"
        return "\n".join((found, written, bad))


def write(target: Path, report: Report) -> None:
    """Write `report.json` and `report.txt` into `target`, readable by the owner alone; durable on return."""
    told = {**asdict(report), "counts": report.counts()}
    _write(target / "report.json", json.dumps(told, ensure_ascii=False, indent=1))
    _write(target / "report.txt", _text(report))
    fsync_folder(target)


def _text(report: Report) -> str:
    lines = [f"Salvage of {report.source}, {report.made_at}, version {report.version}"]
    lines.append("FINISHED" if report.finished else "NOT FINISHED: begin it again, into another folder")
    lines.append(report.summary())
    for item in report.pictures:
        sent = ", ".join(f"{name} {state}".strip() for name, state in item.destinations.items()) or "no destination"
        who = f"{item.patient_name.replace('^', ' ')} · {item.birth_date or '—'} · {item.patient_id}"
        lines += ["", f"{who} · {item.accession_number or 'no order'} · captured {item.captured_at}"]
        lines.append(f"  {item.file or 'not written'} · bytes {item.hash} · {item.state} · {sent}")
        lines += [f"  {item.why}"] if item.why else []
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(fd)
    part.rename(path)
