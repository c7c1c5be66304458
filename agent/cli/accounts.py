"""Commands about accounts and the audit trail: clients of the running service, by its control socket."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import show
from agent.cli.client import Client
from agent.cli.main import EXIT_REFUSED, cli, client_command
from agent.errors import NotFound


@client_command(cli, "enrol-code")
def enrol_code(client: Client) -> tuple[Any, str]:
    """Make a new enrolment code for an administrator; every older one is worth nothing."""
    view = client.post("/enrolment-code")
    lines = (
        f"enrolment code: {view['code']}",
        f"good once, until {view['expires_at']}",
        f"page: {view['page']}enrol",
        f"its certificate (SHA-256): {view['fingerprint']}",
    )
    return view, "\n".join(lines)


@cli.group()
def user() -> None:
    """Look at people's accounts, and change them where no administrator can."""


@client_command(user, "list")
def user_list(client: Client) -> tuple[Any, str]:
    """Show everybody who has an account."""
    views = client.get("/users")
    rows = [(v["name"], v["role"], v["state"], v["has_pin"], v["has_badge"], v["created_at"]) for v in views]
    return views, show.table(("NAME", "ROLE", "STATE", "PIN", "BADGE", "SINCE"), rows)


@client_command(user, "add")
@click.argument("name")
@click.option("--role", type=click.Choice(("technician", "administrator", "service")), default="technician")
@click.password_option()
def user_add(client: Client, name: str, role: str, password: str) -> tuple[Any, str]:
    """Make an account; the password is asked for."""
    view = client.post("/users", {"name": name, "role": role, "password": password})
    return view, f"made: {view['name']}, {view['role']}"


def _secret(kind: str) -> None:
    @client_command(user, kind)
    @click.argument("name")
    @click.option("--secret", prompt=True, hide_input=True, confirmation_prompt=True)
    def act(client: Client, name: str, secret: str) -> tuple[Any, str]:
        view = client.post(f"/users/{_id(client, name)}/{kind}", {"secret": secret})
        return view, f"{view['name']}: new {kind}"

    act.help = f"Give somebody a new {kind}; it is asked for."


def _act(event: str) -> None:
    @client_command(user, event)
    @click.argument("name")
    def act(client: Client, name: str) -> tuple[Any, str]:
        view = client.post(f"/users/{_id(client, name)}/{event}")
        return view, f"{view['name']}: {view['state']}"

    act.help = f"{event.capitalize()} somebody's account."


for _kind in ("password", "pin", "badge"):
    _secret(_kind)
for _event in ("disable", "enable", "remove"):
    _act(_event)


def _id(client: Client, name: str) -> str:
    found = [v["user_id"] for v in client.get("/users") if v["name"] == name]
    if not found:
        raise NotFound("There is nobody of that name.")
    return str(found[0])


@cli.group()
def session() -> None:
    """See who is logged in, and end a login."""


@client_command(session, "list")
def session_list(client: Client) -> tuple[Any, str]:
    """Show every login that has not ended."""
    views = client.get("/sessions")
    rows = [
        (v["session_id"], v["name"], v["role"], v["state"], v["screen"], v["address"], v["began_at"]) for v in views
    ]
    return views, show.table(("SESSION", "NAME", "ROLE", "STATE", "SCREEN", "ADDRESS", "SINCE"), rows)


@client_command(session, "revoke")
@click.argument("session_id")
def session_revoke(client: Client, session_id: str) -> tuple[Any, str]:
    """End one login now."""
    return client.post(f"/sessions/{session_id}/revoke"), "ended"


@cli.group()
def screen() -> None:
    """See the enrolled screens, and take one back."""


@client_command(screen, "list")
def screen_list(client: Client) -> tuple[Any, str]:
    """Show every enrolled screen."""
    views = client.get("/screens")
    rows = [(v["screen_id"], v["name"], v["source"], v["person"], v["enrolled_at"]) for v in views]
    return views, show.table(("SCREEN", "NAME", "SOURCE", "PERSON", "SINCE"), rows)


@client_command(screen, "code")
def screen_code(client: Client) -> tuple[Any, str]:
    """Make a code with which one screen enrols itself."""
    view = client.post("/screens/code")
    return view, f"screen code: {view['code']}\ngood once, until {view['expires_at']}"


@client_command(screen, "revoke")
@click.argument("screen_id")
def screen_revoke(client: Client, screen_id: str) -> tuple[Any, str]:
    """Take one screen back, with every login on it."""
    return client.post(f"/screens/{screen_id}/revoke"), "revoked"


@cli.group()
def token() -> None:
    """Let programs in, and shut them out."""


@client_command(token, "list")
def token_list(client: Client) -> tuple[Any, str]:
    """Show every program that is let in."""
    views = client.get("/tokens")
    rows = [(v["token_id"], v["name"], v["role"], v["expires_at"]) for v in views]
    return views, show.table(("TOKEN", "NAME", "ROLE", "UNTIL"), rows)


@client_command(token, "add")
@click.argument("name")
@click.option("--role", type=click.Choice(("technician", "administrator", "service")), default="technician")
@click.option("--days", type=int, default=365, show_default=True)
def token_add(client: Client, name: str, role: str, days: int) -> tuple[Any, str]:
    """Let a program in; its token is printed this once."""
    view = client.post("/tokens", {"name": name, "role": role, "days": days})
    return view, f"{view['name']}, {view['role']}, until {view['expires_at']}\ntoken: {view['token']}"


@client_command(token, "revoke")
@click.argument("token_id")
def token_revoke(client: Client, token_id: str) -> tuple[Any, str]:
    """Shut one program out."""
    return client.post(f"/tokens/{token_id}/revoke"), "revoked"


# --- audit -------------------------------------------------------------------------------------------------------


@cli.group()
def audit() -> None:
    """Read and verify the audit trail."""


@client_command(audit, "list")
@click.option("--before", type=int, default=0, help="Rows before this number; default: the newest.")
@click.option("--limit", type=int, default=100, show_default=True)
def audit_list(client: Client, before: int, limit: int) -> tuple[Any, str]:
    """Show the newest rows; that they were read is a row itself."""
    views = client.post("/audit/read", {"before": before, "limit": limit})
    rows = [
        (v["number"], v["at"], v["event"], v["type"], v["action"], v["result"], v["who"], v["told"].get("subject", ""))
        for v in views
    ]
    return views, show.table(("№", "AT", "EVENT", "TYPE", "ACT", "RESULT", "WHO", "ABOUT"), rows)


@client_command(audit, "verify")
@click.option("--against", default="", metavar="NUMBER:SHA256", help="A row as it was written down elsewhere.")
def audit_verify(client: Client, against: str) -> tuple[Any, str]:
    """Look through the whole chain and name the first row that is not as it was written; exit 1 then."""
    number, _, sha256 = against.partition(":")
    view = client.post("/audit/verify", {"number": int(number or 0), "sha256": sha256} if against else {})
    if view["ok"]:
        text = f"whole: rows {view['first']} to {view['last']}, last {view['last']}:{view['sha256']}"
        return view, f"{text}\ndelivered up to {view['delivered']}"
    click.echo(f"BROKEN at row {view['broken_at']}: {view['why']}", err=True)
    raise click.exceptions.Exit(EXIT_REFUSED)
