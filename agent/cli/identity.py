"""Commands about whose pictures they are: choose and confirm, take over, move, append, date; the clock."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import show
from agent.cli.client import Client
from agent.cli.main import cli, client_command, exam, only_source
from agent.errors import NotFound

_MODES = click.Choice(["", "scan", "reenter", "click"])


def chosen(client: Client, key: str) -> dict[str, Any]:
    """Return the one worklist entry whose key begins with `key`; raises `NotFound`."""
    entries = [e for e in client.get("/worklist")["entries"] if e["key"].startswith(key)]
    if len(entries) != 1:
        raise NotFound("No entry, or more than one, has a key that begins so.")
    return dict(entries[0])


@client_command(exam, "confirm")
@click.argument("key")
@click.option("--source", default="")
def exam_confirm(client: Client, key: str, source: str) -> tuple[Any, str]:
    """Show what may confirm the worklist entry KEY now."""
    entry = chosen(client, key)
    view = client.get(f"/sources/{only_source(client, source)}/confirm/{entry['key']}")
    alike = [(e["patient"]["name"], e["patient"]["birth_date"], e["patient"]["patient_id"]) for e in view["alike"]]
    text = f"{entry['patient']['name']}: {' or '.join(view['modes'])} {view['why']}"
    return view, text + ("\nalike:\n" + show.table(("NAME", "BORN", "ID"), alike) if alike else "")


@client_command(exam, "move")
@click.argument("exam_id")
@click.option("--reason", required=True)
@click.option("--to", "key", default="", help="Worklist entry, by the beginning of its key.")
@click.option("--mode", type=_MODES, default="", help="What confirmed the patient.")
@click.option("--confirm", "typed", default="", help="What was typed or scanned to confirm the patient.")
@click.option("--name", default="", help="Instead of an entry: Family^Given^Patronymic.")
@click.option("--id", "patient_id", default="")
@click.option("--birth-date", default="", help="YYYYMMDD.")
@click.option("--sex", type=click.Choice(["", "M", "F", "O"]), default="")
def exam_move(client: Client, exam_id: str, reason: str, **v: str) -> tuple[Any, str]:
    """Move the pictures of an exam to another patient or order, under new UIDs."""
    body: dict[str, Any] = {"reason": reason}
    if v["key"]:
        entry = chosen(client, v["key"])
        body |= {"key": entry["key"], "digest": entry["digest"], "mode": v["mode"], "typed": v["typed"]}
    else:
        body["patient"] = {
            "patient_name": v["name"],
            "patient_id": v["patient_id"],
            "patient_birth_date": v["birth_date"],
            "patient_sex": v["sex"],
        }
    view = client.post(f"/exams/{exam_id}/reidentify", body)
    return view, show.exams([view])


@client_command(exam, "append")
@click.argument("exam_id")
@click.option("--source", default="")
@click.option("--mode", type=_MODES, default="")
@click.option("--confirm", "typed", default="", help="What was typed or scanned to confirm the patient.")
def exam_append(client: Client, exam_id: str, source: str, mode: str, typed: str) -> tuple[Any, str]:
    """Open one more series of a study that this box knows."""
    body = {"source": only_source(client, source), "mode": mode, "typed": typed}
    view = client.post(f"/exams/{exam_id}/append", body)
    return view, show.exams([view])


@client_command(exam, "date")
@click.argument("exam_id")
@click.option("--shift", "shift_s", type=float, default=None, help="Seconds from the stamped time to the right one.")
@click.option("--instant", default="", help="When the first picture was taken (ISO 8601).")
def exam_date(client: Client, exam_id: str, shift_s: float | None, instant: str) -> tuple[Any, str]:
    """Say when pictures were taken that had no trusted clock; with neither option by the boot clock."""
    view = client.post(f"/exams/{exam_id}/date", {"shift_s": shift_s, "instant": instant})
    return view, show.exams([view])


@client_command(cli, "corrections")
def corrections(client: Client) -> tuple[Any, str]:
    """Show which pictures were moved from one patient to another."""
    views = client.get("/corrections")
    rows = [(v["at"], v["who"], v["old_exam_id"], v["new_exam_id"], v["reason"], v["removal"]) for v in views]
    return views, show.table(("AT", "WHO", "FROM", "TO", "REASON", "REMOVAL"), rows)


@client_command(cli, "confirm-clock")
@click.option("--shown", default="", help="The time that you saw (ISO 8601); more than two minutes off is refused.")
def confirm_clock(client: Client, shown: str) -> tuple[Any, str]:
    """Say that the box's clock is right; holds until the next boot."""
    view = client.post("/clock/confirm", {"shown": shown})
    return view, f"the clock says {view['now']} ({view['clock_trust']})"
