"""The story of the demonstration, step by step; its last line names the delivered file."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import click

from agent.demo import evidence
from agent.demo.commands import Commands, DemoFailed
from agent.demo.ways import WAYS, Way, configure

CHOSEN = "О’Коннор-Їжакевич"


class Story:
    """Prints each step with its time and keeps what was learned on the way."""

    def __init__(self, commands: Commands, way: Way) -> None:
        self._commands, self._way, self._began = commands, way, monotonic()

    def tell(self, sentence: str) -> None:
        """Print one step with the seconds since the beginning."""
        click.echo(f"[{monotonic() - self._began:5.1f} s] {sentence}")

    def play(self) -> Path:
        """Do the main job and return the received file; raises `DemoFailed`."""
        self._set_up()
        entry = self._choose()
        frames = self._capture(entry)
        self._deliver(len(frames))
        return self._compare(entry, frames)

    def _set_up(self) -> None:
        c = self._commands
        for name in evidence.TOOLS:
            evidence.tool(name)
        self.tell("starting a RIS and a PACS with mutual TLS, certificates made on the spot")
        c.start("sandbox", "--folder", str(c.folder))
        c.until("RIS and PACS are up", (c.folder / "config.toml").exists, 30)
        configure(c, self._way)
        self.tell(c.run("check").strip())
        c.start("run")
        c.until("the box is ready", self._ready, 45)
        self.tell(f"the box runs; {self._way.about}")

    def _ready(self) -> bool:
        try:
            status = self._commands.ask("status")
        except DemoFailed:
            return False
        return all(source["state"] == "ready" for source in status["sources"])

    def _choose(self) -> dict[str, Any]:
        view = self._commands.ask("worklist", "--refresh")
        self.tell(f"the worklist came over TLS: {len(view['entries'])} patients")
        entry = next((e for e in view["entries"] if e["patient"]["name"].startswith(CHOSEN)), None)
        if entry is None:
            raise DemoFailed("the sample patient is not in the worklist")
        exam = self._commands.ask("exam", "start", entry["key"])
        self.tell(f"chosen and frozen: {exam['patient']['name'].replace('^', ' ')}, {exam['patient']['patient_id']}")
        row = evidence.worklist_row(self._commands.folder, entry["accession_number"])
        if wrong := evidence.differences(row, {**exam["patient"], **_order(entry, exam)}):
            raise DemoFailed(f"the exam differs from the worklist as DCMTK reads it in: {', '.join(wrong)}")
        return {**entry, "row": row, "exam_id": exam["exam_id"]}

    def _capture(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """Do what a person does and return the pictures that will leave; pages that were bound are part of one."""
        self._way.capture(self._commands, self.tell)
        self._commands.run("finish")
        self.tell(f"finished the exam of {entry['patient']['patient_id']}; the undo window runs")
        frames = self._commands.ask("exam", "show", entry["exam_id"])["frames"]
        return [frame for frame in frames if frame["state"] != "bound"]

    def _deliver(self, objects: int) -> None:
        def are(*states: str) -> bool:
            jobs = [job for job in self._commands.ask("queue") if job["kind"] == "store"]
            return len(jobs) == objects and all(job["state"] in states for job in jobs)

        self._commands.until("everything is sent", lambda: are("sent", "confirmed"), 45)
        self.tell("objects built, checked, read again, queued and sent with status 0x0000 over TLS")
        self._commands.until("everything is confirmed", lambda: are("confirmed"), 45)
        self.tell("the PACS took responsibility for every object (Storage Commitment)")

    def _compare(self, entry: dict[str, Any], frames: list[dict[str, Any]]) -> Path:
        files = self._received()
        for frame in frames:
            self._compare_one(files, entry, frame)
        self.tell("patient, UIDs and pixels agree; dciodvfy finds no error")
        return files[frames[-1]["sop_instance_uid"]]

    def _received(self) -> dict[str, Path]:
        folder = self._commands.folder / "received"
        try:
            rows = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
        except OSError as e:
            raise DemoFailed("the PACS has no list of received objects") from e
        return {str(row["sop_instance_uid"]): folder / row["file"] for row in rows}

    def _compare_one(self, files: dict[str, Path], entry: dict[str, Any], frame: dict[str, Any]) -> None:
        file = files.get(frame["sop_instance_uid"])
        if file is None:
            raise DemoFailed("the PACS does not have a captured picture")
        wanted = {**entry["row"], "sop_instance_uid": frame["sop_instance_uid"]}
        if wrong := evidence.differences(wanted, evidence.attributes(file)):
            raise DemoFailed(f"the received object differs from the worklist in: {', '.join(wrong)}")
        if self._way.digest(file, self._commands.folder) != frame["payload_sha256"]:
            raise DemoFailed("what was received is not what was captured")
        if errors := evidence.objections(file):
            raise DemoFailed(f"dciodvfy: {errors[0]}")


def _order(entry: dict[str, Any], exam: dict[str, Any]) -> dict[str, str]:
    return {"accession_number": entry["accession_number"], "study_instance_uid": exam["study_instance_uid"]}


def demo(folder: Path | None, keep: bool, source: str = "video") -> int:  # noqa: FBT001 - the command line's flag
    """Show the main job below `folder` (default: a new one); return 0 only after every comparison held.

    SIGTERM and SIGINT end it, and every process it started, with exit status 1; with `keep`, once the story has been
    told, they are the way to end it well.
    """
    commands = Commands(working_folder(folder))
    _on_signals(lambda _number, _frame: commands.interrupt())
    story = Story(commands, WAYS[source])
    try:
        delivered = story.play()
        if keep:
            _stay(commands, story)
    except DemoFailed as e:
        click.echo(f"demo failed: {e}", err=True)
        click.echo(commands.logs(), err=True)
        return 1
    finally:
        _on_signals(signal.SIG_IGN)
        commands.end()
    click.echo(f"delivered: {delivered}")
    return 0


def working_folder(folder: Path | None) -> Path:
    """Return an empty folder to work in: `folder`, or a new one inside of it when it has something in it."""
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="modality-agent-demo-")).resolve()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=folder)) if any(folder.iterdir()) else folder


def _on_signals(action: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, action)


def _stay(commands: Commands, story: Story) -> None:
    stop = threading.Event()
    code = commands.ask("enrol-code")
    _on_signals(lambda _number, _frame: stop.set())
    story.tell(f"the page: {code['page']}enrol (its certificate was made here, SHA-256 {code['fingerprint']})")
    story.tell(f"enrolment code of the first administrator: {code['code']}; Ctrl+C ends everything")
    while not stop.wait(1.0):
        pass
