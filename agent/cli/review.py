"""Commands of review and correction: pictures before they are sent, removal afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import show
from agent.cli.client import Client
from agent.cli.main import cli, client_command


@cli.group()
def picture() -> None:
    """Review the pictures of an exam before they are sent."""


def _shown(view: dict[str, Any]) -> tuple[Any, str]:
    said = " ".join(part for part in (view["laterality"], view["description"], "key" if view["key"] else "") if part)
    return view, f"picture {view['number']}: {view['state']}{' · ' + said if said else ''}"


@client_command(picture, "delete")
@click.argument("frame_id")
@click.option("--reason", default="", help="Needed to give up a held picture after release.")
def delete(client: Client, frame_id: str, reason: str) -> tuple[Any, str]:
    """Delete a picture; it can be restored until the exam is released."""
    return _shown(client.post(f"/frames/{frame_id}/delete", {"reason": reason}))


@client_command(picture, "restore")
@click.argument("frame_id")
def restore(client: Client, frame_id: str) -> tuple[Any, str]:
    """Bring a deleted picture back."""
    return _shown(client.post(f"/frames/{frame_id}/restore"))


@client_command(picture, "key")
@click.argument("frame_id")
@click.option("--off", is_flag=True, help="It is no key image any longer.")
def key(client: Client, frame_id: str, *, off: bool) -> tuple[Any, str]:
    """Mark a picture as a key image of its exam."""
    return _shown(client.post(f"/frames/{frame_id}/key", {"on": not off}))


@client_command(picture, "describe")
@click.argument("frame_id")
@click.option("--side", default="", type=click.Choice(["", "R", "L", "B", "U"]))
@click.option("--text", default="", help="One of the source's description_presets.")
def describe(client: Client, frame_id: str, side: str, text: str) -> tuple[Any, str]:
    """Say which side a picture shows and what it is."""
    return _shown(client.post(f"/frames/{frame_id}/describe", {"laterality": side, "description": text}))


@client_command(picture, "pages")
@click.argument("exam_id")
@click.argument("frame_ids", nargs=-1, required=True)
def pages(client: Client, exam_id: str, frame_ids: tuple[str, ...]) -> tuple[Any, str]:
    """Put the scanned sheets of an exam into this order, all of them."""
    views = client.post(f"/exams/{exam_id}/pages", {"frame_ids": list(frame_ids)})
    return views, show.table(("PAGE", "PICTURE"), [(view["page"], view["frame_id"]) for view in views])


@client_command(picture, "save")
@click.argument("frame_id")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--width", default=4096, type=click.IntRange(1, 4096))
@click.option("--frame", "number", default=1, type=click.IntRange(1), help="Which frame or page.")
def save(client: Client, frame_id: str, file: Path, width: int, number: int) -> tuple[Any, str]:
    """Write a picture as a JPEG file, to look at it."""
    made = client.raw(f"/frames/{frame_id}/picture?width={width}&frame={number}")
    file.write_bytes(made)
    return {"file": str(file), "size": len(made)}, f"{file}: {len(made)} bytes"


@cli.group()
def removal() -> None:
    """Ask an archive to take pictures out that it has already, and see what is still to be told."""


@client_command(removal, "list")
def removals(client: Client) -> tuple[Any, str]:
    """Show what a person still has to tell an archive's administrator."""
    views = client.get("/removals")
    rows = [(v["removal_id"], v["at"], show.person(v["patient"]), v["meaning"], len(v["sop_instance_uids"]), _notes(v))
            for v in views]  # fmt: skip
    return views, show.table(("REQUEST", "ASKED", "PATIENT", "WHY", "OBJECTS", "NOTE"), rows)


@client_command(removal, "codes")
def codes(client: Client) -> tuple[Any, str]:
    """Show the codes that a request may name."""
    view = client.get("/removals/codes")
    rows = [("code", c["value"], c["meaning"]) for c in view["titles"]]
    rows += [("reason", c["value"], c["meaning"]) for c in view["reasons"]]
    return view, show.table(("", "CODE", "MEANING"), rows)


@client_command(removal, "request")
@click.argument("exam_id")
@click.argument("code")
@click.option("--reason", default="", help="Code of CID 7011, with 113001 only.")
@click.option("--words", default="", help="Written into the note.")
@click.option("--picture", "frame_ids", multiple=True, help="One picture of the exam; none: all of it.")
def request(
    client: Client, exam_id: str, code: str, reason: str, words: str, frame_ids: tuple[str, ...]
) -> tuple[Any, str]:
    """Ask for the removal of an exam, or of some of its pictures, from every archive that has them."""
    body = {"code": code, "reason": reason, "words": words, "frame_ids": list(frame_ids)}
    view = client.post(f"/exams/{exam_id}/removal", body)
    return view, view["text"]


@client_command(removal, "done")
@click.argument("removal_id")
@click.option("--words", default="", help="Who was told, or what was seen.")
def done(client: Client, removal_id: str, words: str) -> tuple[Any, str]:
    """Tick a request off: the archive's administrator was told, or the pictures are gone."""
    view = client.post(f"/removals/{removal_id}/done", {"words": words})
    return view, f"done: {view['meaning']}, {len(view['sop_instance_uids'])} objects"


def _notes(view: dict[str, Any]) -> str:
    return ", ".join(f"{note['destination']} {note['state']}" for note in view["notes"])
