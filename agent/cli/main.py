"""All commands. Client commands ask the running service; `run`, `check`, `migrate`, `sandbox`, `demo` stand alone."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from time import monotonic_ns
from typing import Any

import click

from agent import __version__
from agent.cli import show
from agent.cli.client import Client
from agent.cli.describe import openapi
from agent.errors import AgentError, AnotherWriter, BadRequest, ConfigurationError, NotFound

DEFAULT_CONFIG = "/etc/modality-agent/config.toml"
EXIT_REFUSED, EXIT_ANOTHER = 1, 75


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config", envvar="MODALITY_AGENT_CONFIG", default=DEFAULT_CONFIG, show_default=True,
              type=click.Path(path_type=Path), help="The configuration file.")  # fmt: skip
@click.pass_context
def cli(context: click.Context, config: Path) -> None:
    """Capture from devices that speak no DICOM, and deliver to the PACS."""
    context.obj = config


cli.add_command(openapi)


def main() -> None:
    """Run the command line; the one place where errors become exit statuses."""
    try:
        cli(standalone_mode=True)
    except ConfigurationError as e:
        for problem in e.problems:
            click.echo(problem, err=True)
        click.echo(str(e), err=True)
        sys.exit(EXIT_REFUSED)
    except AgentError as e:
        click.echo(str(e), err=True)
        sys.exit(EXIT_ANOTHER if isinstance(e, AnotherWriter) else EXIT_REFUSED)


def client_command(group: click.Group, name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command that gets a `Client` first and takes `--json`; it returns (value, text for people)."""

    def decorate(function: Callable[..., tuple[Any, str]]) -> click.Command:
        @wraps(function)
        def command(*, as_json: bool, **values: Any) -> None:
            value, text = function(client(), **values)
            if as_json:
                show.as_json(value)
            else:
                click.echo(text)

        flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        return group.command(name)(flag(command))

    return decorate


def client() -> Client:
    from agent.config.load import load

    return Client(Path(load(click.get_current_context().find_root().obj).box.data_dir) / "control.sock")


# --- the service itself ------------------------------------------------------------------------------------------


@cli.command()
@click.pass_obj
def run(config: Path) -> None:
    """Run the service until it is told to stop."""
    from agent.supervisor import run as run_box

    sys.exit(run_box(config))


@cli.command()
@click.pass_obj
def check(config: Path) -> None:
    """Check the configuration; needs no hardware and no network."""
    from agent.config.check import check as problems_of

    problems = problems_of(config)
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        sys.exit(EXIT_REFUSED)
    click.echo(f"{config}: no mistakes found")


@cli.command()
@click.pass_obj
def migrate(config: Path) -> None:
    """Bring the database up to date (done by `run` as well)."""
    from agent.config.load import load
    from agent.store.migrations import migrate as bring_up

    root = Path(load(config).box.data_dir)
    root.mkdir(parents=True, exist_ok=True)
    click.echo(f"schema before: {bring_up(str(root / 'agent.sqlite3'))}")


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("sandbox"), show_default=True)
@click.option("--seconds", type=float, default=None, help="End by itself after so long.")
def sandbox(folder: Path, seconds: float | None) -> None:
    """Start an embedded RIS and PACS with sample patients, for trying the box out."""
    from agent.sandbox_command import sandbox as serve

    sys.exit(serve(folder, seconds))


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path), default=None, help="Where to work; default: a new one.")
@click.option("--keep", is_flag=True, help="Stay up afterwards and print the page's address.")
@click.option("--source", type=click.Choice(("video", "clip", "film", "paper", "screen", "folder")), default="video")
def demo(folder: Path | None, keep: bool, source: str) -> None:  # noqa: FBT001 - click passes flags so
    """Watch the main job happen, from the device's video to the PACS."""
    from agent.demo.main import demo as show_demo

    sys.exit(show_demo(folder, keep, source))


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


# --- looking -----------------------------------------------------------------------------------------------------


@client_command(cli, "status")
def status(client: Client) -> tuple[Any, str]:
    """Show the box: sources, destinations, alarms."""
    view = client.get("/status")
    return view, show.status(view)


@client_command(cli, "process")
def process(client: Client) -> tuple[Any, str]:
    """Show the core process: memory and what it has imported."""
    view = client.get("/process")
    return view, f"pid {view['pid']}, {view['resident_kb'] // 1024} MiB (peak {view['peak_kb'] // 1024} MiB)"


@client_command(cli, "worklist")
@click.option("--refresh", is_flag=True, help="Ask the server now.")
def worklist(client: Client, *, refresh: bool) -> tuple[Any, str]:
    """Show the worklist with its age."""
    view = client.post("/worklist/refresh") if refresh else client.get("/worklist")
    return view, show.worklist(view)


@client_command(cli, "echo")
@click.argument("name")
def echo(client: Client, name: str) -> tuple[Any, str]:
    """Test the connection to a destination (or `worklist`) and name the phase that fails."""
    view = client.post(f"/destinations/{name}/echo")
    verdict = "answers" if view["ok"] else f"FAILS in phase {view['phase']}"
    return view, f"{name} {verdict}: {view['words']} ({view['code']})"


# --- exams -------------------------------------------------------------------------------------------------------


@cli.group()
def exam() -> None:
    """Open, finish and look at exams."""


@client_command(exam, "list")
def exam_list(client: Client) -> tuple[Any, str]:
    """Show the newest exams."""
    views = client.get("/exams")
    return views, show.exams(views)


@client_command(exam, "show")
@click.argument("exam_id")
def exam_show(client: Client, exam_id: str) -> tuple[Any, str]:
    """Show one exam and its pictures."""
    view = client.get(f"/exams/{exam_id}")
    frames = [(f["number"], f["state"], f["captured_at"], f["sop_instance_uid"], f["reason"]) for f in view["frames"]]
    return view, show.exams([view]) + "\n" + show.table(("№", "STATE", "CAPTURED", "SOP INSTANCE", "REASON"), frames)


@client_command(exam, "start")
@click.argument("key")
@click.option("--source", default="", help="Which source; default: the only one.")
@click.option("--mode", type=click.Choice(["", "scan", "reenter", "click"]), default="",
              help="What confirms the patient; empty: told from what was typed.")  # fmt: skip
@click.option("--confirm", "typed", default="", help="What was typed or scanned to confirm the patient.")
@click.option("--finish-open", default="", help="The open exam that ends by this act.")
def exam_start(client: Client, key: str, source: str, mode: str, typed: str, finish_open: str) -> tuple[Any, str]:
    """Open an exam for the worklist entry KEY (its beginning is enough where it is unique)."""
    entry = identity.chosen(client, key)
    body = {"source": only_source(client, source), "key": entry["key"], "digest": entry["digest"]}
    body |= {"mode": mode, "typed": typed, "finish_open": finish_open}
    return _opened(client.post("/exams", body))


@client_command(exam, "unscheduled")
@click.option("--name", required=True, help="Family^Given^Patronymic.")
@click.option("--id", "patient_id", required=True)
@click.option("--birth-date", default="", help="YYYYMMDD.")
@click.option("--sex", type=click.Choice(["", "M", "F", "O"]), default="")
@click.option("--source", default="")
def exam_unscheduled(client: Client, **v: str) -> tuple[Any, str]:
    """Open an exam for a patient without an order."""
    patient = {
        "patient_name": v["name"],
        "patient_id": v["patient_id"],
        "patient_birth_date": v["birth_date"],
        "patient_sex": v["sex"],
    }
    body = {"source": only_source(client, v["source"]), "patient": patient}
    return _opened(client.post("/exams/unscheduled", body))


@client_command(exam, "emergency")
@click.option("--source", default="")
def exam_emergency(client: Client, source: str) -> tuple[Any, str]:
    """Open an exam under a temporary identity."""
    return _opened(client.post("/exams/emergency", {"source": only_source(client, source)}))


def _exam_act(event: str, sentence: str) -> None:
    @client_command(exam, event)
    @click.argument("exam_id")
    @click.option("--reason", default="")
    def act(client: Client, exam_id: str, reason: str) -> tuple[Any, str]:
        view = client.post(f"/exams/{exam_id}/{event}", {"reason": reason})
        return view, show.exams([view])

    act.help = sentence


for _event, _sentence in {
    "finish": "Close an exam; it is sent when the undo window ends.",
    "undo": "Take a finish back while the undo window lasts.",
    "release": "Send a held exam as it is.",
    "hold": "Keep an exam from being sent.",
    "discard": "Give an exam up, with a reason.",
    "resume": "Say that it is still the same patient after a restart.",
}.items():
    _exam_act(_event, _sentence)


@client_command(cli, "capture")
@click.option("--source", default="")
@click.option("--trigger", default="", help="Identifier of the press; the same one again gives the same picture.")
def capture(client: Client, source: str, trigger: str) -> tuple[Any, str]:
    """Capture one picture into the open exam."""
    pressed = monotonic_ns()
    body = {"trigger_id": trigger or uuid.uuid4().hex, "pressed_ns": pressed}
    view = client.post(f"/sources/{only_source(client, source)}/capture", body)
    return view, f"captured: picture {view['number']} ({view['columns']}×{view['rows']}), safe on this box"


@cli.group()
def clip() -> None:
    """Record clips into the open exam."""


@client_command(clip, "start")
@click.option("--source", default="")
def clip_start(client: Client, source: str) -> tuple[Any, str]:
    """Begin a clip."""
    body = {"trigger_id": uuid.uuid4().hex, "pressed_ns": monotonic_ns()}
    view = client.post(f"/sources/{only_source(client, source)}/clip/start", body)
    return view, "recording: what is recorded is safe on this box, to the second"


@client_command(clip, "stop")
@click.option("--source", default="")
def clip_stop(client: Client, source: str) -> tuple[Any, str]:
    """End the clip."""
    view = client.post(f"/sources/{only_source(client, source)}/clip/stop")
    return view, f"recorded: picture {view['number']}, {view['frames']} frames, safe on this box"


@cli.group()
def tray() -> None:
    """Look at what arrived without a patient, and put it into the open exam."""


@client_command(tray, "list")
def tray_list(client: Client) -> tuple[Any, str]:
    """Show what waits for a person, and what could not be read."""
    views = client.get("/tray")
    rows = [(v["item_id"], v["state"], v["kind"], v["size"], v["name"], v["arrived_at"], v["reason"]) for v in views]
    return views, show.table(("ITEM", "STATE", "KIND", "BYTES", "FILE", "ARRIVED", "REASON"), rows)


@client_command(tray, "assign")
@click.argument("item_id")
@click.option("--source", default="")
def tray_assign(client: Client, item_id: str, source: str) -> tuple[Any, str]:
    """Put an item into the exam that is open."""
    view = client.post(f"/tray/{item_id}/assign", {"source": only_source(client, source)})
    return view, f"assigned: picture {view['number']}, safe on this box"


@client_command(tray, "discard")
@click.argument("item_id")
@click.option("--reason", default="")
def tray_discard(client: Client, item_id: str, reason: str) -> tuple[Any, str]:
    """Give an item up, with a reason."""
    return client.post(f"/tray/{item_id}/discard", {"reason": reason}), "discarded"


@client_command(cli, "finish")
@click.option("--source", default="")
def finish(client: Client, source: str) -> tuple[Any, str]:
    """Finish the open exam."""
    name = only_source(client, source)
    exam_id = next((s["exam_id"] for s in client.get("/sources") if s["name"] == name), "")
    if not exam_id:
        raise NotFound("No exam is open.")
    view = client.post(f"/exams/{exam_id}/finish")
    return view, show.exams([view])


@client_command(cli, "fault")
@click.argument("source")
@click.argument("fault")
def fault(client: Client, source: str, fault: str) -> tuple[Any, str]:
    """Make the simulator misbehave (no_signal, frozen, crash, hang, none …)."""
    return client.post(f"/sources/{source}/fault", {"fault": fault}), f"{source}: {fault}"


def only_source(client: Client, name: str) -> str:
    if name:
        return name
    names = [source["name"] for source in client.get("/sources")]
    if len(names) != 1:
        raise BadRequest(f"Say which source: {', '.join(names)}.")
    return str(names[0])


def _opened(view: dict[str, Any]) -> tuple[Any, str]:
    return view, f"open: {show.person(view['patient'])} on {view['source']} (exam {view['exam_id']})"


# --- queue -------------------------------------------------------------------------------------------------------


@cli.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Show what is stored here, sent or held, and why."""
    if context.invoked_subcommand is None:
        jobs = client().get("/queue")
        if as_json:
            show.as_json(jobs)
        else:
            click.echo(show.queue(jobs))


@client_command(queue, "why")
@click.argument("job_id", type=int)
def queue_why(client: Client, job_id: int) -> tuple[Any, str]:
    """Show every try of one job."""
    tries = client.get(f"/jobs/{job_id}/attempts")
    rows = [(a["at"], a["phase"], a["action"], a["code"], a["words"], a["blame"], a["comment"]) for a in tries]
    return tries, show.table(("AT", "PHASE", "ACTION", "CODE", "WORDS", "BLAME", "COMMENT"), rows)


@client_command(queue, "redirect")
@click.argument("job_id", type=int)
@click.argument("destination")
@click.option("--reason", default="")
def queue_redirect(client: Client, job_id: int, destination: str, reason: str) -> tuple[Any, str]:
    """Send one object to another destination than planned."""
    view = client.post(f"/jobs/{job_id}/redirect", {"destination": destination, "reason": reason})
    return view, show.queue([view])


def _job_act(event: str, sentence: str) -> None:
    @client_command(queue, event)
    @click.argument("job_id", type=int)
    @click.option("--reason", default="")
    def act(client: Client, job_id: int, reason: str) -> tuple[Any, str]:
        view = client.post(f"/jobs/{job_id}/{event}", {"reason": reason})
        return view, show.queue([view])

    act.help = sentence


for _event, _sentence in {
    "retry": "Try one job now.",
    "hold": "Keep one job from being sent.",
    "discard": "Give one job up, with a reason.",
}.items():
    _job_act(_event, _sentence)


from agent.cli import accounts, configuration, identity, keeping, operations, review  # noqa: E402, F401 - their commands hang themselves onto the groups above
