"""`thapsang api …` and `thapsang payments …`: clients of the API, and what providers told us."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from thapsang.domain.payments import queries
from thapsang.interfaces.cli.database import database
from thapsang.interfaces.cli.printing import AsJson, Limit, print_json
from thapsang.kit.identity import clients

app = typer.Typer(help="Payments: what providers told us, one receipt.", no_args_is_help=True)
api = typer.Typer(help="The API: its clients and its description.", no_args_is_help=True)
client = typer.Typer(help="Banks, wallets and AMI head-ends that call the API.", no_args_is_help=True)
api.add_typer(client, name="client")
console = Console()


@client.command("add")
def add(
    name: str = typer.Argument(help="Name people know the client by."),
    scopes: str = typer.Option(..., help=f"With commas between: {', '.join(clients.SCOPES)}."),
    per_minute: int = typer.Option(600, min=1, help="Calls a minute."),
    client_id: str = typer.Option("", help="Give an existing client a new secret, or choose the id."),
    as_json: AsJson = False,
) -> None:
    """Make a client. Its secret is shown this once: we keep only a hash."""
    with database():
        try:
            made, secret = clients.add_client(
                name=name,
                scopes=[s.strip() for s in scopes.split(",")],
                requests_per_minute=per_minute,
                client_id=client_id,
            )
        except clients.ClientError as error:
            raise typer.BadParameter(str(error), param_hint="--scopes") from error
    if as_json:
        print_json({"client_id": made, "client_secret": secret})
        return
    console.print(f"client_id      [bold]{made}[/]\nclient_secret  [bold]{secret}[/]   (shown once)")


@client.command("list")
def listing(as_json: AsJson = False) -> None:
    """List the clients and what they may do."""
    with database():
        found = [
            {"client_id": c.client_id, "name": c.name, "scopes": c.scopes,
             "per_minute": c.requests_per_minute, "active": c.is_active}
            for c in clients.clients()
        ]  # fmt: skip
    _show(found, as_json)


@client.command("stop")
def stop(
    client_id: str = typer.Argument(help="The client's id, as `thapsang api client list` shows it."),
    as_json: AsJson = False,
) -> None:
    """Lock a client out at once: its tokens end."""
    with database():
        if not clients.stop_client(client_id=client_id):
            raise typer.BadParameter(f"There is no client {client_id!r}; see `thapsang api client list`.")
    if as_json:
        print_json({"client_id": client_id, "active": False})
    else:
        console.print("Locked out.")


@api.command("schema")
def schema(file: Path = typer.Option(Path("docs/api/openapi.yaml"), help="Where to write it.")) -> None:
    """Write the OpenAPI description; it is committed, and a test compares it."""
    file.write_text(openapi_yaml(), encoding="utf-8")
    console.print(f"Wrote {file}.")


def openapi_yaml() -> str:
    """Return the description of the API as YAML."""
    from django.test import Client

    description = Client().get("/api/v1/openapi.json").json()
    return yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=110)


@app.command()
def callbacks(
    verdict: str = typer.Option("", help="Only these, e.g. forged, wrong-amount, success-after-failure."),
    reference: str = typer.Option("", help="Only those about this payment reference."),
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List providers' messages, the newest first, with what was made of them; only `settled` moved money."""
    with database():
        found = queries.callbacks(verdict=verdict, reference=reference, limit=limit)
    _show([vars(c) for c in found], as_json)


@app.command()
def receipt(
    code: str = typer.Argument(help="For example BN261123-7K3M9QXA."), as_json: AsJson = False
) -> None:
    """Show one payment by its receipt code."""
    with database():
        found = queries.receipt(code=code)
    if found is None:
        raise typer.BadParameter(f"There is no receipt {code!r}: it looks like BN261123-7K3M9QXA.")
    _show([vars(found) | {"credit": found.credit}], as_json)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    table = Table(box=None)
    for name in rows[0] if rows else ["nothing found"]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(v.isoformat() if isinstance(v, datetime) else str(v) for v in row.values()))
    console.print(table)
